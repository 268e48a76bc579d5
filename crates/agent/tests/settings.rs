//! The settings: what each source may say, which counts, and the pages that are made of the table.

use expect_test::expect_file;
use margay_agent::settings::{
    Given, LogLevel, Origin, Output, Reads, Resolved, Settings, environment, felix, file, pages, setting, table,
};
use margay_api::document::{Limits, documents};
use std::collections::HashSet;

fn given(name: &str, text: &str, origin: Origin) -> Given {
    Given { setting: setting(name).expect("a setting"), text: text.into(), origin }
}

fn errors(given: &[Given]) -> String {
    let errors = Resolved::of(Reads::Cluster, given).expect_err("something is wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_page_is_that_of_the_table() {
    expect_file!["../../../docs/settings.md"].assert_eq(&pages::reference());
}

#[test]
fn names_are_told_apart_in_every_form() {
    let mut names = HashSet::new();
    for setting in table() {
        assert!(names.insert(setting.flag()) && names.insert(setting.variable()), "{setting:?}");
        assert!(!setting.about.ends_with('.') && !setting.about.is_empty(), "{setting:?}");
    }
    let status = setting("statusFile").map(|setting| (setting.flag(), setting.variable()));
    assert_eq!(status, Some(("status-file".into(), "MARGAY_STATUS_FILE".into())));
    assert_eq!(setting("node").map(|node| node.variable()).as_deref(), Some("MARGAY_NODE_NAME"));
}

#[test]
fn defaults_are_values() {
    for reads in [Reads::Files, Reads::Cluster] {
        let resolved = Resolved::of(reads, &[]).expect("defaults can be read");
        assert_eq!(resolved.settings().log_level, LogLevel::Info);
        assert_eq!(resolved.settings().report, reads == Reads::Cluster);
        assert_eq!(resolved.settings().health_address.is_some(), reads == Reads::Cluster);
        assert!(resolved.effective().iter().all(|given| given.from() == "default"));
        // All but the node.
        assert_eq!(resolved.effective().len(), table().len() - 1);
    }
}

#[test]
fn the_weightiest_source_counts_in_whatever_order() {
    let origins = [
        (Origin::Felix("logSeverityScreen".into()), "error", "FelixConfiguration default, logSeverityScreen"),
        (Origin::FelixOfNode("logSeverityScreen".into()), "warn", "the node's FelixConfiguration, logSeverityScreen"),
        (Origin::File("c.yaml:3".into()), "debug", "c.yaml:3"),
        (Origin::Environment, "trace", "the environment variable MARGAY_LOG_LEVEL"),
        (Origin::Flag, "info", "--log-level"),
    ];
    for most in 1..=origins.len() {
        let (_, text, from) = &origins[most - 1];
        let mut all: Vec<Given> =
            origins[..most].iter().map(|(origin, text, _)| given("logLevel", text, origin.clone())).collect();
        for _ in 0..most {
            all.rotate_left(1);
            let resolved = Resolved::of(Reads::Files, &all).expect("all can be read");
            let level = resolved.effective().iter().find(|given| given.setting.name == "logLevel").expect("it has one");
            assert_eq!((level.text.as_str(), level.from().as_str()), (*text, *from));
        }
    }
}

#[test]
fn what_a_setting_may_be() {
    for (name, good, bad, allowed) in [
        ("node", vec!["node-1"], vec!["", " "], "a name"),
        ("poll", vec!["10ms", "1h", "1m 5s"], vec!["9ms", "2h", "1", "-1s", ""], "between 10ms and 1h"),
        ("statusFile", vec!["off", "/run/status"], vec![""], "the path of a file, or off"),
        ("logLevel", vec!["error", "trace"], vec!["INFO", "loud"], "error, warn, info, debug or trace"),
        ("logFormat", vec!["text", "json"], vec!["xml"], "text or json"),
        ("healthAddress", vec!["off", "[::]:1"], vec!["9099", "localhost:9099", "1.2.3.4"], "an IP address and a port"),
        ("flowLog", vec!["off", "-", "/f"], vec![""], "- for standard output"),
        ("flowLogRate", vec!["1", "100000"], vec!["0", "100001", "1.5", "-1"], "1 to 100000"),
        ("report", vec!["true", "false"], vec!["yes", "1"], "true or false"),
    ] {
        for text in good {
            assert!(Resolved::of(Reads::Cluster, &[given(name, text, Origin::Flag)]).is_ok(), "{name} {text}");
        }
        for text in bad {
            let said = errors(&[given(name, text, Origin::Flag)]);
            let flag = setting(name).expect("a setting").flag();
            let expected = format!("{name} can't be {text:?} (from --{flag}): it is ");
            assert!(said.starts_with(&expected) && said.contains(allowed), "{said}");
        }
    }
    let both = errors(&[given("poll", "x", Origin::Environment), given("poll", "1s", Origin::Flag)]);
    assert!(both.contains("MARGAY_POLL"), "what is wrong is said, though it does not count: {both}");
}

#[test]
fn a_file() {
    let text = "node: node-1\npoll: 2s\nlogLevel: debug\nhealthAddress: off\nmetricsAddress:\nflowLog: '-'\nflowLogRate: 7\nreport: no\n";
    let resolved = Resolved::of(Reads::Cluster, &file::read(text, "c.yaml").expect("it can be read")).expect("values");
    let Settings { node, health_address, metrics_address, flow_log, flow_log_rate, report, .. } = resolved.settings();
    assert_eq!((node.as_str(), *health_address, *flow_log_rate, *report), ("node-1", None, 7, false));
    assert!(metrics_address.is_some(), "null is not said");
    assert_eq!(flow_log, &Some(Output::Stdout));
    for (text, said) in [
        ("logLevle: debug", "there is no setting \"logLevle\" (from c.yaml:1): did you mean `logLevel`?"),
        ("a: 1\n\nb: 2", "there is no setting \"a\" (from c.yaml:1): the settings are node, poll"),
        ("\npoll: [1s]", "poll can't be a list (from c.yaml:2): it is a time between"),
        ("poll: true", "poll can't be a boolean (from c.yaml:1)"),
        ("poll: 1s\npoll: 2s", "poll is written twice"),
        ("- poll", "the file is a list (from c.yaml): it is a mapping of settings"),
        ("poll: 1s\n---\npoll: 2s", "several documents"),
        ("poll: {", "the file is no YAML (from c.yaml)"),
        ("a: &a 1\nb: *a", "the file is no YAML"),
    ] {
        let errors = file::read(text, "c.yaml").expect_err(text);
        let said_of_it = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(said_of_it.contains(said), "{text}: {said_of_it}");
    }
    for nothing in ["", "# nothing", "---\n", "null"] {
        assert!(file::read(nothing, "c.yaml").expect(nothing).is_empty());
    }
}

#[test]
fn the_environment() {
    let said = |name: &str| match name {
        "MARGAY_NODE_NAME" => Some("n".to_owned()),
        "MARGAY_POLL" => Some(String::new()),
        _ => None,
    };
    let given = environment(said);
    assert_eq!((given.len(), given[0].setting.name), (1, "node"));
}

#[test]
fn felix_configuration_where_it_means_the_same() {
    for (spec, expected, left) in [
        ("{logSeverityScreen: Warning}", "logLevel=warn", ""),
        ("{logSeverityScreen: Loud}", "", "logSeverityScreen"),
        ("{healthEnabled: false, healthPort: 1}", "healthAddress=off", ""),
        ("{healthPort: 9199}", "healthAddress=127.0.0.1:9199", ""),
        ("{healthHost: '', healthEnabled: true}", "healthAddress=0.0.0.0:9099", ""),
        ("{prometheusMetricsEnabled: true}", "metricsAddress=127.0.0.1:9091", ""),
        ("{prometheusMetricsHost: '::1', prometheusMetricsPort: 1}", "metricsAddress=[::1]:1", ""),
        ("{prometheusMetricsPort: 99999}", "", "prometheusMetricsPort"),
        ("{bpfEnabled: true, ipipMTU: 1440}", "", "bpfEnabled ipipMTU"),
        ("7", "", ""),
    ] {
        let node = documents(spec, &Limits::default()).next().expect("a document").expect("YAML");
        let felix = felix::read(&node, true);
        let said: Vec<String> =
            felix.given.iter().map(|given| format!("{}={}", given.setting.name, given.text)).collect();
        assert_eq!((said.join(" ").as_str(), felix.left_out.join(" ").as_str()), (expected, left), "{spec}");
        assert!(Resolved::of(Reads::Cluster, &felix.given).is_ok(), "{spec}");
    }
}

#[test]
fn the_schema_knows_every_setting_and_its_default() {
    let schema = pages::schema();
    assert_eq!(schema["additionalProperties"], false);
    let properties = schema["properties"].as_object().expect("an object");
    assert_eq!(properties.len(), table().len());
    assert_eq!(properties["flowLogRate"]["default"], 100);
    assert_eq!(properties["report"]["default"], true);
    assert_eq!(properties["logFormat"]["enum"], serde_json::json!(["text", "json"]));
}
