//! The schemas have the fields that the reader knows, and no others.

use super::*;
use crate::decode::{calico, calico_rule, kubernetes, labelled};

fn fields<'a>(definitions: &'a [Value], kind: &str, path: &str) -> Vec<&'a str> {
    let definition = definitions.iter().find(|definition| definition["spec"]["names"]["kind"] == kind).expect("a kind");
    let pointer: String = path
        .split('.')
        .map(|step| if step == "[]" { "/items".into() } else { format!("/properties/{step}") })
        .collect();
    let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let schema = root.pointer(&pointer).unwrap_or_else(|| panic!("no {path} in {kind}"));
    let mut names: Vec<&str> =
        schema["properties"].as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_fields_of_a_schema_are_those_that_the_reader_knows() {
    let definitions = definitions(Group::Calico);
    for (kind, path, known) in [
        ("NetworkPolicy", "spec", calico::SPEC),
        ("GlobalNetworkPolicy", "spec", calico::GLOBAL_SPEC),
        ("StagedNetworkPolicy", "spec", calico::STAGED_SPEC),
        ("StagedGlobalNetworkPolicy", "spec", calico::STAGED_GLOBAL_SPEC),
        ("StagedKubernetesNetworkPolicy", "spec", kubernetes::STAGED_SPEC),
        ("NetworkPolicy", "spec.ingress.[]", calico_rule::RULE),
        ("NetworkPolicy", "spec.egress.[]", calico_rule::RULE),
        ("NetworkPolicy", "spec.ingress.[].source", calico_rule::ENTITY),
        ("NetworkPolicy", "spec.egress.[].destination", calico_rule::ENTITY),
        ("Profile", "spec.ingress.[]", calico_rule::RULE),
        ("Tier", "spec", labelled::TIER),
        ("NetworkSet", "spec", labelled::NETWORK_SET),
        ("GlobalNetworkSet", "spec", labelled::NETWORK_SET),
        ("Profile", "spec", labelled::PROFILE),
        ("HostEndpoint", "spec", labelled::HOST_ENDPOINT),
        ("HostEndpoint", "spec.ports.[]", labelled::NAMED_PORT),
    ] {
        let mut known = known.to_vec();
        known.sort_unstable();
        assert_eq!(fields(&definitions, kind, path), known, "{path} of {kind}");
    }
}

#[test]
fn every_calico_kind_that_is_read_is_defined() {
    let definitions = definitions(Group::Calico);
    for (kind, versions) in crate::Kind::readable().filter(|(_, versions)| versions.contains(&"projectcalico.org/v3")) {
        let found = definitions.iter().find(|definition| definition["spec"]["names"]["kind"] == kind.name());
        let definition = found.unwrap_or_else(|| panic!("{kind:?} is read in {versions:?}"));
        let scope = if kind.namespaced() { "Namespaced" } else { "Cluster" };
        assert_eq!(definition["spec"]["scope"], scope, "{kind:?}");
    }
}
