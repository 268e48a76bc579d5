//! Settings of the agent as they are given: flags, environment, file; and the lines that it writes.

use crate::{SHOP, file};
use expect_test::expect;
use serde_json::Value;
use std::process::Command;

/// Runs the agent with these variables and arguments: exit code, standard output, standard error.
fn agent(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.env_clear().envs(variables.iter().copied()).arg("agent").args(arguments);
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("it was not killed"), text(output.stdout), text(output.stderr))
}

#[test]
fn every_setting_is_printed_with_where_it_is_from() {
    let config = file("statusFile: /run/status\nlogLevel: debug\nmetricsAddress: off\nanyNetwork: true\n");
    let path = config.path().to_str().expect("UTF-8");
    let variables = [("MARGAY_NODE_NAME", "node-2"), ("MARGAY_LOG_LEVEL", "warn"), ("MARGAY_CONFIG", path)];
    let (code, out, err) = agent(&variables, &["--print-settings", "--log-format=json", "--report=false"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let columns = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let out: Vec<String> = out.lines().map(|line| columns(&line.replace(path, "CONFIG"))).collect();
    expect![[r#"
        SETTING VALUE FROM
        node node-2 the environment variable MARGAY_NODE_NAME
        poll 1s default
        statusFile /run/status CONFIG:1
        logFile off default
        logLevel warn the environment variable MARGAY_LOG_LEVEL
        logFormat json --log-format
        snapshotFile off default
        record off default
        healthAddress 127.0.0.1:9099 default
        metricsAddress off CONFIG:3
        unknownPods allow default
        flowLog off default
        flowLogRate 100 default
        report false --report
        anyNetwork true CONFIG:4
        removeForeign false default"#]]
    .assert_eq(&out.join("\n"));
    let (code, out, _) = agent(&[], &["--settings-schema"]);
    let schema: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &schema["properties"]["poll"]["default"]), (0, &"1s".into()));
}

#[test]
fn what_is_wrong_is_said_with_where_it_is() {
    let config = file("pol: 2s\nlogFormat: xml\n");
    let path = config.path().to_str().expect("UTF-8");
    for (variables, arguments, said) in [
        (
            vec![("MARGAY_POLL", "1")],
            vec![],
            "poll can't be \"1\" (from the environment variable MARGAY_POLL): it is a time",
        ),
        (vec![], vec!["--config", path], "did you mean `poll`?"),
        (vec![], vec!["--config", "/nowhere"], "there is no configuration file /nowhere"),
        (vec![("MARGAY_CONFIG", "/")], vec![], "the configuration file / can't be read"),
        (
            vec![],
            vec!["--flow-log-rate", "0"],
            "invalid value '0' for '--flow-log-rate <NUMBER>': it is a number of lines a second",
        ),
        (vec![], vec!["-f", ".", "--once", "--dry-run"], "--node is missing"),
    ] {
        let (code, _, err) = agent(&variables, &arguments);
        assert!(code == 2 && err.contains(said), "{variables:?} {arguments:?}: {code} {err}");
    }
}

#[test]
fn lines_are_text_or_json_of_the_levels_that_are_asked_for() {
    let shop = file(SHOP);
    let path = shop.path().to_str().expect("UTF-8");
    let run = |more: &[&str]| {
        let (code, _, err) = agent(&[], &[&["-f", path, "--node", "node-2", "--dry-run", "--once"], more].concat());
        assert_eq!(code, 0, "{err}");
        err
    };
    assert_eq!(run(&["--log-level", "error"]), "");
    let text = run(&[]);
    assert!(text.contains(" INFO node node-2: the source is read: 2 endpoints, 3 policies\n"), "{text}");
    let json = run(&["--log-format", "json"]);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let read = lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains("is read")));
    let read = read.unwrap_or_else(|| panic!("{json}"));
    assert_eq!(
        (&read["level"], &read["target"], &read["node"]),
        (&"info".into(), &"margay_agent::agent".into(), &"node-2".into())
    );
    assert!(read["time"].as_str().is_some_and(|time| humantime::parse_rfc3339(time).is_ok()), "{read}");
}
