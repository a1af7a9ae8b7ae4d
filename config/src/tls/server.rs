//! TLS on a port of ours, and which clients may connect.

use crate::live::Live;
use crate::settings::{Settings, Tls};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Between two attempts to read files that could not be used when a connection came. They were sound when the configuration was accepted.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// A port of ours.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// The section of the configuration: `control_plane.tls`.
    pub section: &'static str,
    /// What stands in it.
    pub tls: fn(&Settings) -> Option<&Tls>,
    /// The protocols that are spoken on it, the best first.
    pub protocols: &'static [&'static [u8]],
}

/// Shakes hands as the configuration says at that moment.
pub struct Acceptor {
    port: Port,
    live: Live,
    current: Option<TlsAcceptor>,
    /// When the files are read again, if they could not be used the last time.
    retry_at: Option<Instant>,
}

/// Why a section about TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read or holds nothing of the kind.
    #[error("{section}.{key}: {}: {}", file.display(), told(why))]
    File {
        /// The section of the configuration.
        section: &'static str,
        /// The setting.
        key: &'static str,
        /// Its value.
        file: PathBuf,
        /// What is wrong, told in full by this error already.
        why: pem::Error,
    },
    /// A certificate of `client_ca` is malformed.
    #[error("{0}.client_ca: {1}")]
    ClientCa(&'static str, rustls::Error),
    /// The certificates of `client_ca` cannot verify anybody.
    #[error("{0}.client_ca: {1}")]
    Verifier(&'static str, VerifierBuilderError),
    /// Certificate and key cannot be used, or do not belong together.
    #[error("{0}.certificate and key: {1}")]
    Pair(&'static str, rustls::Error),
}

impl Acceptor {
    /// For a port.
    ///
    /// # Errors
    /// What is wrong with the files that the configuration names.
    pub fn new(port: Port, live: Live) -> Result<Self, ServerTlsError> {
        let current = acceptor(port, &live.now())?;
        Ok(Self { port, live, current, retry_at: None })
    }

    /// What the next connection is accepted with; `None` if the port is in clear.
    pub fn now(&mut self) -> Option<TlsAcceptor> {
        if self.live.has_changed() || self.retry_at.is_some_and(|at| Instant::now() >= at) {
            self.retry_at = None;
            match acceptor(self.port, &self.live.now()) {
                // A port that began with TLS does not go on in clear, nor the other way round: its clients would not know.
                Ok(new) if new.is_some() == self.current.is_some() => self.current = new,
                Ok(_) => tracing::warn!("{} can be added or taken away with the next start only", self.port.section),
                // They were replaced since the configuration was accepted. If they become what was accepted, that is no change.
                Err(error) => {
                    tracing::error!("the certificate stays as it is: {error}");
                    self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
                }
            }
        }
        self.current.clone()
    }

    /// The port is not in clear.
    pub fn is_on(&self) -> bool {
        self.current.is_some()
    }
}

fn acceptor(port: Port, settings: &Settings) -> Result<Option<TlsAcceptor>, ServerTlsError> {
    let Some(tls) = (port.tls)(settings) else { return Ok(None) };
    let section = port.section;
    let (chain, key) = pair(section, tls)?;
    let config = ServerConfig::builder();
    let config = match &tls.client_ca {
        None => config.with_no_client_auth(),
        Some(file) => {
            let verifier = WebPkiClientVerifier::builder(roots(section, file)?).build();
            config.with_client_cert_verifier(verifier.map_err(|error| ServerTlsError::Verifier(section, error))?)
        }
    };
    let config = config.with_single_cert(chain, key);
    let mut config = config.map_err(|error| ServerTlsError::Pair(section, error))?;
    config.alpn_protocols = port.protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The certificate with its chain, and its key.
///
/// # Errors
/// One of the files cannot be read or holds nothing of the kind.
pub fn pair(
    section: &'static str,
    tls: &Tls,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ServerTlsError> {
    let chain = certificates(section, "certificate", &tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key);
    Ok((chain, key.map_err(|error| unusable(section, "key", &tls.key, error))?))
}

fn roots(section: &'static str, file: &Path) -> Result<Arc<RootCertStore>, ServerTlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(section, "client_ca", file)? {
        roots.add(certificate).map_err(|error| ServerTlsError::ClientCa(section, error))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(
    section: &'static str,
    key: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(found) if found.is_empty() => Err(unusable(section, key, file, pem::Error::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(section, key, file, error)),
    }
}

fn unusable(section: &'static str, key: &'static str, file: &Path, why: pem::Error) -> ServerTlsError {
    ServerTlsError::File { section, key, file: file.to_owned(), why }
}

/// What is wrong with a PEM file, where its reader would count bytes or leave open what is not found.
fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is none in it".to_owned(),
        pem::Error::MissingSectionEnd { .. } => "it breaks off".to_owned(),
        error => error.to_string(),
    }
}
