//! Whether a cluster may be given these definitions.

use crate::streams::{Failure, clean};
use crate::words;
use margay_api::crd::PART_OF;
use margay_kubernetes::Api;
use serde_json::Value;

/// What stands for `projectcalico.org/v3` among the API's parts.
const CALICO_API: &str = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Where Calico's agent runs: as its operator, and as its plain manifests have it.
const FELIX: [(&str, &str); 4] = [
    ("calico-system", "calico-node"),
    ("calico-system", "calico-node-windows"),
    ("kube-system", "calico-node"),
    ("kube-system", "calico-node-windows"),
];

/// What speaks against it, in words.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// They must not be installed.
    pub(crate) refused: Vec<String>,
    /// They may, but someone should know.
    pub(crate) warnings: Vec<String>,
}

/// Asks a cluster about objects that are to be installed in it.
pub(crate) fn of(api: &Api, objects: &[Value]) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let calico: Vec<&str> = objects
        .iter()
        .filter(|object| object["spec"]["group"] == "projectcalico.org")
        .filter_map(|object| object["metadata"]["name"].as_str())
        .collect();
    if !calico.is_empty() {
        findings.refused.extend(aggregated(api)?);
        // Where an API server of Calico's own serves them, there is nothing to compare.
        if findings.refused.is_empty() {
            findings.refused.extend(of_others(api, &calico)?);
        }
    }
    findings.warnings.extend(felix(api)?);
    Ok(findings)
}

/// An API server behind the API server serves the kinds of Calico, and keeps them in `crd.projectcalico.org/v1`.
fn aggregated(api: &Api) -> Result<Option<String>, Failure> {
    let Some(found) = get(api, CALICO_API)? else { return Ok(None) };
    let service = &found["spec"]["service"];
    let (Some(namespace), Some(name)) = (service["namespace"].as_str(), service["name"].as_str()) else {
        return Ok(None);
    };
    Ok(Some(format!(
        "projectcalico.org/v3 is served by Calico's own API server here (APIService v3.projectcalico.org, service {namespace}/{name}). With definitions of the same kinds there would be two \
         of each policy, and people would write one and Calico read the other. Margay reads what is served: install its own kinds alone, with --group margay",
        namespace = clean(namespace),
        name = clean(name),
    )))
}

/// Definitions of the same names that Margay did not install.
fn of_others(api: &Api, names: &[&str]) -> Result<Option<String>, Failure> {
    let mut others = Vec::new();
    for name in names {
        let found = get(api, &format!("{DEFINITIONS}/{name}"))?;
        if found.is_some_and(|found| found["metadata"]["labels"][PART_OF.0] != PART_OF.1) {
            others.push((*name).to_owned());
        }
    }
    if others.is_empty() {
        return Ok(None);
    }
    let names = words::list(others.into_iter(), "and");
    Ok(Some(format!(
        "{names}: defined by someone else here. Margay reads these kinds as they are: install its own alone, with --group margay"
    )))
}

/// Calico's agent, where it runs.
fn felix(api: &Api) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    for (namespace, name) in FELIX {
        let found = get(api, &format!("/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}"))?;
        let nodes = found.as_ref().and_then(|found| found["status"]["desiredNumberScheduled"].as_u64()).unwrap_or(0);
        if nodes > 0 {
            let nodes = words::counted(usize::try_from(nodes).unwrap_or(usize::MAX), "node");
            warnings.push(format!(
                "Felix enforces policy too, on {nodes} (DaemonSet {namespace}/{name}): a packet goes through where both let it. Run Margay on the nodes that Felix does not run on, or \
                 turn policy off in one of them"
            ));
        }
    }
    Ok(warnings)
}

/// What is at a path; `None` where there is no such thing.
fn get(api: &Api, path: &str) -> Result<Option<Value>, Failure> {
    match api.get(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
