//! The truth tables of Kubernetes NetworkPolicy, row by row, through the command.

use crate::{file, margay};
use serde_json::Value;
use std::io::Read;

/// A state of a truth table.
pub(crate) struct State {
    pub(crate) id: String,
    /// Its resources.
    pub(crate) objects: String,
    /// A flow a line, with what is expected of it.
    pub(crate) flows: tempfile::NamedTempFile,
    rows: usize,
}

/// Every state; none where the fixtures are not there, which it says.
pub(crate) fn states() -> Vec<State> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/cyclonus-open.jsonl.gz");
    let Ok(compressed) = std::fs::File::open(path) else {
        eprintln!("left out: there is no {path}");
        return Vec::new();
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("readable fixtures");
    let state = |line: &str| {
        let state: Value = serde_json::from_str(line).expect("JSON");
        let flows: Vec<String> = state["flows"].as_array().expect("flows").iter().map(Value::to_string).collect();
        State {
            id: state["id"].to_string(),
            objects: serde_json::json!({"apiVersion": "v1", "kind": "List", "items": state["objects"]}).to_string(),
            flows: file(&flows.join("\n")),
            rows: flows.len(),
        }
    };
    text.lines().map(state).collect()
}

#[test]
fn every_row_agrees() {
    let states = states();
    let mut rows = 0;
    for state in &states {
        let run = margay(&format!("margay eval -f - --flows {}", state.flows.path().display()), &state.objects);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", state.id);
        let answers: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(answers.len(), state.rows);
        for answer in answers {
            assert_eq!(answer["verdict"], answer["expect"], "{} {answer}", state.id);
            rows += 1;
        }
    }
    assert!(states.is_empty() || (states.len(), rows) == (109, 46_812), "{} states, {rows} rows", states.len());
}
