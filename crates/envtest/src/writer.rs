//! What writes objects.

use crate::{Error, Result};
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How long it may be away for [`Writer::insist`].
const AWAY: Duration = Duration::from_secs(60);
/// The time between two attempts.
const AGAIN: Duration = Duration::from_millis(50);

/// Something to be written. Objects say themselves what and where they are.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// An object that is not there yet.
    Create(Value),
    /// A part of an object that is there (a merge patch).
    Patch(Value),
    /// The same of its status.
    Status(Value),
    /// That an object goes, at once.
    Delete(Value),
}

impl Write {
    fn object(&self) -> &Value {
        match self {
            Self::Create(object) | Self::Patch(object) | Self::Status(object) | Self::Delete(object) => object,
        }
    }

    fn parts(&self) -> (Method, String, &'static str, String) {
        let (all, one) = paths(self.object());
        let now = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0 });
        let (plain, merge) = ("application/json", "application/merge-patch+json");
        match self {
            Self::Create(object) => (Method::POST, all, plain, object.to_string()),
            Self::Patch(object) => (Method::PATCH, one, merge, object.to_string()),
            Self::Status(object) => (Method::PATCH, format!("{one}/status"), merge, object.to_string()),
            Self::Delete(_) => (Method::DELETE, one, plain, now.to_string()),
        }
    }

    /// Whether a refusal says that it is done already.
    fn is_done(&self, status: u16) -> bool {
        matches!((self, status), (Self::Create(_), 409) | (Self::Delete(_), 404))
    }
}

/// Where all of a kind are, and where one is.
fn paths(object: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api, kind) = (text(&object["apiVersion"]), text(&object["kind"]).to_lowercase());
    let root = if api.contains('/') { "apis" } else { "api" };
    let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    let space = object["metadata"]["namespace"].as_str().map(|name| format!("/namespaces/{name}")).unwrap_or_default();
    let all = format!("/{root}/{api}{space}/{plural}");
    (all.clone(), format!("{all}/{}", text(&object["metadata"]["name"])))
}

/// Writes objects, one at a time or many, in the network namespace of the thread that calls.
pub struct Writer {
    runtime: Runtime,
    client: Client,
}

impl Writer {
    /// Who a kubeconfig says.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn new(kubeconfig: PathBuf) -> Result<Self> {
        let failed = |message: String| Error::Client { path: kubeconfig.clone(), message };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        let client = runtime.block_on(async {
            let read = Kubeconfig::read_from(&kubeconfig).map_err(|error| error.to_string())?;
            let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
            Client::try_from(config.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
        });
        Ok(Self { client: client.map_err(failed)?, runtime })
    }

    /// Writes, and gives what the server says the object is now.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Unreachable`].
    pub fn write(&self, write: &Write) -> Result<Value> {
        self.runtime.block_on(once(&self.client, write))
    }

    /// Writes all of these, each group in its order, so many groups at a time; again and again where the server is away. What is done already counts as
    /// done.
    ///
    /// # Errors
    /// The first that the server refuses for good, or that it is away for long.
    pub fn insist(&self, groups: impl IntoIterator<Item = Vec<Write>>, at_once: usize) -> Result<()> {
        let mut groups = groups.into_iter();
        self.runtime.block_on(async {
            let mut under_way = JoinSet::new();
            loop {
                while under_way.len() < at_once
                    && let Some(group) = groups.next()
                {
                    under_way.spawn(insist(self.client.clone(), group));
                }
                match under_way.join_next().await {
                    None => return Ok(()),
                    Some(done) => done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?,
                }
            }
        })
    }

    /// What the server says at a path: of an object, or of a list.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Unreachable`].
    pub fn get(&self, path: &str) -> Result<Value> {
        self.text(path).map(|text| serde_json::from_str(&text).unwrap_or_default())
    }

    pub(crate) fn text(&self, path: &str) -> Result<String> {
        self.runtime.block_on(ask(&self.client, Method::GET, path.into(), "application/json", String::new()))
    }
}

async fn once(client: &Client, write: &Write) -> Result<Value> {
    let (method, path, kind, body) = write.parts();
    ask(client, method, path, kind, body).await.map(|text| serde_json::from_str(&text).unwrap_or_default())
}

async fn insist(client: Client, group: Vec<Write>) -> Result<()> {
    for write in group {
        insist_on(&client, &write).await?;
    }
    Ok(())
}

async fn insist_on(client: &Client, write: &Write) -> Result<()> {
    let deadline = Instant::now() + AWAY;
    loop {
        match once(client, write).await {
            Ok(_) => return Ok(()),
            Err(Error::Refused { status, .. }) if write.is_done(status) => return Ok(()),
            // A server that starts knows nobody's rights yet.
            Err(Error::Refused { status: 401 | 403 | 409 | 429 | 500.., .. } | Error::Unreachable { .. })
                if Instant::now() < deadline => {}
            Err(error) => return Err(error),
        }
        sleep(AGAIN).await;
    }
}

async fn ask(client: &Client, method: Method, path: String, kind: &str, body: String) -> Result<String> {
    let request = format!("{method} {path}");
    let unreachable = |message: String| Error::Unreachable { request: request.clone(), message };
    let built = http::Request::builder()
        .method(method)
        .uri(&path)
        .header(CONTENT_TYPE, kind)
        .body(Body::from(body.into_bytes()));
    let built = built.map_err(|error| unreachable(error.to_string()))?;
    let answered = timeout(ANSWER, async {
        let answer = client.send(built).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    });
    let (status, text) =
        answered.await.unwrap_or_else(|_| Err(format!("none within {ANSWER:?}"))).map_err(unreachable)?;
    if (200..300).contains(&status) {
        return Ok(text);
    }
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = said["message"].as_str().map_or_else(|| text.chars().take(300).collect(), str::to_owned);
    Err(Error::Refused { request, status, message })
}
