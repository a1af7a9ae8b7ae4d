//! A server that speaks TLS to those only who have a certificate.

use crate::redis_server::{RedisServer, free_port};
use b3lb_config::Settings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::PathBuf;
use tempfile::TempDir;

/// The server, and the certificates of both sides in files.
pub(crate) struct Secured {
    /// In clear on its port, with TLS on another.
    pub(crate) server: RedisServer,
    port: u16,
    dir: TempDir,
}

impl Secured {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for one that signed itself if it has the name of its issuer.
        params.distinguished_name.push(DnType::CommonName, "the authority");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        for (name, host) in [("server", "localhost"), ("client", "b3lb.example.org")] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            std::fs::write(dir.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let port = free_port();
        let options = [
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", &file("server.pem")],
            ["--tls-key-file", &file("server.key")],
            ["--tls-ca-cert-file", &file("ca.pem")],
            ["--save", ""],
        ];
        let server = RedisServer::start_with(options.as_flattened()).await;
        Self { server, port, dir }
    }

    /// A file of those that belong to this server: `ca.pem`, `client.pem`, `client.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Those of one who has all that it takes.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.redis.address = Some(format!("rediss://localhost:{}", self.port));
        settings.redis.ca_file = Some(self.file("ca.pem"));
        settings.redis.certificate = Some(self.file("client.pem"));
        settings.redis.certificate_key = Some(self.file("client.key"));
        settings
    }
}
