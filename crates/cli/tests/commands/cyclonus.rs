//! The truth tables of Kubernetes NetworkPolicy, row by row, through the command.

use crate::{file, margay};
use serde_json::Value;
use std::io::Read;

#[test]
fn every_row_agrees() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/cyclonus-open.jsonl.gz");
    let Ok(compressed) = std::fs::File::open(path) else {
        eprintln!("left out: there is no {path}");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("readable fixtures");
    let (mut states, mut rows) = (0, 0);
    for state in text.lines() {
        let state: Value = serde_json::from_str(state).expect("JSON");
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": state["objects"]});
        let cluster = file(&list.to_string());
        let flows: Vec<String> = state["flows"].as_array().expect("flows").iter().map(Value::to_string).collect();
        let run = margay(&format!("margay eval -f {} --flows -", cluster.path().display()), &flows.join("\n"));
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", state["id"]);
        let answers: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(answers.len(), flows.len());
        for answer in answers {
            assert_eq!(answer["verdict"], answer["expect"], "{} {answer}", state["id"]);
            rows += 1;
        }
        states += 1;
    }
    assert_eq!((states, rows), (109, 46_812));
}
