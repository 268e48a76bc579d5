//! One kind, followed for as long as anyone listens: what a reflector asks, asked.

use crate::counters::{Counted, Counters};
use crate::door::Door;
use crate::{Flow, Reflector, Resource};
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use margay_api::Kind;
use margay_datastore::Event;
use serde_json::Value;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long an answer may take that is no watch.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a watch may be quiet before its connection is taken for dead: bookmarks come about each minute.
const QUIET: Duration = Duration::from_secs(90);
/// Bytes of a list, or of one line of a watch.
const LONGEST: usize = 64 << 20;
/// How often it is looked for which API serves a kind that none does.
const ABSENT: Duration = Duration::from_secs(30);

/// What was heard of a kind.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Which of those that are followed.
    pub(crate) index: usize,
    /// When it came in, before it was read.
    pub(crate) at: Instant,
    pub(crate) events: Vec<Event>,
    pub(crate) in_sync: bool,
    /// What goes wrong now.
    pub(crate) trouble: Option<String>,
}

/// Follows a kind by the first of its API versions that is served. Ends when `tell` says that nobody listens.
pub(crate) async fn follow(
    door: Rc<Door>,
    (kind, versions): (Kind, Vec<&'static str>),
    index: usize,
    counters: Counters,
    tell: impl Fn(Heard) -> bool,
) {
    let seed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id());
    // What one API version told is known when it is another that is served.
    let mut reflector = Reflector::new(Resource::of(kind, versions[0]), seed);
    loop {
        // Of what is not there, a client that may do little is told that it may not: only discovery, which is everybody's, tells.
        if versions[0].contains('/') && reflector.is_empty() {
            match served(&door.client(), kind, &versions).await {
                Ok(Some(version)) if reflector.resource().api_version == version => {}
                Ok(Some(version)) => reflector = Reflector::new(Resource::of(kind, version), seed),
                Ok(None) => {
                    if !tell(Heard { index, at: Instant::now(), events: Vec::new(), in_sync: true, trouble: None }) {
                        return;
                    }
                    sleep(ABSENT).await;
                    continue;
                }
                Err(trouble) => {
                    door.renew().await;
                    counters.count(Counted::Error);
                    reflector.unreachable(&trouble);
                    if !told(&reflector, index, Instant::now(), Vec::new(), &tell) {
                        return;
                    }
                    sleep(reflector.wait()).await;
                    continue;
                }
            }
        }
        loop {
            counters.count(if reflector.request().is_watch() { Counted::Watch } else { Counted::List });
            if !ask(&door, &mut reflector, index, &tell).await {
                return;
            }
            if reflector.trouble().is_some() {
                counters.count(Counted::Error);
            }
            sleep(reflector.wait()).await;
            if reflector.is_absent() {
                break;
            }
        }
    }
}

fn told(reflector: &Reflector, index: usize, at: Instant, events: Vec<Event>, tell: &impl Fn(Heard) -> bool) -> bool {
    tell(Heard { index, at, events, in_sync: reflector.is_in_sync(), trouble: reflector.trouble().map(str::to_owned) })
}

/// The first API version that serves a kind.
pub(crate) async fn served<'a>(client: &Client, kind: Kind, versions: &[&'a str]) -> Result<Option<&'a str>, String> {
    for version in versions {
        let request = http::Request::get(format!("/apis/{version}")).body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let answer = timeout(ANSWER, client.send(request)).await.map_err(|_| "it takes too long".to_owned())?;
        let answer = answer.map_err(|error| chain(&error))?;
        let status = answer.status();
        if status == http::StatusCode::NOT_FOUND {
            continue;
        }
        let body = text(answer.into_body()).await?;
        if !status.is_success() {
            return Err(format!("{status} for /apis/{version}: {}", body.chars().take(200).collect::<String>()));
        }
        let resources: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        let plural = Resource::of(kind, version).plural();
        let mut listed = resources["resources"].as_array().into_iter().flatten();
        if listed.any(|resource| resource["name"] == *plural) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// Asks once what the reflector asks, and gives it the answer; whether anyone still listens.
async fn ask(door: &Door, reflector: &mut Reflector, index: usize, tell: &impl Fn(Heard) -> bool) -> bool {
    let (asked, mut events) = (reflector.request(), Vec::new());
    let request = match http::Request::get(asked.path()).body(Body::empty()) {
        Ok(request) => request,
        Err(error) => {
            reflector.unreachable(&error.to_string());
            return told(reflector, index, Instant::now(), events, tell);
        }
    };
    let answer = timeout(ANSWER, door.client().send(request)).await;
    let mut at = Instant::now();
    match answer {
        Err(_) => reflector.unreachable("it takes too long"),
        Ok(Err(error)) => {
            door.renew().await;
            reflector.unreachable(&chain(&error));
        }
        Ok(Ok(answer)) if !answer.status().is_success() => {
            let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let status = answer.status().as_u16();
            if status == 401 {
                door.renew().await;
            }
            let body = text(answer.into_body()).await.unwrap_or_default();
            reflector.refused(status, seconds.map(Duration::from_secs), &body);
        }
        Ok(Ok(answer)) if asked.is_watch() => return watch(answer.into_body(), reflector, index, tell).await,
        Ok(Ok(answer)) => match text(answer.into_body()).await {
            Ok(body) => {
                at = Instant::now();
                reflector.page(&body, &mut events);
            }
            Err(error) => reflector.unreachable(&error),
        },
    }
    told(reflector, index, at, events, tell)
}

/// Reads a watch to its end; whether anyone still listens.
async fn watch(mut body: Body, reflector: &mut Reflector, index: usize, tell: &impl Fn(Heard) -> bool) -> bool {
    reflector.answered();
    if !told(reflector, index, Instant::now(), Vec::new(), tell) {
        return false;
    }
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let Ok(Some(Ok(frame))) = timeout(QUIET, body.frame()).await else {
            reflector.ended();
            return told(reflector, index, Instant::now(), Vec::new(), tell);
        };
        let at = Instant::now();
        let Ok(data) = frame.into_data() else { continue };
        // Chunks are no lines: one may hold several, or a part.
        rest.extend_from_slice(&data);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            if rest.len() > LONGEST {
                reflector.unreachable("a line of a watch is too long");
                return told(reflector, index, Instant::now(), Vec::new(), tell);
            }
            continue;
        };
        let more = rest.split_off(end + 1);
        let (mut events, mut flow) = (Vec::new(), Flow::On);
        for line in rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            flow = reflector.line(&String::from_utf8_lossy(line), &mut events);
            if flow == Flow::Over {
                break;
            }
        }
        rest = more;
        if !told(reflector, index, at, events, tell) {
            return false;
        }
        if flow == Flow::Over {
            return true;
        }
    }
}

/// The text of an answer.
pub(crate) async fn text(body: Body) -> Result<String, String> {
    let whole = timeout(ANSWER, Limited::new(body, LONGEST).collect()).await;
    let whole = whole.map_err(|_| "its answer takes too long".to_owned())?.map_err(|error| error.to_string())?;
    String::from_utf8(whole.to_bytes().into()).map_err(|_| "its answer is no UTF-8".into())
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    if ["UnknownIssuer", "BadSignature"].iter().any(|word| said.contains(word)) {
        said.push_str(": the certificate authority that the kubeconfig or the service account names did not sign it");
    }
    said
}
