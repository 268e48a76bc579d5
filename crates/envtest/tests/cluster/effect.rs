//! Policies take effect on real packets.

use crate::traffic::{Passes, passes};
use crate::world::{CLIENT, NODES, PATIENCE, SHOP, VICTIM, in_cluster, policy, running};
use margay_envtest::{Write, objects};
use serde_json::json;

const PORT: u16 = 5000;

#[test]
fn policies_take_effect_on_packets() {
    in_cluster(|world| {
        let [mut first, mut second] = [0, 1].map(|node| world.agent(node));
        for agent in [&mut first, &mut second] {
            agent.until_settled(PATIENCE).expect("it settles");
        }
        let closed = objects::ingress_policy(SHOP, "closed", &[("app", "victim")], vec![], PORT);
        let open = policy("open", &[("app", "victim")], &[("role", "friend")], PORT);
        let client = |labels| json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "client", "namespace": SHOP, "labels": labels } });
        let steps = [
            ("nothing is said of it", None, Passes::Always),
            ("the victim is isolated", Some(Write::Create(closed)), Passes::Never),
            ("friends are let in", Some(Write::Create(open.clone())), Passes::Never),
            ("the client becomes one", Some(Write::Patch(client(json!({ "role": "friend" })))), Passes::Always),
            ("it is one no longer", Some(Write::Patch(client(json!({ "role": null })))), Passes::Never),
            ("and is one again", Some(Write::Patch(client(json!({ "role": "friend" })))), Passes::Always),
            ("the policy goes", Some(Write::Delete(open)), Passes::Never),
        ];
        for (step, write, expected) in steps {
            world.write(write.map(|write| vec![write]));
            // What is in force is known first; then packets are asked.
            world.until_all_as_fresh(step);
            assert_eq!(passes(world.fabric, PORT), expected, "{step}");
        }
        // A pod that comes with the address of one that is gone has what policy says of it, and not of the other.
        let gone = objects::pod(SHOP, "client", NODES[0], &[]);
        world.write([vec![Write::Delete(gone)]]);
        world.write([running("other", NODES[0], &[("role", "friend")], CLIENT)]);
        world.write([vec![Write::Create(policy("again", &[("app", "victim")], &[("role", "friend")], PORT))]]);
        world.until_all_as_fresh("a pod of the same address");
        assert_eq!(passes(world.fabric, PORT), Passes::Always, "{CLIENT} is a friend of {VICTIM}");
        for (node, agent) in [first, second].into_iter().enumerate() {
            world.assert_fresh_agent_writes_nothing(node, agent);
        }
    });
}
