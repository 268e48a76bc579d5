//! The webhook's certificate: files, read again when they change.

use std::fs::read;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// A certificate and its key as PEM files, as a Secret of type `kubernetes.io/tls` is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, with those between it and the authority behind it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// A file that has not what it should.
    #[error("{path} is no PEM file of a {what}: {message}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What is wrong.
        message: String,
    },
    /// They don't fit each other, or can't be used.
    #[error("the certificate {path} can't be used with its key: {source}")]
    Tls {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// What was read last: files of a Secret are replaced together, so that they are compared by what they hold.
#[derive(Clone)]
pub(crate) struct Loaded {
    texts: [Vec<u8>; 2],
    pub(crate) config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads both; what was loaded before where neither has changed.
    pub(crate) fn load(&self, before: Option<&Loaded>) -> Result<Loaded, CertificateError> {
        let text = |path: &Path| read(path).map_err(|source| CertificateError::File { path: path.to_owned(), source });
        let texts = [text(&self.certificate)?, text(&self.key)?];
        if let Some(before) = before
            && before.texts == texts
        {
            return Ok(before.clone());
        }
        let pem = |path: &Path, what, message: String| CertificateError::Pem { path: path.to_owned(), what, message };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&texts[0]).collect();
        let chain = chain.map_err(|error| pem(&self.certificate, "certificate", error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&texts[1]);
        let key = key.map_err(|error| pem(&self.key, "private key", error.to_string()))?;
        let tls = |source| CertificateError::Tls { path: self.certificate.clone(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(tls)?;
        let config = config.with_no_client_auth().with_single_cert(chain, key).map_err(tls)?;
        Ok(Loaded { texts, config: Arc::new(config) })
    }
}
