//! What is served where.

use crate::{Health, Telemetry};
use std::time::Instant;

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    pub(crate) fn plain(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    fn of(health: &Health, query: &str) -> Self {
        let status = if health.is_ok() { 200 } else { 503 };
        let verbose = query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="));
        Self::plain(status, if verbose { health.verbose() } else { format!("{health}\n") })
    }
}

/// `/liveness` and `/readiness`, with `?verbose` check by check.
pub fn health_page(telemetry: &Telemetry, path: &str, query: &str) -> Option<Answer> {
    match path {
        "/liveness" => Some(Answer::of(&telemetry.live(Instant::now()), query)),
        "/readiness" => Some(Answer::of(&telemetry.ready(Instant::now()), query)),
        _ => None,
    }
}

/// `/metrics`.
pub fn metrics_page(telemetry: &Telemetry, path: &str, _query: &str) -> Option<Answer> {
    (path == "/metrics").then(|| Answer {
        status: 200,
        content_type: prometheus_client::encoding::prometheus_text::CONTENT_TYPE,
        body: telemetry.metrics(Instant::now()),
    })
}
