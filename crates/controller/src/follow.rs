//! The nodes' reports, followed.

use margay_kubernetes::{Objects, Refusal};
use margay_report::{API_VERSION, NodeReport};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// The first wait after a failure, and the longest.
const BACKOFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];

/// What is told of the reports.
#[derive(Debug)]
pub(crate) enum Told {
    /// A node's report as it is now; `None` where it is gone.
    Report(String, Option<Box<NodeReport>>),
    /// All that there were have been told.
    InSync,
    /// Why nothing is heard, each time.
    Trouble(String),
}

/// Follows them until `tell` says that nobody listens. What goes wrong takes nothing back: reports are gone when a whole list lacks them.
pub(crate) async fn follow(objects: Objects, tell: impl Fn(Told) -> bool) {
    let path = format!("/apis/{API_VERSION}/nodereports");
    let (mut known, mut failures) = (BTreeSet::new(), 0_u32);
    loop {
        let trouble = match objects.list(&path).await {
            Ok((items, version)) => {
                failures = 0;
                if !listed(items, &mut known, &tell) {
                    return;
                }
                match watch(&objects, &path, version, &mut known, &tell).await {
                    Ok(()) => return,
                    Err(trouble) => trouble,
                }
            }
            Err(Refusal::Absent { .. }) => "there are no NodeReports: install Margay's CRDs (`margay crds`)".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        if !tell(Told::Trouble(trouble)) {
            return;
        }
        sleep(BACKOFF[1].min(BACKOFF[0] * 2_u32.pow(failures.min(16)))).await;
        failures += 1;
    }
}

/// Takes a whole list; whether anyone listens.
fn listed(items: Vec<Value>, known: &mut BTreeSet<String>, tell: &impl Fn(Told) -> bool) -> bool {
    let mut gone = std::mem::take(known);
    for item in items {
        let Some((name, report)) = read(item) else { continue };
        gone.remove(&name);
        known.insert(name.clone());
        if !tell(Told::Report(name, Some(report))) {
            return false;
        }
    }
    gone.into_iter().all(|name| tell(Told::Report(name, None))) && tell(Told::InSync)
}

/// Watches from a version on, over the ends of watches; `Ok` where nobody listens any more, else why everything is to be listed again.
async fn watch(
    objects: &Objects,
    path: &str,
    mut version: String,
    known: &mut BTreeSet<String>,
    tell: &impl Fn(Told) -> bool,
) -> Result<(), String> {
    loop {
        let (mut listens, mut trouble) = (true, None);
        let from = version.clone();
        let ended = objects.watch(path, &from, |mut event| {
            let object = event["object"].take();
            if let Some(now) = object["metadata"]["resourceVersion"].as_str() {
                now.clone_into(&mut version);
            }
            match event["type"].as_str() {
                Some("BOOKMARK") => {}
                Some("ADDED" | "MODIFIED") => {
                    if let Some((name, report)) = read(object) {
                        known.insert(name.clone());
                        listens = tell(Told::Report(name, Some(report)));
                    }
                }
                Some("DELETED") => {
                    if let Some((name, _)) = read(object) {
                        known.remove(&name);
                        listens = tell(Told::Report(name, None));
                    }
                }
                // A version that is too old, most likely.
                _ => trouble = Some(object["message"].as_str().unwrap_or("a watch ended with an error").to_owned()),
            }
            listens && trouble.is_none()
        });
        ended.await.map_err(|refusal| refusal.to_string())?;
        match trouble {
            _ if !listens => return Ok(()),
            Some(trouble) => return Err(trouble),
            // A server that ends each watch at once is not asked without a pause.
            None => sleep(BACKOFF[0]).await,
        }
    }
}

/// The name of the node, and what it reports; what is not there counts as nothing.
fn read(mut object: Value) -> Option<(String, Box<NodeReport>)> {
    let name = object["metadata"]["name"].as_str()?.to_owned();
    let report = serde_json::from_value(object["report"].take()).unwrap_or_default();
    Some((name, Box::new(report)))
}
