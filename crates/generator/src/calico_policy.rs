//! NetworkPolicy and GlobalNetworkPolicy of `projectcalico.org/v3`, and their staged forms.

use crate::alphabet::{POLICIES, TIERS, Vocabulary, namespace};
use crate::calico_rule::{Scope, rules};
use crate::json::{Json, maybe, merged, record, word};
use crate::selector::selector;
use crate::{Document, Shape, staged};
use margay_api::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A NetworkPolicy.
pub(crate) fn calico_network_policy() -> BoxedStrategy<Document> {
    (namespace(), word(POLICIES), spec(Scope::Namespaced))
        .prop_map(|(namespace, name, spec)| {
            Document::new(Kind::CalicoNetworkPolicy, namespace, name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// A StagedNetworkPolicy.
pub(crate) fn staged_network_policy() -> BoxedStrategy<Document> {
    (namespace(), word(POLICIES), spec(Scope::Namespaced), staged::action())
        .prop_map(|(namespace, name, spec, action)| {
            let spec = staged::spec(spec, action);
            Document::new(Kind::StagedNetworkPolicy, namespace, name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

/// A GlobalNetworkPolicy.
pub(crate) fn global_network_policy(shape: Shape) -> BoxedStrategy<Document> {
    (word(POLICIES), global_spec(shape))
        .prop_map(|(name, spec)| Document::new(Kind::GlobalNetworkPolicy, "", name, json!({}), json!({ "spec": spec })))
        .boxed()
}

/// A StagedGlobalNetworkPolicy.
pub(crate) fn staged_global_network_policy(shape: Shape) -> BoxedStrategy<Document> {
    (word(POLICIES), global_spec(shape), staged::action())
        .prop_map(|(name, spec, action)| {
            let spec = staged::spec(spec, action);
            Document::new(Kind::StagedGlobalNetworkPolicy, "", name, json!({}), json!({ "spec": spec }))
        })
        .boxed()
}

fn spec(scope: Scope) -> Json {
    let tier = prop_oneof![
        4 => Just("default"),
        4 => word(TIERS),
        1 => word(&["kube-admin", "kube-baseline", "nowhere"]),
    ];
    let types = prop_oneof![
        3 => Just(json!(["Ingress"])),
        2 => Just(json!(["Egress"])),
        3 => Just(json!(["Ingress", "Egress"])),
    ];
    let order = prop::sample::select(&[10.0, 100.0, 100.0, 999.5, 1000.0, 2000.0][..]);
    record([
        maybe("tier", 0.7, tier),
        maybe("order", 0.8, order),
        maybe("selector", 0.8, selector(Vocabulary::Inherited)),
        maybe("serviceAccountSelector", 0.08, selector(Vocabulary::Parent)),
        maybe("types", 0.6, types),
        maybe("ingress", 0.75, rules(scope, false)),
        maybe("egress", 0.6, rules(scope, true)),
    ])
}

fn global_spec(shape: Shape) -> Json {
    let more = record([maybe("namespaceSelector", 0.2, selector(Vocabulary::Parent))]);
    let stage = if shape.host_endpoints {
        prop_oneof![5 => Just(Stage::Normal), 3 => Just(Stage::Forward), 2 => Just(Stage::PreDnat), 2 => Just(Stage::Untracked)]
            .boxed()
    } else {
        Just(Stage::Normal).boxed()
    };
    (spec(Scope::Global), more, stage).prop_map(|(spec, more, stage)| stage.of(merged(spec, more))).boxed()
}

/// When a policy is asked at a host endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Normal,
    Forward,
    PreDnat,
    Untracked,
}

impl Stage {
    /// The spec with the fields of the stage, and without what they exclude.
    fn of(self, mut spec: Value) -> Value {
        if self == Self::Normal {
            return spec;
        }
        spec["applyOnForward"] = true.into();
        match self {
            Self::PreDnat => {
                spec["preDNAT"] = true.into();
                spec["types"] = json!(["Ingress"]);
                if let Some(fields) = spec.as_object_mut() {
                    fields.remove("egress");
                }
            }
            Self::Untracked => spec["doNotTrack"] = true.into(),
            Self::Normal | Self::Forward => {}
        }
        spec
    }
}
