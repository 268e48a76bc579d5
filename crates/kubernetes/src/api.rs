//! An API server asked once: what commands do, which give an answer and end.

use crate::connection::{Connection, ConnectionError};
use crate::follow::{chain, served, text};
use crate::message::refusal;
use crate::request::PAGE;
use crate::{Resource, escaped};
use http::header::RETRY_AFTER;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use margay_api::Kind;
use serde_json::Value;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout_at};

/// How often a list whose token became too old is begun anew.
const ANEW: u32 = 5;
/// How often it is tried to reach a server.
const TRIES: u32 = 3;
/// Between two tries, where the server names no time; and the longest that it may name.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];
/// Bytes of a line that is followed.
const LONGEST_LINE: usize = 1 << 20;

/// An API server to ask, each time waiting for the answer: for commands, not for the agent.
pub struct Api {
    runtime: Runtime,
    client: Client,
    server: String,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The server says no.
    #[error("the API server refuses {path} with {status}{}: {message}", hint(*.status))]
    Refused {
        /// What was asked.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// There was none, or no good one, within the time that a caller has.
    #[error("the API server does not answer {path}: {trouble}")]
    Silent {
        /// What was asked.
        path: String,
        /// What went wrong last.
        trouble: String,
    },
    /// An answer that is none.
    #[error("what the API server says to {path} can't be read: {reason}")]
    Unreadable {
        /// What was asked.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl AskError {
    /// Whether it is not there: the object, or its whole kind.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 => " (the token or certificate is not valid, or not any more)",
        403 => " (the user may not read it: ask for a role that may)",
        _ => "",
    }
}

impl Api {
    /// Where the connection leads; each question gets an answer within `patience` or an error. Nothing is asked yet.
    ///
    /// # Errors
    /// Where the configuration can't be used.
    pub fn connect(connection: &Connection, patience: Duration) -> Result<Self, ConnectionError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let config = runtime.block_on(connection.config())?;
        let server = config.cluster_url.to_string();
        let entered = runtime.enter();
        let client = Client::try_from(config)?;
        drop(entered);
        Ok(Self { runtime, client, server, patience })
    }

    /// The address of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What is at a path, as JSON.
    ///
    /// # Errors
    /// Where there is no answer, or one that is no JSON.
    pub fn get(&self, path: &str) -> Result<Value, AskError> {
        self.runtime.block_on(get(&self.client, path, self.limit()))
    }

    /// What is at a path, as text.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn text(&self, path: &str) -> Result<String, AskError> {
        self.runtime.block_on(ask(&self.client, path, self.limit()))
    }

    /// All objects of a list, page by page, each with its `apiVersion` and `kind`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn list(&self, path: &str) -> Result<Vec<Value>, AskError> {
        self.runtime.block_on(list(&self.client, path, self.limit()))
    }

    /// All objects of the kinds that are wanted, of those that Margay reads and the server serves, in the order of kinds; `told` is told how many kinds of how many there are.
    ///
    /// # Errors
    /// Of the first kind that gets no answer: a part of a cluster means something else than all of it.
    pub fn everything(
        &self,
        wanted: impl Fn(Kind) -> bool,
        mut told: impl FnMut(usize, usize),
    ) -> Result<Vec<(Resource, Vec<Value>)>, AskError> {
        let limit = self.limit();
        LocalSet::new().block_on(&self.runtime, async {
            let ask = |(kind, versions)| tokio::task::spawn_local(listed(self.client.clone(), kind, versions, limit));
            let asked: Vec<_> = Kind::readable().filter(|(kind, _)| wanted(*kind)).map(ask).collect();
            let (mut all, of) = (Vec::new(), asked.len());
            for (done, one) in asked.into_iter().enumerate() {
                told(done, of);
                let ended =
                    one.await.map_err(|error| AskError::Unreadable { path: "/".into(), reason: error.to_string() });
                all.extend(ended??);
            }
            Ok(all)
        })
    }

    /// The lines at each of these paths as they come (logs that are followed), with the index of their path, or why there are none; until they all end, or
    /// `on_line` says to stop with false.
    pub fn lines(&self, paths: &[String], mut on_line: impl FnMut(usize, Result<String, AskError>) -> bool) {
        let limit = self.limit();
        LocalSet::new().block_on(&self.runtime, async {
            let (tell, mut heard) = channel(64);
            for (index, path) in paths.iter().enumerate() {
                let (client, path, tell) = (self.client.clone(), path.clone(), tell.clone());
                tokio::task::spawn_local(async move {
                    if let Err(error) = lines(&client, &path, index, limit, &tell).await {
                        let _ = tell.send((index, Err(error))).await;
                    }
                });
            }
            drop(tell);
            while let Some((index, line)) = heard.recv().await {
                if !on_line(index, line) {
                    break;
                }
            }
        });
    }

    fn limit(&self) -> Instant {
        Instant::now() + self.patience
    }
}

/// The objects of a kind, by the first of its API versions that is served; none where no version is.
async fn listed(
    client: Client,
    kind: Kind,
    versions: Vec<&'static str>,
    limit: Instant,
) -> Result<Option<(Resource, Vec<Value>)>, AskError> {
    let first = Resource::of(kind, versions[0]).path();
    let mut tries = Tries::of(&first, limit);
    let version = loop {
        // What has no group is always there.
        if !versions[0].contains('/') {
            break Some(versions[0]);
        }
        match timeout_at(limit, served(&client, kind, &versions)).await {
            Ok(Ok(version)) => break version,
            Ok(Err(trouble)) => tries.failed(trouble, None).await?,
            Err(_) => return Err(tries.silent(LATE.into())),
        }
    };
    let Some(resource) = version.map(|version| Resource::of(kind, version)) else { return Ok(None) };
    match list(&client, &resource.path(), limit).await {
        Ok(items) => Ok(Some((resource, items))),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn list(client: &Client, path: &str, limit: Instant) -> Result<Vec<Value>, AskError> {
    let (mut items, mut token, mut anew) = (Vec::new(), String::new(), 0);
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let next = if token.is_empty() { String::new() } else { format!("&continue={}", escaped(&token)) };
        let mut page = match get(client, &format!("{path}{mark}limit={PAGE}{next}"), limit).await {
            // The token became too old: what was listed may be gone.
            Err(AskError::Refused { status: 410, .. }) if anew < ANEW => {
                (items, token, anew) = (Vec::new(), String::new(), anew + 1);
                continue;
            }
            page => page?,
        };
        let unreadable = || AskError::Unreadable { path: path.into(), reason: "it is no list".into() };
        let api = page["apiVersion"].clone();
        let kind = page["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).ok_or_else(unreadable)?.to_owned();
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        let found = match page["items"].take() {
            Value::Array(found) => found,
            Value::Null => Vec::new(),
            _ => return Err(unreadable()),
        };
        for mut item in found {
            let fields = item.as_object_mut().ok_or_else(unreadable)?;
            // Items of built-in kinds don't say what they are.
            fields.entry("apiVersion").or_insert_with(|| api.clone());
            fields.entry("kind").or_insert_with(|| kind.as_str().into());
            items.push(item);
        }
        if token.is_empty() {
            return Ok(items);
        }
    }
}

async fn get(client: &Client, path: &str, limit: Instant) -> Result<Value, AskError> {
    let body = ask(client, path, limit).await?;
    serde_json::from_str(&body).map_err(|error| AskError::Unreadable { path: path.into(), reason: error.to_string() })
}

/// The text at a path.
async fn ask(client: &Client, path: &str, limit: Instant) -> Result<String, AskError> {
    let mut tries = Tries::of(path, limit);
    loop {
        let body = answer(client, path, limit).await?;
        match timeout_at(limit, text(body)).await {
            Ok(Ok(text)) => return Ok(text),
            Ok(Err(trouble)) => tries.failed(trouble, None).await?,
            Err(_) => return Err(tries.silent(LATE.into())),
        }
    }
}

/// The body of a good answer: what passes by itself (no connection, 429, 5xx) is tried again.
async fn answer(client: &Client, path: &str, limit: Instant) -> Result<Body, AskError> {
    let mut tries = Tries::of(path, limit);
    loop {
        let request = http::Request::get(path).body(Body::empty());
        let request =
            request.map_err(|error| AskError::Unreadable { path: path.into(), reason: format!("no path: {error}") })?;
        let answer = match timeout_at(limit, client.send(request)).await {
            Err(_) => return Err(tries.silent(LATE.into())),
            Ok(Err(error)) => {
                tries.failed(chain(&error), None).await?;
                continue;
            }
            Ok(Ok(answer)) => answer,
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = timeout_at(limit, text(answer.into_body())).await;
        let message = refusal(&body.unwrap_or_else(|_| Ok(String::new())).unwrap_or_default());
        if status != http::StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
            return Err(AskError::Refused { path: path.into(), status: status.as_u16(), message });
        }
        tries.failed(format!("{}: {message}", status.as_u16()), seconds.map(Duration::from_secs)).await?;
    }
}

/// What is said of a server that is there and says nothing.
const LATE: &str = "it takes too long";

/// How often it was tried to get an answer.
struct Tries<'a> {
    path: &'a str,
    limit: Instant,
    left: u32,
}

impl<'a> Tries<'a> {
    fn of(path: &'a str, limit: Instant) -> Self {
        Self { path, limit, left: TRIES }
    }

    fn silent(&self, trouble: String) -> AskError {
        AskError::Silent { path: self.path.into(), trouble }
    }

    /// Waits before the next try, if there is to be one: a server that asks for patience is given it, for as long as there is time.
    async fn failed(&mut self, trouble: String, wait: Option<Duration>) -> Result<(), AskError> {
        self.left = if wait.is_some() { TRIES } else { self.left - 1 };
        let wait = wait.unwrap_or_default().clamp(AGAIN[0], AGAIN[1]);
        if self.left == 0 || Instant::now() + wait >= self.limit {
            return Err(self.silent(trouble));
        }
        sleep(wait).await;
        Ok(())
    }
}

/// Of which path, and what.
type Line = (usize, Result<String, AskError>);

/// Reads an answer line by line to its end, or until nobody listens. One that is too long is left out.
async fn lines(client: &Client, path: &str, index: usize, limit: Instant, tell: &Sender<Line>) -> Result<(), AskError> {
    let (mut body, mut rest, mut skips) = (answer(client, path, limit).await?, Vec::new(), false);
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&rest).trim_end().to_owned();
                rest.clear();
                if !std::mem::take(&mut skips) && tell.send((index, Ok(line))).await.is_err() {
                    return Ok(());
                }
            } else if rest.len() > LONGEST_LINE {
                (rest, skips) = (Vec::new(), true);
            }
        }
    }
    if !rest.is_empty() && !skips {
        let _ = tell.send((index, Ok(String::from_utf8_lossy(&rest).into_owned()))).await;
    }
    Ok(())
}
