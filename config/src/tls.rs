//! Whom our programs trust when they call instances, and how they prove who they are on their own ports.

pub mod server;

use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why calls by HTTPS cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is no PEM.
    #[error("{}: no certificates can be read: {source}", path.display())]
    Unreadable {
        /// Of a `ca_file` or a certificate.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The file holds no certificate, or one that cannot sign others.
    #[error("{}: {reason}", path.display())]
    Useless {
        /// Of a `ca_file` or a certificate.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read, or holds no private key.
    #[error("{}: no private key can be read: {source}", path.display())]
    NoKey {
        /// Of a client.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The cryptography does not offer what TLS needs.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// Makes ring the process's provider, for dependencies that ask for one. The first call decides.
pub fn install_provider() {
    // The only error is that there is one already.
    let _ = ring::default_provider().install_default();
}

/// The system's roots, and besides them the certificates of a file (PEM).
///
/// # Errors
/// The file is unreadable or holds no usable certificate. A system without roots only earns a warning: its instances may all be called
/// in clear.
pub fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a certificate store of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        tracing::warn!("the system has no root certificates and no ca_file names any; nothing can be reached by TLS");
    }
    Ok(roots)
}

/// A client that trusts them.
///
/// # Errors
/// As for [`roots`].
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    client_config_of(ca_file, None)
}

/// The same of one who has a certificate, its own first and then the chain, and its key (PEM), for servers that ask.
///
/// # Errors
/// As for [`roots`], and if these files cannot be read or do not belong together.
pub fn client_config_of(
    ca_file: Option<&Path>,
    identity: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = roots(ca_file)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let Some((certificate, key)) = identity else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let unreadable = |source| TlsError::Unreadable { path: certificate.to_owned(), source };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).map_err(unreadable)?.collect();
    let chain = chain.map_err(unreadable)?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::NoKey { path: key.to_owned(), source })?;
    let useless = |error| TlsError::Useless {
        path: certificate.to_owned(),
        reason: format!("cannot be used with the key {}: {error}", key.display()),
    };
    Ok(Arc::new(builder.with_client_auth_cert(chain, private).map_err(useless)?))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let useless = |reason| TlsError::Useless { path: path.to_owned(), reason };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots.add(certificate).map_err(|error| useless(format!("one of its certificates cannot be used: {error}")))?;
        found = true;
    }
    if found { Ok(()) } else { Err(useless("there is no certificate in it".to_owned())) }
}

/// When the first certificate of a file (PEM) ends, in seconds since 1970; `None` if there is none that can be read.
pub(crate) fn ends_at(file: &Path) -> Option<i64> {
    let certificate = CertificateDer::pem_file_iter(file).ok()?.next()?.ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_is_trusted_and_anything_else_named() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let certificate = rcgen::generate_simple_self_signed(["ca.example.org".to_owned()]).unwrap().cert.pem();
        let refusal = |path: PathBuf| {
            let refusal = client_config(Some(&path)).unwrap_err().to_string();
            refusal.replace(&format!("{}/", dir.path().display()), "")
        };
        client_config(Some(&write("ca.pem", &certificate))).unwrap();
        assert_eq!(refusal(write("empty.pem", "a text\n")), "empty.pem: there is no certificate in it");
        assert_eq!(
            refusal(write("broken.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")),
            "broken.pem: one of its certificates cannot be used: invalid peer certificate: BadEncoding"
        );
        assert_eq!(
            refusal(dir.path().join("none.pem")),
            "none.pem: no certificates can be read: I/O error: No such file or directory (os error 2)"
        );
    }
}
