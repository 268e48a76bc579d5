//! Single objects of any kind, as JSON: read and written.

use crate::connection::{Connection, ConnectionError};
use crate::door::Door;
use crate::follow::chain;
use crate::message::refusal;
use crate::request::{PAGE, escaped};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a watch may be quiet: bookmarks come about each minute, and not of every kind.
const QUIET: Duration = Duration::from_secs(330);
/// Bytes of an answer.
const LONGEST: usize = 64 << 20;

/// Reads and writes single objects. A request is made anew once where there was no answer: when to try again after that is the caller's to know, who has
/// something newer by then.
///
/// Paths are those of the API, `/apis/margay.io/v1alpha1/nodereports/worker-1`; names of objects need no escapes in them.
pub struct Objects {
    door: Door,
}

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such object, or no such kind.
    #[error("there is no {path}: {message}")]
    Absent {
        /// What was asked for.
        path: String,
        /// What the server says.
        message: String,
    },
    /// It has changed since it was read, or was made by someone else.
    #[error("{path} has changed meanwhile: {message}")]
    Conflict {
        /// What was to be written.
        path: String,
        /// What the server says.
        message: String,
    },
    /// The server will not, or not now.
    #[error("the API server answers {code} for {path}: {message}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The HTTP status code.
        code: u16,
        /// What the server says.
        message: String,
        /// When to ask again, where it says so.
        after: Option<Duration>,
    },
    /// There is no answer, or none that can be read.
    #[error("the API server does not answer: {0}")]
    Unreachable(String),
}

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Made: the path is that of its kind.
    Create,
    /// Put in the place of what was read.
    Replace,
    /// Merged into what there is (RFC 7396).
    Merge,
    /// Applied by the server, with a field manager's name as the query `fieldManager`: made where it is missing.
    Apply,
}

impl Objects {
    /// By this connection, on the runtime that this runs on.
    ///
    /// # Errors
    /// Where the configuration can't be used. A server that does not answer is no error.
    pub async fn of(connection: &Connection) -> Result<Self, ConnectionError> {
        Ok(Self { door: Door::of(connection).await? })
    }

    /// Reads an object, or a list.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.ask(Method::GET, path, None).await
    }

    /// Writes an object; what it is then.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn write(&self, how: Write, path: &str, body: &Value) -> Result<Value, Refusal> {
        let (method, content) = match how {
            Write::Create => (Method::POST, "application/json"),
            Write::Replace => (Method::PUT, "application/json"),
            Write::Merge => (Method::PATCH, "application/merge-patch+json"),
            // JSON is YAML.
            Write::Apply => (Method::PATCH, "application/apply-patch+yaml"),
        };
        self.ask(method, path, Some((content, body))).await
    }

    /// Removes an object; that there is none is as well.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn delete(&self, path: &str) -> Result<(), Refusal> {
        match self.ask(Method::DELETE, path, None).await {
            Ok(_) | Err(Refusal::Absent { .. }) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Every object at a path of a list, page by page, and the version that they are of.
    ///
    /// # Errors
    /// See [`Refusal`]; where a page fails, nothing is told.
    pub async fn list(&self, path: &str) -> Result<(Vec<Value>, String), Refusal> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let more = if token.is_empty() { String::new() } else { format!("&continue={}", escaped(&token)) };
            let mut page = self.get(&format!("{path}?limit={PAGE}{more}")).await?;
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            let metadata = &page["metadata"];
            let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
            token = text("continue");
            if token.is_empty() {
                return Ok((all, text("resourceVersion")));
            }
        }
    }

    /// What happens at a path of a list after a version: each event of the watch is given to `each`, until it says no, or the watch ends as they all do.
    ///
    /// # Errors
    /// See [`Refusal`]. An event of type `ERROR` is for `each` to see.
    pub async fn watch(&self, path: &str, version: &str, mut each: impl FnMut(Value) -> bool) -> Result<(), Refusal> {
        let path = format!("{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={version}");
        let unreachable = |error: &dyn std::fmt::Display| Refusal::Unreachable(error.to_string());
        let request = http::Request::get(&path).body(Body::empty()).map_err(|error| unreachable(&error))?;
        let answer = timeout(ANSWER, self.door.client().send(request)).await;
        let answer = answer.map_err(|_| Refusal::Unreachable("it takes too long".into()))?;
        let answer = answer.map_err(|error| Refusal::Unreachable(chain(&error)))?;
        let (status, mut body) = (answer.status(), answer.into_body());
        if !status.is_success() {
            return Err(Refusal::Refused { path, code: status.as_u16(), message: String::new(), after: None });
        }
        let mut rest: Vec<u8> = Vec::new();
        while let Ok(Some(Ok(frame))) = timeout(QUIET, body.frame()).await {
            let Ok(data) = frame.into_data() else { continue };
            rest.extend_from_slice(&data);
            if rest.len() > LONGEST {
                return Err(unreachable(&"a line of a watch is too long"));
            }
            // Chunks are no lines: one may hold several, or a part.
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { continue };
            let more = rest.split_off(end + 1);
            for line in rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let event = serde_json::from_slice(line).map_err(|error| unreachable(&error))?;
                if !each(event) {
                    return Ok(());
                }
            }
            rest = more;
        }
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value, Refusal> {
        let answer = self.once(method.clone(), path, body).await;
        if !matches!(answer, Err(Refusal::Unreachable(_) | Refusal::Refused { code: 401, .. })) {
            return answer;
        }
        // The connection may be one that the server has closed since it was last used, and the token or a certificate may be another by now. What was
        // done without an answer is done twice: it is the same, or a conflict.
        self.door.renew().await;
        self.once(method, path, body).await
    }

    async fn once(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value, Refusal> {
        let answer = timeout(ANSWER, self.answer(method, path, body)).await;
        answer.unwrap_or_else(|_| Err(Refusal::Unreachable("it takes too long".into())))
    }

    async fn answer(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value, Refusal> {
        let unreachable = |error: &dyn std::fmt::Display| Refusal::Unreachable(error.to_string());
        let request = http::Request::builder().method(method).uri(path);
        let request = match body {
            Some((content, body)) => {
                request.header(CONTENT_TYPE, content).body(Body::from(body.to_string().into_bytes()))
            }
            None => request.body(Body::empty()),
        };
        let request = request.map_err(|error| unreachable(&error))?;
        let answer = self.door.client().send(request).await.map_err(|error| Refusal::Unreachable(chain(&error)))?;
        let status = answer.status();
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|error| unreachable(&error))?;
        let body = body.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| unreachable(&error));
        }
        let (path, message) = (path.to_owned(), refusal(&String::from_utf8_lossy(&body)));
        Err(match status {
            StatusCode::NOT_FOUND => Refusal::Absent { path, message },
            StatusCode::CONFLICT => Refusal::Conflict { path, message },
            _ => Refusal::Refused { path, code: status.as_u16(), message, after: seconds.map(Duration::from_secs) },
        })
    }
}
