//! The plain manifests: what is there, and that it fits the program it starts.

use crate::{object, objects, read, strings};
use expect_test::expect;
use margay_agent::settings::{Reads, Resolved, file, table};
use serde_json::{Value, json};
use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::process::Command;

/// What runs Margay, and of each its one container.
fn workloads() -> Vec<(String, Value, Value)> {
    let is_workload = |object: &Value| object["kind"] == "DaemonSet" || object["kind"] == "Deployment";
    let split = |object: Value| {
        let pod = object["spec"]["template"]["spec"].clone();
        let containers = pod["containers"].as_array().expect("containers").clone();
        assert_eq!(containers.len(), 1);
        (object["metadata"]["name"].as_str().expect("a name").to_owned(), pod, containers[0].clone())
    };
    objects().into_iter().filter(is_workload).map(split).collect()
}

#[test]
fn what_is_there() {
    let name = |object: &Value| {
        let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {}",
            part(&object["kind"]),
            part(&object["metadata"]["namespace"]),
            part(&object["metadata"]["name"])
        )
    };
    let names: Vec<String> =
        objects().iter().filter(|object| object["kind"] != "CustomResourceDefinition").map(name).collect();
    expect![[r#"
        Namespace - margay-system
        ServiceAccount margay-system margay-agent
        ServiceAccount margay-system margay-controller
        ConfigMap margay-system margay-config
        ValidatingAdmissionPolicy - margay-own-reports
        ValidatingAdmissionPolicyBinding - margay-own-reports
        Deployment margay-system margay-controller
        PodDisruptionBudget margay-system margay-controller
        NetworkPolicy margay-system margay-controller
        DaemonSet margay-system margay-agent
        DaemonSet margay-system margay-agent-windows
        ClusterRole - margay-agent
        ClusterRoleBinding - margay-agent
        ClusterRole - margay-controller
        ClusterRoleBinding - margay-controller
        Role margay-system margay-controller
        RoleBinding margay-system margay-controller"#]]
    .assert_eq(&names.join("\n"));
}

/// Whether a command has a flag.
fn has_flag(command: &clap::Command, flag: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(flag))
}

#[test]
fn commands_and_their_flags_are_known() {
    let margay = margay_cli::command();
    for (name, _, container) in workloads() {
        let args = strings(&container["args"]);
        let Some(command) = margay.find_subcommand(args[0]) else {
            // It comes with the program that has it, and is checked from then on.
            assert_eq!(args, ["controller"], "{name}");
            continue;
        };
        for flag in args[1..].iter().map(|flag| flag.trim_start_matches("--").split('=').next().expect("a name")) {
            assert!(has_flag(command, flag), "{name}: --{flag}");
        }
    }
}

#[test]
fn settings_can_be_read() {
    let config = object("ConfigMap", "margay-config");
    for (key, there) in [
        ("config.yaml", "snapshotFile: /var/lib/margay/snapshot"),
        ("config-windows.yaml", r"snapshotFile: C:\ProgramData\margay\snapshot"),
    ] {
        let text = config["data"][key].as_str().expect("a file");
        assert!(text.contains(there), "{key}: {text}");
        let given = file::read(text, key).unwrap_or_else(|errors| panic!("{key}: {errors:?}"));
        Resolved::of(Reads::Cluster, &given).unwrap_or_else(|errors| panic!("{key}: {errors:?}"));
    }
}

/// Those that say where a node's own files are, or that matter to files alone, are nothing for all nodes of a cluster.
#[test]
fn every_other_setting_is_a_value() {
    let schema = read("helm/margay/values.schema.json").remove(0);
    let values = schema["properties"]["agent"]["properties"]["config"]["properties"].as_object().expect("properties");
    let mut known: Vec<&str> = values.keys().map(String::as_str).chain(["anyNetwork", "removeForeign"]).collect();
    known.sort_unstable();
    let left_out = ["node", "poll", "statusFile", "logFile", "record"];
    let mut settings: Vec<&str> =
        table().iter().map(|setting| setting.name).filter(|name| !left_out.contains(name)).collect();
    settings.sort_unstable();
    assert_eq!(known, settings);
}

#[test]
fn an_agent_on_linux_may_administer_the_network_and_nothing_else() {
    let (_, pod, container) = workloads().into_iter().find(|(name, ..)| name == "margay-agent").expect("the DaemonSet");
    assert_eq!(
        container["securityContext"],
        json!({
            "runAsUser": 0,
            "runAsGroup": 0,
            "privileged": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}
        })
    );
    assert_eq!(
        (&pod["hostPID"], &pod["hostIPC"], &pod["hostNetwork"]),
        (&Value::Null, &Value::Null, &Value::Bool(true))
    );
    assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]), "policy is for every node");
    let paths =
        pod["volumes"].as_array().expect("volumes").iter().filter_map(|volume| volume["hostPath"]["path"].as_str());
    assert_eq!(paths.collect::<Vec<_>>(), ["/run/margay", "/var/lib/margay"]);
}

/// An agent enforces with what the DaemonSet gives it: in a network namespace of its own, as root without any other capability.
#[cfg(target_os = "linux")]
#[test]
fn what_an_agent_may_is_enough() {
    let (_, _, container) = workloads().into_iter().find(|(name, ..)| name == "margay-agent").expect("the DaemonSet");
    let capabilities = strings(&container["securityContext"]["capabilities"]["add"]);
    let only = capabilities.iter().fold("-all".to_owned(), |only, name| format!("{only},+{}", name.to_lowercase()));
    let within = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--net", "setpriv", "--no-new-privs"]);
        command.args([format!("--bounding-set={only}"), format!("--inh-caps={only}")]).arg(program);
        command
    };
    if !within("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("left out: not root, or without unshare and setpriv");
        return;
    }
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/shop.yaml");
    let mut agent = within(env!("CARGO_BIN_EXE_margay"));
    let output = agent.args(["agent", "--once", "--node", "node-2", "-f", shop]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "In force on node node-2: 3 policies, on 2 endpoints.\n", "{output:?}");
}

#[test]
fn the_controller_may_nothing_on_its_node() {
    let (_, pod, container) =
        workloads().into_iter().find(|(name, ..)| name == "margay-controller").expect("the Deployment");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["capabilities"], json!({"drop": ["ALL"]}));
    for field in ["hostNetwork", "hostPID", "volumes"] {
        assert!(pod[field].is_null(), "{field}");
    }
}

#[test]
fn nothing_listens_beyond_loopback() {
    let config = object("ConfigMap", "margay-config");
    for key in ["config.yaml", "config-windows.yaml"] {
        let text = config["data"][key].as_str().expect("a file");
        let addresses: BTreeSet<&str> = text.lines().filter(|line| line.contains("Address:")).collect();
        assert_eq!(
            addresses,
            BTreeSet::from(["healthAddress: 127.0.0.1:9099", "metricsAddress: 127.0.0.1:9091"]),
            "{key}"
        );
    }
    for (name, _, container) in workloads() {
        assert!(container["ports"].is_null(), "{name}");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let http = &container[probe]["httpGet"];
            assert!(http.is_null() || (http["host"] == "127.0.0.1" && http["port"] == 9099), "{name}: {http}");
        }
    }
}
