//! What holds of every cluster and of every input.

use crate::margay;
use margay_api::{Kind, Object};
use margay_datastore::Folder;
use margay_generator::{Shape, strategy};
use margay_spec::{Flow, Settings, World};
use proptest::prelude::*;
use serde_json::{Value, json};

fn line(flow: &Flow) -> Value {
    json!({
        "from": flow.src, "to": flow.dst, "protocol": flow.protocol, "sourcePort": flow.source_port, "port": flow.port,
        "icmpType": flow.icmp_type, "icmpCode": flow.icmp_code,
    })
}

fn words(allow: bool) -> &'static str {
    if allow { "allow" } else { "deny" }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Through files, decoding, engine, verdict and printing, as the specification has it.
    #[test]
    fn answers_are_those_of_the_specification(case in strategy(Shape::default())) {
        let folder = tempfile::tempdir().unwrap();
        case.cluster.write(folder.path()).unwrap();
        let mut read = Folder::new([folder.path()]);
        read.rescan();
        let objects: Vec<Object> = read.objects().map(|object| (**object).clone()).collect();
        let world = World::new(&objects, Settings::default());
        // A service's address is answered for its backends; protocol 0 has no name, and ICMP has one family.
        let is_answered = |flow: &Flow| flow.protocol != 0 && flow.protocol().family().is_none_or(|f| f == flow.family());
        let services: Vec<_> = objects.iter().flat_map(|object| match object {
            Object::Service(service) => service.addresses.clone(),
            _ => Vec::new(),
        }).collect();
        let flows: Vec<&Flow> =
            case.flows.iter().filter(|flow| is_answered(flow) && !services.contains(&flow.dst)).collect();
        let lines: Vec<String> = flows.iter().map(|flow| line(flow).to_string()).collect();
        let run = margay(&format!("margay eval -f {} --flows -", folder.path().display()), &lines.join("\n"));
        prop_assert_eq!(run.code, 0, "{}", run);
        prop_assert_eq!(run.out.lines().count(), flows.len());
        for (flow, answer) in flows.iter().zip(run.out.lines()) {
            let answer: Value = serde_json::from_str(answer).unwrap();
            let expected = world.verdict(flow);
            prop_assert_eq!(&answer["verdict"], words(expected.allow), "{}\n{}", flow, case.cluster);
            let end = |end: Option<margay_spec::End>| end.map_or(Value::Null, |end| words(end.allow).into());
            prop_assert_eq!(&answer["egress"], &end(expected.egress), "{}\n{}", flow, case.cluster);
            prop_assert_eq!(&answer["ingress"], &end(expected.ingress), "{}\n{}", flow, case.cluster);
        }
    }

    /// Every command answers about every cluster, and explain's verdict is eval's.
    #[test]
    fn every_command_takes_every_cluster(case in strategy(Shape::default())) {
        let folder = tempfile::tempdir().unwrap();
        case.cluster.write(folder.path()).unwrap();
        let at = folder.path().display();
        for command in ["matrix", "matrix --staged -o csv", "matrix --pods -o json"] {
            let run = margay(&format!("margay {command} -f {at}"), "");
            prop_assert!(run.code == 0 || run.err.contains("there are no pods"), "{}", run);
        }
        let validated = margay(&format!("margay validate -f {at}"), "");
        prop_assert!(validated.code < 2, "{}", validated);
        let Some(flow) = case.flows.first() else { return Ok(()) };
        let protocol = if flow.protocol().family().is_some() { 6 } else { flow.protocol.max(2) };
        let explain = format!("margay explain {} [{}]:{} -p {protocol} --source-port {} -f {at}", flow.src, flow.dst, flow.port, flow.source_port);
        let text = margay(&explain, "");
        prop_assert_eq!(text.code, 0, "{}", text);
        let explained: Value = serde_json::from_str(&margay(&format!("{explain} -o json"), "").out).unwrap();
        let question = json!({"from": flow.src, "to": flow.dst, "protocol": protocol, "port": flow.port, "sourcePort": flow.source_port});
        let answer = margay(&format!("margay eval -f {at} --flows -"), &question.to_string());
        let answer: Value = serde_json::from_str(&answer.out).unwrap();
        prop_assert_eq!(&explained["verdict"], &answer["verdict"], "{}\n{}", flow, case.cluster);
        prop_assert_eq!(&explained["by"], &answer["by"], "{}\n{}", flow, case.cluster);
    }

    /// What the matrix says of a group of pods holds of each pair of them.
    #[test]
    fn the_matrix_says_what_eval_says(case in strategy(Shape::default()), layer in prop::sample::select(vec!["", " --staged"])) {
        let folder = tempfile::tempdir().unwrap();
        for (i, (key, document)) in case.cluster.documents().enumerate() {
            let mut document = document.clone();
            if key.kind == Kind::Pod {
                // All pods of a namespace look like those of one workload.
                document["metadata"]["name"] = format!("workload-{i}").into();
            }
            std::fs::write(folder.path().join(format!("{i}.json")), document.to_string()).unwrap();
        }
        let at = folder.path().display();
        let port = case.flows.first().map_or(80, |flow| flow.port);
        let matrix = margay(&format!("margay matrix -f {at} -p tcp/{port} -o json{layer}"), "");
        prop_assume!(matrix.code == 0); // there are pods
        let matrix: Value = serde_json::from_str(&matrix.out).unwrap();
        let members = |row: &Value| {
            let ends = matrix["ends"].as_array().unwrap();
            ends.iter().find(|end| end["name"] == *row).unwrap()["members"].as_array().unwrap().clone()
        };
        let (mut lines, mut expected) = (Vec::new(), Vec::new());
        for pair in matrix["pairs"].as_array().unwrap() {
            let allowed = if layer.is_empty() { &pair["allowed"] } else { &pair["after"] };
            for from in members(&pair["from"]) {
                for to in members(&pair["to"]).into_iter().filter(|to| *to != from) {
                    lines.push(json!({"from": from, "to": to, "port": port}).to_string());
                    expected.push(words(*allowed == json!([format!("TCP {port}")])));
                }
            }
        }
        let run = margay(&format!("margay eval -f {at} --flows -{layer}"), &lines.join("\n"));
        for ((line, answer), expected) in lines.iter().zip(run.out.lines()).zip(expected) {
            let answer: Value = serde_json::from_str(answer).unwrap();
            // Ends without a family in common can't reach each other.
            let verdict = answer.get("verdict").and_then(Value::as_str).unwrap_or("deny");
            prop_assert_eq!(verdict, expected, "{}\n{}", line, case.cluster);
        }
    }

    /// Each line that is not blank gives one line of JSON, whatever it is.
    #[test]
    fn every_line_is_answered(lines in prop::collection::vec("\\PC{0,40}|\\{\"from\":\"[a-z/.0-9:]{0,12}\",\"to\":\"[a-f0-9:.]{0,12}\",\"port\":[0-9]{1,6}\\}", 0..20)) {
        let cluster = crate::file("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}, status: {podIP: 1.2.3.4}}");
        let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), &lines.join("\n"));
        let asked = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
        let answers: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(answers.len(), asked);
        prop_assert_eq!(run.code == 2, answers.iter().any(|answer| answer.get("error").is_some()));
    }

    /// No text is too strange to be read as resources.
    #[test]
    fn every_text_is_read(text in "(\\PC|[\n:{}\\[\\]&*,-]){0,200}") {
        prop_assert!(margay("margay validate -f -", &text).code < 2);
    }
}
