//! The port for those who operate the proxy: is it alive, is it of use, what does it count.

use crate::control::Waiting;
use crate::meters::Meters;
use crate::routes::Routes;
use crate::tally::{self, Sheet};
use b3lb_config::pulse::Pulse;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A handful of Prometheus and orchestrator connections is what there is.
const CONNECTIONS_MAX: usize = 64;
/// For the head of a request, and between two of them.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// After a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The port.
#[derive(Clone)]
pub(crate) struct AdminPort {
    pub(crate) routes: Routes,
    pub(crate) meters: Meters,
    pub(crate) sheets: Arc<[Arc<Sheet>]>,
    pub(crate) reports: Waiting,
    /// Of the workers, and of what follows the control plane.
    pub(crate) pulses: Arc<[Pulse]>,
    /// The proxy shall end.
    pub(crate) shutdown: CancellationToken,
}

impl AdminPort {
    /// Serves for ever.
    pub(crate) async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut failing = false;
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        failing = false;
                        let port = self.clone();
                        let service = service_fn(move |request| {
                            std::future::ready(Ok::<_, Infallible>(port.answer(&request)))
                        });
                        connections.spawn(
                            http1::Builder::new()
                                .timer(TokioTimer::new())
                                .header_read_timeout(IDLE_TIME)
                                .serve_connection(TokioIo::new(stream), service),
                        );
                    }
                    Err(error) => {
                        // Once is enough; the log would be full of it.
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(%error, "connections to the admin port cannot be accepted");
                        }
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                // How one of these connections ended is nobody's concern.
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Why the process had better be started anew. One that ends stands still on purpose, and not for long.
    fn trouble(&self) -> Option<String> {
        if self.shutdown.is_cancelled() {
            return None;
        }
        self.pulses.iter().find_map(Pulse::stopped).map(|whose| format!("{whose} stands still"))
    }

    /// Why it should be sent no calls. That no control plane answers is none: it serves what it knows.
    fn reason(&self) -> Option<String> {
        match (self.shutdown.is_cancelled(), self.routes.table().is_known()) {
            (true, _) => Some("shutting down".to_owned()),
            (false, false) => Some("no control plane was reached yet".to_owned()),
            (false, true) => None,
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/livez") => probe(self.trouble()),
            (&Method::GET, "/readyz") => probe(self.reason()),
            (&Method::GET, "/metrics") => {
                let told = self.meters.render(&self.routes.table(), &self.reports);
                (StatusCode::OK, told + &tally::render(&self.sheets))
            }
            (_, "/livez" | "/readyz" | "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n".to_owned()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
        response
    }
}

/// What is answered to a probe.
fn probe(failed: Option<String>) -> (StatusCode, String) {
    match failed {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
