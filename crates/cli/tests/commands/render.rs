use crate::{SHOP, margay};

#[test]
fn each_rule_of_a_node_names_its_policy() {
    let run = margay("margay render --node node-2 -f -", SHOP);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("table inet margay {"), "{}", run.out);
    for (part, expected) in [("10.0.2.12", true), ("5432", true), ("shop/db", true), ("no-metadata-service", true)] {
        assert_eq!(run.out.contains(part), expected, "{part}: {}", run.out);
    }
}

#[test]
fn a_windows_node_is_rendered_as_it_is_sent() {
    for (version, priority, has_ids) in [("7.0", 100, false), ("9.5", 0, true)] {
        let run =
            margay(&format!("margay render --node node-2 -f - --dataplane hns --hns-version {version} -o json"), SHOP);
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        let whole: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        assert_eq!((&whole["node"], &whole["hnsVersion"]), (&"node-2".into(), &version.into()));
        for endpoint in whole["endpoints"].as_array().expect("endpoints") {
            let acls = endpoint["acls"].as_array().expect("ACLs");
            assert!(acls.len() >= 4 && endpoint["unsupported"].is_array(), "{endpoint}");
            assert!(
                acls.iter().all(|acl| acl["Id"].is_string() == has_ids && acl["policies"].is_array()),
                "{endpoint}"
            );
            let host = acls.iter().filter(|acl| acl["RuleType"] == "Host");
            assert!(
                host.clone().count() == 2 && host.clone().all(|acl| acl["Priority"].as_u64().unwrap_or(0) == priority)
            );
            let switch: Vec<u64> = acls.iter().skip(2).filter_map(|acl| acl["Priority"].as_u64()).collect();
            assert!(switch.windows(2).all(|pair| pair[0] < pair[1]) && switch[0] >= 1000, "{switch:?}");
        }
    }
    let run = margay("margay render --node node-2 -f - --dataplane hns", SHOP);
    assert!(run.code == 0 && run.out.contains("NetworkPolicy"), "{run}");
    let run = margay("margay render --node node-2 -f - --dataplane hns --hns-version nine", SHOP);
    assert!(run.code == 2 && run.err.contains("two numbers with a dot"), "{run}");
}

#[test]
fn a_node_that_is_not_there() {
    let run = margay("margay render --node node-3 -f -", SHOP);
    assert_eq!((run.err.as_str(), run.code), ("error: nothing is on a node node-3; there is node-1 and node-2\n", 2));
}
