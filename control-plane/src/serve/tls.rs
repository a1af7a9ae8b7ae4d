//! TLS on the port, and which clients may connect.

use b3lb_config::settings::Tls;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why `control_plane.tls` cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read or holds nothing of the kind.
    #[error("control_plane.tls.{key}: {}: {source}", file.display())]
    File {
        /// The setting.
        key: &'static str,
        /// Its value.
        file: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// A certificate of `client_ca` is malformed.
    #[error("control_plane.tls.client_ca: {0}")]
    ClientCa(rustls::Error),
    /// The certificates of `client_ca` cannot verify anybody.
    #[error("control_plane.tls.client_ca: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Certificate and key cannot be used, or do not belong together.
    #[error("control_plane.tls.certificate and key: {0}")]
    Pair(rustls::Error),
}

/// What shakes hands as the settings say. The certificates are read once, when the program starts.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates("certificate", &tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|e| unusable("key", &tls.key, e))?;
    let config = ServerConfig::builder();
    let config = match &tls.client_ca {
        None => config.with_no_client_auth(),
        Some(file) => config.with_client_cert_verifier(WebPkiClientVerifier::builder(roots(file)?).build()?),
    };
    let mut config = config.with_single_cert(certificates, key).map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn roots(file: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca", file)? {
        roots.add(certificate).map_err(TlsError::ClientCa)?;
    }
    Ok(Arc::new(roots))
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(found) if found.is_empty() => Err(unusable(key, file, pem::Error::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(key, file, error)),
    }
}

fn unusable(key: &'static str, file: &Path, source: pem::Error) -> TlsError {
    TlsError::File { key, file: file.to_owned(), source }
}
