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

/// Every kind that is read, in each group that it is read from.
fn read() -> Resources {
    let resource = |kind: Kind, version: &str| {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        (group.to_owned(), Resource::of(kind, version).plural())
    };
    Kind::readable()
        .flat_map(|(kind, versions)| versions.into_iter().map(move |version| resource(kind, version)))
        .collect()
}

/// Margay's own group, and the rights to policies in a tier by which Calico's API server shows them.
fn is_beside(resource: &(String, String)) -> bool {
    resource.0 == "margay.io" || resource.1.starts_with("tier.")
}

#[test]
fn exactly_the_kinds_that_are_read_may_be_read() {
    for role in ["margay-agent", "margay-controller"] {
        let rules = &object("ClusterRole", role)["rules"];
        for verb in ["get", "list", "watch"] {
            let mut may = with_verb(rules, verb);
            may.retain(|resource| !is_beside(resource));
            assert_eq!(may, read(), "{role}: {verb}");
        }
    }
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
        create: events events.events.k8s.io nodereports.margay.io
        update: nodereports.margay.io
        patch: events events.events.k8s.io nodereports.margay.io
        delete: "#]]
    .assert_eq(&writes("margay-agent"));
    expect_test::expect![[r#"
        create: events events.events.k8s.io clusterpolicystatuses.margay.io policystatuses.margay.io
        update: clusterpolicystatuses.margay.io clusterpolicystatuses/status.margay.io policystatuses.margay.io policystatuses/status.margay.io adminnetworkpolicies/status.policy.networking.k8s.io baselineadminnetworkpolicies/status.policy.networking.k8s.io clusternetworkpolicies/status.policy.networking.k8s.io
        patch: events events.events.k8s.io clusterpolicystatuses.margay.io clusterpolicystatuses/status.margay.io policystatuses.margay.io policystatuses/status.margay.io adminnetworkpolicies/status.policy.networking.k8s.io baselineadminnetworkpolicies/status.policy.networking.k8s.io clusternetworkpolicies/status.policy.networking.k8s.io
        delete: clusterpolicystatuses.margay.io nodereports.margay.io policystatuses.margay.io"#]].assert_eq(&writes("margay-controller"));
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
