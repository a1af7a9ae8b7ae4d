//! TLS on the port.

use crate::program::{ADMIN_KEY, PATIENCE, Program, settings};
use b3lb_config::settings::{Settings, Tls};
use b3lb_proto::v1::StatusRequest;
use b3lb_proto::v1::admin_client::AdminClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// An authority, and what it signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, directory: tempfile::tempdir().unwrap() }
    }

    /// A certificate and its key, both PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn settings(&self) -> Settings {
        let (certificate, key) = self.sign("localhost");
        let mut settings = settings();
        settings.control_plane.tls = Some(Tls {
            certificate: self.file("certificate.pem", &certificate),
            key: self.file("key.pem", &key),
            client_ca: None,
        });
        settings
    }

    /// Asks for the status, as a client that trusts this authority and perhaps shows a certificate of its own.
    async fn ask(&self, program: &Program, identity: Option<(String, String)>) -> Result<u64, Status> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.issuer.pem()));
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let url = format!("https://localhost:{}", program.address.port());
        let channel = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap().connect_lazy();
        let mut request = Request::new(StatusRequest {});
        request.metadata_mut().insert("authorization", ADMIN_KEY.parse().unwrap());
        let answer = timeout(PATIENCE, AdminClient::new(channel).status(request)).await.expect("no answer")?;
        Ok(answer.into_inner().tenants)
    }
}

#[tokio::test]
async fn grpc_and_plain_http_are_served_over_tls() {
    let authority = Authority::new();
    let program = Program::launch(authority.settings()).await;
    assert_eq!(authority.ask(&program, None).await.unwrap(), 0);

    let root = reqwest::Certificate::from_pem(authority.issuer.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().add_root_certificate(root).http1_only().build().unwrap();
    let response = http.get(format!("https://localhost:{}/readyz", program.address.port())).send().await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_11, 200));
    let response = http.get(format!("https://localhost:{}/metrics", program.address.port())).send().await.unwrap();
    let metrics = response.text().await.unwrap();
    // What rcgen signs ends in the year 4096.
    let ends = "b3lb_certificate_expiry_timestamp_seconds{certificate=\"control_plane.tls\"} 67090118400";
    assert!(metrics.contains(ends), "{metrics}");
    program.end().await;
}

#[tokio::test]
async fn only_clients_with_a_certificate_connect_where_one_is_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut settings = authority.settings();
    if let Some(tls) = &mut settings.control_plane.tls {
        tls.client_ca = Some(authority.file("clients.pem", &authority.issuer.pem()));
    }
    let program = Program::launch(settings).await;
    assert_eq!(authority.ask(&program, Some(authority.sign("proxy"))).await.unwrap(), 0);
    assert!(authority.ask(&program, None).await.is_err());
    assert!(authority.ask(&program, Some(stranger.sign("proxy"))).await.is_err());
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let good = authority.settings().control_plane.tls.unwrap();
    let missing = authority.directory.path().join("nowhere.pem");
    let empty = authority.file("empty.pem", "");
    let (_, other) = authority.sign("other");
    let cases = [
        (
            Tls { certificate: missing.clone(), ..good.clone() },
            format!("control_plane.tls.certificate: {}", missing.display()),
        ),
        (
            Tls { certificate: empty.clone(), ..good.clone() },
            format!("control_plane.tls.certificate: {}", empty.display()),
        ),
        (Tls { key: empty.clone(), ..good.clone() }, format!("control_plane.tls.key: {}", empty.display())),
        (
            Tls { client_ca: Some(empty.clone()), ..good.clone() },
            format!("control_plane.tls.client_ca: {}", empty.display()),
        ),
        (
            Tls { key: authority.file("other.pem", &other), ..good.clone() },
            "control_plane.tls.certificate and key: ".to_owned(),
        ),
    ];
    for (tls, words) in cases {
        let mut settings = settings();
        settings.control_plane.tls = Some(tls);
        let error = Program::refused(settings).await;
        assert!(error.starts_with(&words), "{error:?} is not about {words:?}");
    }
}
