//! A smoke test: a meeting through a proxy, as a frontend would create it.

use super::timed;
use crate::Mistake;
use crate::args::Test;
use crate::client::Client;
use crate::context::Context;
use crate::output::{Format, document, print};
use crate::terminal::say;
use anyhow::{Context as _, bail, ensure};
use b3lb_proto::v1::{GetConfigurationRequest, GetTenantRequest};
use bbb::Secret;
use bbb::checksum::Algorithm;
use bbb::document::{Outcome, child};
use bbb::query::encode;
use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Code;
use url::Url;

/// A create may wait for slides, for as long as proxies wait for it.
const CALL_TIMEOUT: Duration = Duration::from_secs(65);
/// A document about one meeting that nobody is in.
const ANSWER_MAX: usize = 1 << 20;

/// A frontend of a tenant.
struct Frontend {
    http: HttpClient<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// Such as `https://b3lb.example.org/bigbluebutton`.
    base: String,
    /// The host to call it by.
    host: String,
    /// Browsers that are sent there call it by this host as well.
    is_own_host: bool,
    secret: Secret,
}

/// What is known of the meeting once it was found again.
struct Walked {
    /// Where people can join.
    moderator: String,
    attendee: String,
    /// Where joining leads.
    instance: String,
    /// The moderator's.
    password: String,
}

/// Creates a meeting, finds it again, tries to join it, and prints where people can.
///
/// # Errors
/// The first step that does not work, with what was answered.
pub(super) async fn test(client: &mut Client, context: &Context, test: Test, format: Format) -> anyhow::Result<()> {
    let frontend = Frontend::new(client, context, &test).await?;
    let id = format!("b3lbctl-test-{:08x}", rand::random::<u32>());
    frontend.succeed("create", &format!("meetingID={id}&name={}", encode("Test of B3LB"))).await?;
    say(format_args!("created {id}"));
    let walked = frontend.walk(&id).await;
    if test.end {
        let password = walked.as_ref().map(|walked| walked.password.clone()).unwrap_or_default();
        let ended = frontend.succeed("end", &format!("meetingID={id}&password={}", encode(&password))).await;
        // What went wrong first says more.
        if walked.is_ok() {
            ended?;
            say("ended it");
        }
    }
    let Walked { moderator, attendee, instance, .. } = walked?;
    let told = json!({
        "meeting_id": id, "instance": instance, "ended": test.end, "moderator": moderator, "attendee": attendee,
    });
    match format {
        Format::Table | Format::Wide if test.end => Ok(()),
        Format::Table | Format::Wide => print(format_args!("moderator  {moderator}\nattendee   {attendee}")),
        Format::Csv => print(format_args!("moderator,attendee\n{moderator},{attendee}")),
        Format::Json | Format::Yaml => document(format, &told),
    }
}

impl Frontend {
    async fn new(client: &mut Client, context: &Context, test: &Test) -> anyhow::Result<Self> {
        let given = test.proxy.clone().filter(|proxy| !proxy.is_empty());
        let proxy = given.or_else(|| context.proxy.clone()).ok_or_else(|| {
            Mistake("where frontends call is not known: give --proxy, or write proxy into the context".to_owned())
        })?;
        let wrong = || Mistake(format!("--proxy: {proxy:?} is no url such as https://b3lb.example.org/bigbluebutton"));
        let mut url = Url::parse(&proxy).map_err(|_| wrong())?;
        if url.path() == "/" {
            url.set_path("/bigbluebutton");
        }
        let base = bbb::instance_url(url.as_str()).map_err(|_| wrong())?;
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(wrong().into()),
        };
        let host = test.tenant.clone().unwrap_or_else(|| authority.clone());
        let is_own_host = bbb::host_candidates(&authority).any(|own| own == host);
        let secret = match &test.secret {
            Some(secret) => secret.clone(),
            None => secret_of(client, &host).await?,
        };
        let tls = b3lb_config::tls::client_config(context.ca_file.as_deref())?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config((*tls).clone()).https_or_http().enable_http1().build();
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, base, host, is_own_host, secret: Secret::new(&secret) })
    }

    fn url(&self, call: &str, query: &str) -> String {
        format!("{}/api/{call}?{}", self.base, Algorithm::Sha256.sign_query(call, query, &self.secret))
    }

    /// Finds the meeting again, and the way into it.
    async fn walk(&self, id: &str) -> anyhow::Result<Walked> {
        let known = self.succeed("getMeetingInfo", &format!("meetingID={id}")).await?;
        ensure!(child(&known, "meetingID").as_deref() == Some(id), "getMeetingInfo told of another meeting");
        self.succeed("isMeetingRunning", &format!("meetingID={id}")).await?;
        say("found it again");
        let password = |name: &str| child(&known, name).unwrap_or_default();
        let join = |name: &str, role: &str, password: &str| {
            let mut query = format!("meetingID={id}&fullName={}&role={role}", encode(name));
            // Old instances go by the password, which a meeting need not have.
            if !password.is_empty() {
                query.push_str(&format!("&password={}", encode(password)));
            }
            self.url("join", &query)
        };
        let moderator = join("Moderator", "MODERATOR", &password("moderatorPW"));
        let attendee = join("Attendee", "VIEWER", &password("attendeePW"));
        let location = self.location(&moderator).await?;
        let instance = Url::parse(&location).ok().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        say(format_args!("join leads to {instance}"));
        let password = password("moderatorPW");
        if self.is_own_host {
            return Ok(Walked { moderator, attendee, instance, password });
        }
        // A browser would call the proxy by its address, which is nobody's host.
        let attendee = self.location(&attendee).await?;
        Ok(Walked { moderator: location, attendee, instance, password })
    }

    /// Where a join leads.
    async fn location(&self, join: &str) -> anyhow::Result<String> {
        let answer = self.get(join).await?;
        let location = answer.headers().get(LOCATION).and_then(|location| Some(location.to_str().ok()?.to_owned()));
        match (answer.status(), location) {
            (StatusCode::FOUND, Some(location)) => Ok(location),
            (status, _) => bail!("join: answered with {status} and not with the address of an instance"),
        }
    }

    async fn get(&self, url: &str) -> anyhow::Result<Response<hyper::body::Incoming>> {
        let request = Request::get(url).header(HOST, &self.host).body(Empty::new())?;
        let answer = timeout(CALL_TIMEOUT, self.http.request(request)).await;
        let answer = answer.with_context(|| format!("{} does not answer within {CALL_TIMEOUT:?}", self.base))?;
        answer.with_context(|| format!("{} cannot be called", self.base))
    }

    /// A call that must succeed; its answer.
    async fn succeed(&self, call: &str, query: &str) -> anyhow::Result<String> {
        let answer = self.get(&self.url(call, query)).await?;
        let status = answer.status();
        let body = timeout(CALL_TIMEOUT, Limited::new(answer.into_body(), ANSWER_MAX).collect()).await;
        let body = body.with_context(|| format!("{call}: the answer does not end"))?;
        let body = body.map_err(|_| anyhow::anyhow!("{call}: the answer breaks off"))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        match Outcome::of(text.as_bytes()) {
            Some(Outcome::Success) => Ok(text),
            Some(Outcome::Failed) => {
                let told = |name| child(&text, name).unwrap_or_default();
                bail!("{call}: {}: {}", told("messageKey"), told("message"))
            }
            None => bail!("{call}: answered with {status} and no document of BigBlueButton"),
        }
    }
}

/// What signs the calls of this host, as the control plane knows it.
async fn secret_of(client: &mut Client, host: &str) -> anyhow::Result<String> {
    for host in bbb::host_candidates(host) {
        let request = GetTenantRequest { host: host.into_owned(), with_secrets: true };
        match client.get_tenant(timed(request)).await {
            Ok(tenant) => match tenant.into_inner().secrets.into_iter().next() {
                Some(secret) => return Ok(secret),
                None => break,
            },
            Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => {}
            Err(status) => return Err(status.into()),
        }
    }
    let request = GetConfigurationRequest { with_secrets: true };
    let configuration = client.get_configuration(timed(request)).await?.into_inner();
    let configuration: Value = serde_saphyr::from_str(&configuration.yaml)?;
    match configuration["bigbluebutton"]["secret"].as_str() {
        Some(secret) => Ok(secret.to_owned()),
        None => bail!("there is no tenant {host}, and no secret for those without one: give --secret"),
    }
}
