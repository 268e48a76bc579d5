//! An HNS that answers what a test says, and remembers what it was asked.

use margay_hcn::{ErrorCode, Failure, Guid, Hns, Kind, Notification, Options, Service, Subscription};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub(crate) const NETWORK: &str = "1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9";
pub(crate) const ENDPOINT: &str = "9b2e7f10-6c1d-4c1b-9c0e-0d8f5a3b7c44";
pub(crate) const OTHER: &str = "00000000-0000-0000-0000-000000000002";

/// An answer to a line such as `GET /endpoints/` or `query endpoint <id>`, with the body or the query.
type Answer = dyn Fn(&str, &Value) -> Result<Value, Failure> + Send + Sync;
type Tell = Arc<dyn Fn(Notification) + Send + Sync>;

pub(crate) struct Fake {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
    pub(crate) subscribers: Arc<Mutex<Vec<Tell>>>,
}

impl Fake {
    /// One of a version; `answer` is asked for all but the version.
    pub(crate) fn new(
        version: &str,
        answer: impl Fn(&str, &Value) -> Result<Value, Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (major, minor) = version.split_once('.').unwrap();
        Self::with(json!({ "Major": major.parse::<u32>().unwrap(), "Minor": minor.parse::<u32>().unwrap() }), answer)
    }

    /// One that says this of its version.
    pub(crate) fn with(
        version: Value,
        answer: impl Fn(&str, &Value) -> Result<Value, Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let answer = move |line: &str, body: &Value| match line {
            "GET /globals/version" => Ok(json!({ "Success": true, "Output": version })),
            line => answer(line, body),
        };
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default(), subscribers: Arc::default() })
    }

    /// What it was asked since the last time, without the version.
    pub(crate) fn asked(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.asked.lock().unwrap());
        lines.into_iter().filter(|line| line != "GET /globals/version").collect()
    }

    fn ask(&self, line: String, body: &str) -> Result<Value, Failure> {
        let body = serde_json::from_str(body).unwrap_or_default();
        let answer = (self.answer)(&line, &body);
        let shown =
            if line.starts_with("POST") || line.starts_with("modify") { format!("{line} {body}") } else { line };
        self.asked.lock().unwrap().push(shown);
        answer
    }
}

/// The filter of a query, where it has one.
pub(crate) fn filter(query: &Value) -> Option<Value> {
    serde_json::from_str(query["Filter"].as_str()?).ok()
}

pub(crate) fn open(fake: &Arc<Fake>) -> Hns {
    Hns::open(fake.clone(), Options::default()).unwrap()
}

pub(crate) fn output(output: Value) -> Result<Value, Failure> {
    Ok(json!({ "Success": true, "Output": output }))
}

pub(crate) fn refused(code: ErrorCode) -> Result<Value, Failure> {
    Err(Failure::new(code))
}

pub(crate) fn id(text: &str) -> Guid {
    text.parse().unwrap()
}

impl Service for Fake {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        self.ask(format!("{method} {path}"), body).map(|answer| answer.to_string())
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        self.ask(format!("enumerate {kind}"), query).map(|answer| answer.to_string())
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        self.ask(format!("query {kind} {id}"), query).map(|answer| answer.to_string())
    }

    fn create(&self, kind: Kind, _: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        self.ask(format!("create {kind}"), settings).map(|_| id)
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        self.ask(format!("modify {kind} {id}"), settings).map(drop)
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        self.ask(format!("delete {kind} {id}"), "").map(drop)
    }

    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        self.ask("subscribe".into(), "")?;
        self.subscribers.lock().unwrap().push(Arc::from(tell));
        Ok(Subscription::new(Unsubscribe(self.subscribers.clone())))
    }
}

/// Ends every subscription.
struct Unsubscribe(Arc<Mutex<Vec<Tell>>>);

impl Drop for Unsubscribe {
    fn drop(&mut self) {
        self.0.lock().unwrap().clear();
    }
}
