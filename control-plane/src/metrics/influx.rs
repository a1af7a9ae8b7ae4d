//! InfluxDB as the source of readings. The client `influxdb2`, and the old `reqwest` it is built on, are known to this file alone.
//!
//! The client panics on what it does not expect, a null for one, so that it runs in a task of its own whose panic is a failed reading.
//! It holds an answer in memory whole, whatever its size; only the deadline bounds it.

use super::HOSTS_MAX;
use super::readings::{Sample, busy, percent};
use b3lb_config::Settings;
use bbb::Secret;
use fallible_iterator::FallibleIterator;
use influxdb2::api::query::FluxRecord;
use influxdb2::models::Query;
use influxdb2::{Client, ClientBuilder, RequestError};
use influxdb2_structmap::value::Value;
use reqwest::Certificate;
use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// Well over what a pool of a thousand instances takes, and shorter than the time to the next reading.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// How long connecting may take of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of a message of InfluxDB is told: its errors may quote the query.
const MESSAGE_LENGTH: usize = 300;

const QUERY: &str = include_str!("query.flux");

/// Asks one InfluxDB about the whole pool.
pub(super) struct Influx {
    client: Client,
    query: String,
}

/// Why InfluxDB cannot be asked with these settings.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The client would ignore the path and ask somewhere else.
    #[error("influxdb.address must be like https://influxdb.example.org:8086, without user, path or query")]
    Address,
    /// The certificates of `upstream.ca_file` cannot be read.
    #[error("upstream.ca_file {} cannot be read: {reason}", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("no HTTP client for InfluxDB: {0}")]
    Client(String),
}

/// Why there is no reading. Tells neither the token nor the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("InfluxDB did not answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    #[error("InfluxDB cannot be asked: {0}")]
    Transport(String),
    #[error("InfluxDB refused the query: {status}{message}")]
    Refused { status: u16, message: String },
    #[error("InfluxDB failed to answer the query: {0}")]
    Answer(String),
    #[error("InfluxDB answered what its client cannot read")]
    Panic,
    /// A page that a proxy or another program answers looks the same, so that it is no reading of a silent pool.
    #[error("InfluxDB knows no measurement of cpu or mem within the range")]
    Nothing,
}

impl Influx {
    pub(super) fn new(settings: &Settings, address: &Url) -> Result<Self, Unusable> {
        let bare = address.path() == "/" && address.query().is_none() && address.fragment().is_none();
        let anonymous = address.username().is_empty() && address.password().is_none();
        if !bare || !anonymous || !matches!(address.scheme(), "http" | "https") {
            return Err(Unusable::Address);
        }
        // Its HTTP/2 has known holes that will not be mended. A redirect would carry the token to where nobody said it may go.
        let mut http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT);
        for certificate in own_roots(settings)? {
            http = http.add_root_certificate(certificate);
        }
        let influxdb = &settings.influxdb;
        let token = influxdb.token.as_ref().map_or("", Secret::reveal);
        let client = ClientBuilder::with_builder(http, address.as_str(), &influxdb.organization, token).build();
        let client = client.map_err(|error| Unusable::Client(causes(&error)))?;
        Ok(Self { client, query: query(&influxdb.bucket, settings.balancer.metrics_range) })
    }

    /// Asks once. Ends within a second after [`ANSWER_TIMEOUT`] in any case.
    pub(super) async fn read(&self) -> Result<HashMap<String, Sample>, Failure> {
        let (client, query) = (self.client.clone(), self.query.clone());
        let asking = AbortOnDropHandle::new(tokio::spawn(async move { ask(&client, query).await }));
        match tokio::time::timeout(ANSWER_TIMEOUT + Duration::from_secs(1), asking).await {
            Ok(Ok(hosts)) => hosts,
            Ok(Err(_)) => Err(Failure::Panic),
            Err(_) => Err(Failure::Timeout),
        }
    }
}

/// What is trusted besides the system's certificates, as with instances.
fn own_roots(settings: &Settings) -> Result<Vec<Certificate>, Unusable> {
    let Some(path) = &settings.upstream.ca_file else { return Ok(Vec::new()) };
    let unusable = |reason| Unusable::CaFile { path: path.clone(), reason };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(causes(&error)))?;
    if roots.is_empty() { Err(unusable("it holds no certificate".to_owned())) } else { Ok(roots) }
}

async fn ask(client: &Client, query: String) -> Result<HashMap<String, Sample>, Failure> {
    let answer = client.query_raw_iter(Some(Query::new(query))).await?;
    let mut records = answer.result();
    let mut hosts = HashMap::new();
    while let Some(record) = records.next()? {
        let host = host(&record);
        if hosts.len() < HOSTS_MAX || hosts.contains_key(&host) {
            add(hosts.entry(host).or_default(), &record);
        }
    }
    if hosts.is_empty() { Err(Failure::Nothing) } else { Ok(hosts) }
}

/// The tag that is set; the other one is empty or has no column, depending on the aggregate.
fn host(record: &FluxRecord) -> String {
    let tag = |name| record.values.get(name).and_then(Value::string).filter(|value| !value.is_empty());
    tag("b3lb_host").or_else(|| tag("bigblueswarm_host")).unwrap_or_default()
}

/// Adds what the record says of its host. The results come in any order.
fn add(sample: &mut Sample, record: &FluxRecord) {
    let value = match record.values.get("_value") {
        Some(Value::Double(value)) => Some(value.0),
        Some(Value::Long(value)) => Some(*value as f64),
        Some(Value::UnsignedLong(value)) => Some(*value as f64),
        _ => None,
    };
    let value = value.filter(|value| value.is_finite());
    match record.values.get("result").and_then(Value::string).as_deref() {
        Some("cpu_mean") => sample.cpu_mean = value.map(busy),
        Some("cpu_recent") => sample.cpu_recent = value.map(busy),
        Some("mem_mean") => sample.mem_mean = value.map(percent),
        Some("cpu_last" | "mem_last") => sample.measured_at = sample.measured_at.max(time(record)),
        _ => {}
    }
}

fn time(record: &FluxRecord) -> Option<u64> {
    match record.values.get("_time") {
        Some(Value::TimeRFC(time)) => u64::try_from(time.timestamp_millis()).ok(),
        _ => None,
    }
}

/// The whole query. The bucket's name is all that comes from outside.
fn query(bucket: &str, range: Duration) -> String {
    format!("bucket = {}\nstart = -{}ms\n{QUERY}", text(bucket), range.as_millis())
}

/// A text as Flux writes it.
fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Otherwise `${…}` would be evaluated.
            '$' => quoted.push_str("\\x24"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::ReqwestProcessing { source } if source.is_timeout() => Self::Timeout,
            RequestError::ReqwestProcessing { source } => Self::Transport(causes(&source.without_url())),
            RequestError::Http { status, text } => Self::Refused { status: status.as_u16(), message: message(&text) },
            RequestError::Deserializing { text } => Self::Answer(bounded(&text)),
            RequestError::Serializing { source } => Self::Transport(source.to_string()),
        }
    }
}

/// What an error is due to, down to the system's words for it. Some errors tell their cause themselves.
fn causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        if !text.ends_with(&error.to_string()) {
            text = format!("{text}: {error}");
        }
        cause = error.source();
    }
    bounded(&text)
}

/// InfluxDB's own message. Anything else, such as a proxy's page, is left out: it might show the request with its token.
fn message(body: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_str::<Refusal>(body) {
        Ok(refusal) => format!(", {}", bounded(&refusal.message)),
        Err(_) => String::new(),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(MESSAGE_LENGTH).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
