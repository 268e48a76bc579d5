//! Deltas as text.

use margay_policy::{Changes, Delta, Endpoint, IpSet, Member, MemberKind, Plan, SetOf, Stack, TierSlice};

/// One line for each delta, with what a driver would read of the Plan.
pub(crate) fn deltas(plan: &Plan, changes: &Changes) -> String {
    changes.deltas.iter().map(|delta| format!("   {}\n", line(plan, delta))).collect()
}

fn line(plan: &Plan, delta: &Delta) -> String {
    let enforced = |yes: bool| if yes { "" } else { " (staged)" };
    match delta {
        Delta::SetAdded(id) => {
            let set = &plan.sets[*id];
            format!("set + {}{} {}", name(set), enforced(set.enforced), members(set.members.iter()))
        }
        Delta::MembersAdded(id, list) => format!("set {} + {}", name(&plan.sets[*id]), members(list.iter().copied())),
        Delta::MembersRemoved(id, list) => format!("set {} - {}", name(&plan.sets[*id]), members(list.iter().copied())),
        Delta::SetStaged(id) => format!("set {} staged", name(&plan.sets[*id])),
        Delta::SetRemoved(_, set) => format!("set - {}", name(set)),
        Delta::PolicyPut(id) => {
            let policy = &plan.policies[*id];
            let rules = (policy.ingress.len(), policy.egress.len());
            format!("policy + {}{} of {} in, {} out", policy.key, enforced(policy.enforced), rules.0, rules.1)
        }
        Delta::PolicyStaged(id) => format!("policy {} staged", plan.policies[*id].key),
        Delta::PolicyRemoved(_, policy) => format!("policy - {}", policy.key),
        Delta::StackAdded(id) => {
            let stack = &plan.stacks[*id];
            format!("stack + {}{}", told(plan, stack), enforced(stack.enforced))
        }
        Delta::StackStaged(id) => format!("stack {} staged", told(plan, &plan.stacks[*id])),
        Delta::StackRemoved(..) => "stack -".to_owned(),
        Delta::Node(name) => match plan.nodes.get(name) {
            Some(info) => {
                let uplink = plan.uplinks.get(name).map(|id| plan.endpoints[*id].key.to_string());
                format!("node {name} {:?} {}", info.addresses, uplink.unwrap_or_default())
            }
            None => format!("node - {name}"),
        },
        Delta::EndpointPut(id) => endpoint(plan, &plan.endpoints[*id]),
        Delta::EndpointRemoved(_, endpoint) => format!("endpoint - {}", endpoint.key),
        Delta::RouteRemoved(route) => format!("route - {} {} ({})", route.destination, route.via, route.node),
        Delta::RouteAdded(to) => format!("route + {to} {} ({})", plan.routes[to].via, plan.routes[to].node),
    }
}

fn endpoint(plan: &Plan, endpoint: &Endpoint) -> String {
    let stacks = |stacks: margay_policy::EndpointStacks| {
        stacks.iter().map(|id| told(plan, &plan.stacks[id])).collect::<Vec<_>>().join(" / ")
    };
    let staged = endpoint.staged.map(|staged| format!(", staged {}", stacks(staged))).unwrap_or_default();
    format!("endpoint + {} {:?} {}{staged}", endpoint.key, endpoint.addresses, stacks(endpoint.stacks))
}

fn name(set: &IpSet) -> String {
    let kind = match set.key.kind {
        MemberKind::Address => "",
        MemberKind::Prefix => " nets",
        MemberKind::AddressPort => " ports",
    };
    let of = match &set.key.of {
        SetOf::Selector(selector, _) => selector.to_string(),
        SetOf::NamedPort(selector, _, name, _) => format!("{name} of {selector}"),
        SetOf::Service(namespace, name) => format!("service {namespace}/{name}"),
        SetOf::Nodes(selector) => format!("nodes {selector}"),
    };
    format!("[{of}]{kind}{}", if set.key.own { " here" } else { "" })
}

fn members(list: impl Iterator<Item = Member>) -> String {
    let mut list: Vec<_> = list.collect();
    list.sort_unstable();
    let text = |member: &Member| match member {
        Member::Address(address) => address.to_string(),
        Member::Prefix(prefix) => prefix.to_string(),
        Member::AddressPort(address, protocol, port) => format!("{address} {protocol} {port}"),
    };
    format!("{{{}}}", list.iter().map(text).collect::<Vec<_>>().join(", "))
}

fn told(plan: &Plan, stack: &Stack) -> String {
    let slices = |slices: &[TierSlice]| {
        let slice = |slice: &TierSlice| {
            let names: Vec<_> = slice.policies.iter().map(|id| plan.policies[*id].key.name.as_str()).collect();
            format!("{}({}) {:?}", slice.tier, names.join(" "), slice.end)
        };
        slices.iter().map(slice).collect::<Vec<_>>().join(", ")
    };
    format!("<in: {}; out: {}; {:?}>", slices(&stack.ingress), slices(&stack.egress), stack.end)
}
