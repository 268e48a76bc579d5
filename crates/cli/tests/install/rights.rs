//! What agents and the controller may do: no more than they do.

use crate::{object, objects, strings};
use margay_api::Kind;
use margay_kubernetes::Resource;
use serde_json::Value;
use std::collections::BTreeSet;

/// Group and resource.
type Resources = BTreeSet<(String, String)>;

/// What these rules let do this.
fn with_verb(rules: &Value, verb: &str) -> Resources {
    let mut found = Resources::new();
    for rule in rules.as_array().expect("rules").iter().filter(|rule| strings(&rule["verbs"]).contains(&verb)) {
        for group in strings(&rule["apiGroups"]) {
            found.extend(strings(&rule["resources"]).into_iter().map(|name| (group.to_owned(), name.to_owned())));
        }
    }
    found
}

/// These kinds, in each group that they are read from.
fn reading(which: impl Fn(Kind) -> bool) -> Resources {
    let resource = |kind: Kind, version: &str| {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        (group.to_owned(), Resource::of(kind, version).plural())
    };
    let kinds = Kind::readable().filter(|(kind, _)| which(*kind));
    kinds.flat_map(|(kind, versions)| versions.into_iter().map(move |version| resource(kind, version))).collect()
}

/// Margay's own group; and the rights to policies in a tier by which Calico's API server shows them, as to whoever may get the tier.
fn is_beside(resource: &(String, String)) -> bool {
    resource.0 == "margay.io" || resource.1.starts_with("tier.") || resource.1 == "tiers"
}

#[test]
fn exactly_what_is_read_may_be_read() {
    let agent = reading(|_| true);
    let is_enforced = |kind: Kind| kind.name().ends_with("NetworkPolicy") && !kind.name().starts_with("Staged");
    let controller = reading(|kind| kind == Kind::Node || is_enforced(kind));
    let felix = ["projectcalico.org", "crd.projectcalico.org"]
        .map(|group| (group.to_owned(), "felixconfigurations".to_owned()));
    for (role, expected, by_name) in
        [("margay-agent", agent, &felix[..]), ("margay-controller", controller, &felix[..0])]
    {
        for verb in ["get", "list", "watch"] {
            let mut may = with_verb(&object("ClusterRole", role)["rules"], verb);
            may.retain(|resource| !is_beside(resource));
            let mut expected = expected.clone();
            expected.retain(|resource| !is_beside(resource));
            if verb == "get" {
                expected.extend(by_name.iter().cloned());
            }
            assert_eq!(may, expected, "{role}: {verb}");
        }
    }
    let tiers = reading(|kind| kind == Kind::Tier);
    assert!(tiers.is_subset(&with_verb(&object("ClusterRole", "margay-agent")["rules"], "watch")), "{tiers:?}");
}

#[test]
fn little_may_be_written() {
    let writes = |role: &str| {
        let rules = &object("ClusterRole", role)["rules"];
        let verbs = ["create", "update", "patch", "delete"].map(|verb| {
            let resources = with_verb(rules, verb).into_iter().map(|(group, name)| match group.as_str() {
                "" => name,
                group => format!("{name}.{group}"),
            });
            format!("{verb}: {}", resources.collect::<Vec<_>>().join(" "))
        });
        verbs.join("\n")
    };
    expect_test::expect![[r#"
        create: events.events.k8s.io nodereports.margay.io
        update: 
        patch: events.events.k8s.io nodereports.margay.io
        delete: "#]]
    .assert_eq(&writes("margay-agent"));
    expect_test::expect![[r#"
        create: events.events.k8s.io clusterpolicystatuses.margay.io policystatuses.margay.io
        update: 
        patch: events.events.k8s.io clusterpolicystatuses.margay.io policystatuses.margay.io adminnetworkpolicies/status.policy.networking.k8s.io baselineadminnetworkpolicies/status.policy.networking.k8s.io clusternetworkpolicies/status.policy.networking.k8s.io
        delete: clusterpolicystatuses.margay.io nodereports.margay.io policystatuses.margay.io"#]]
    .assert_eq(&writes("margay-controller"));
}

#[test]
fn nothing_is_let_do_everything() {
    for role in objects().iter().filter(|object| object["kind"] == "ClusterRole" || object["kind"] == "Role") {
        for rule in role["rules"].as_array().expect("rules") {
            for field in ["apiGroups", "resources", "verbs"] {
                assert!(!rule[field].to_string().contains('*'), "{rule}");
            }
            let resources = strings(&rule["resources"]);
            assert!(!resources.contains(&"secrets") && !resources.contains(&"configmaps"), "{rule}");
        }
    }
}
