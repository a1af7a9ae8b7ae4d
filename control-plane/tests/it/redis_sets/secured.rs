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
        Self::start_with(&["--save", ""]).await
    }

    /// A server with further options.
    pub(crate) async fn start_with(more: &[&str]) -> Self {
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
        ];
        let server = RedisServer::start_with(&[options.as_flattened(), more].concat()).await;
        Self { server, port, dir }
    }

    /// A sentinel that watches this server, speaks TLS itself, and names hosts by their names. What it is asked at, in a configuration.
    pub(crate) async fn watched(&self) -> (RedisServer, String) {
        let dir = tempfile::tempdir().unwrap();
        let (conf, port) = (dir.path().join("sentinel.conf"), free_port());
        let file = |name: &str| self.file(name).to_str().unwrap().to_owned();
        let lines = [
            format!("tls-port {port}"),
            format!("tls-cert-file {}", file("server.pem")),
            format!("tls-key-file {}", file("server.key")),
            format!("tls-ca-cert-file {}", file("ca.pem")),
            "tls-replication yes".to_owned(),
            "sentinel resolve-hostnames yes".to_owned(),
            "sentinel announce-hostnames yes".to_owned(),
            format!("sentinel monitor mymaster localhost {} 1", self.port),
        ];
        std::fs::write(&conf, lines.join("\n") + "\n").unwrap();
        let conf = conf.to_str().unwrap().to_owned();
        let sentinel = RedisServer::start_in(dir, &[&conf, "--sentinel"]).await;
        (sentinel, format!("rediss+sentinel://localhost:{port}/mymaster"))
    }

    /// As one of a cluster, in a configuration.
    pub(crate) fn of_cluster(&self) -> String {
        format!("rediss+cluster://localhost:{}", self.port)
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
