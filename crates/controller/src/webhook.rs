//! The validating admission webhook over HTTPS.

use crate::certificate::{Certificate, CertificateError, Loaded};
use crate::controller::spawn;
use crate::review;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// Where reviews are asked for.
const PATH: &str = "/validate";
/// Bytes of a request: the object that is to be and the one that is, each as large as an API server takes.
const LONGEST: usize = 8 << 20;
/// Connections at a time: an API server keeps a few.
const MOST: usize = 64;
/// How long a client may take for a handshake, for the head of a request, and for its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the certificate's files are read again.
const RELOAD: Duration = Duration::from_secs(30);

/// A running webhook, on a thread of its own until it is dropped.
pub struct Webhook {
    address: SocketAddr,
    _stop: oneshot::Sender<Infallible>,
}

/// Why it can't be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The certificate.
    #[error("the admission webhook can't be served: {0}")]
    Certificate(#[from] CertificateError),
    /// The address.
    #[error("the admission webhook can't be served on {address}: {source}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// What is wrong.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("the admission webhook can't be started: {0}")]
    System(#[from] io::Error),
}

impl Webhook {
    /// Serves on this address, with a certificate that is read again when it changes.
    ///
    /// # Errors
    /// See [`WebhookError`].
    pub fn start(address: SocketAddr, certificate: Certificate) -> Result<Self, WebhookError> {
        let loaded = certificate.load(None)?;
        let failed = |source| WebhookError::Address { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        spawn("webhook", move || {
            let current = Arc::new(Mutex::new(loaded));
            runtime.spawn(reload(certificate, Arc::clone(&current)));
            runtime.spawn(serve(listener, current));
            let _ = runtime.block_on(stopped);
        })?;
        info!("the admission webhook is served on {address}");
        Ok(Self { address, _stop: stop })
    }

    /// Where it is served: the port that was found for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Reads the files again and again. What can't be used is said once, and what was there before stays.
async fn reload(certificate: Certificate, current: Arc<Mutex<Loaded>>) {
    let mut said = String::new();
    loop {
        sleep(RELOAD).await;
        let before = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match certificate.load(Some(&before)) {
            Ok(loaded) => {
                said.clear();
                *current.lock().unwrap_or_else(PoisonError::into_inner) = loaded;
            }
            Err(error) => {
                let error = error.to_string();
                if error != said {
                    warn!("the certificate of the admission webhook is kept as it was: {error}");
                    said = error;
                }
            }
        }
    }
}

async fn serve(listener: TcpListener, current: Arc<Mutex<Loaded>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptors are left, most likely.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let config = Arc::clone(&current.lock().unwrap_or_else(PoisonError::into_inner).config);
        tokio::spawn(async move {
            let _place = place;
            let Ok(Ok(stream)) = timeout(PATIENCE, TlsAcceptor::from(config).accept(stream)).await else { return };
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // How a connection ends is its client's matter.
            let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, content, text) = match (request.method(), request.uri().path()) {
        (&Method::POST, PATH) => match timeout(PATIENCE, Limited::new(request.into_body(), LONGEST).collect()).await {
            Ok(Ok(body)) => match review(&String::from_utf8_lossy(&body.to_bytes())) {
                Ok(answer) => (StatusCode::OK, "application/json", answer.to_string()),
                Err(error) => (StatusCode::BAD_REQUEST, "text/plain", format!("this can't be reviewed: {error}\n")),
            },
            Ok(Err(error)) => (StatusCode::BAD_REQUEST, "text/plain", format!("the body can't be read: {error}\n")),
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "text/plain", "the body takes too long\n".to_owned()),
        },
        (&Method::GET, "/healthz") => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", format!("reviews are asked for by POST {PATH}\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content));
    Ok(response)
}
