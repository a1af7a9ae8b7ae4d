//! One call in one condition, and what comes of it.

use super::request::{Request, Way};
use super::subject::Subject;
use super::table::{Condition, Look, Reaches, expected};
use crate::system::{INSTANCE_SECRET, Pool};
use b3lb_sim::frontend::Answer;
use b3lb_sim::journal::Call as Received;
use b3lb_sim::{Frontend, checksum};

use bbb::checksum::Algorithm;
use bbb::{Call, Secret};

use http::header::{CONTENT_TYPE, DATE, LOCATION};
use http::{HeaderMap, StatusCode};
use std::collections::BTreeSet;

/// A customer and its part of the pool.
pub(super) struct Tenant {
    pub(super) frontend: Frontend,
    /// Indices of the instances that it may use, in order.
    pub(super) instances: Vec<usize>,
}

/// A call in a condition, made in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) call: Call,
    pub(super) condition: Condition,
    pub(super) way: Way,
}

/// One case of one tenant.
pub(super) struct Cell<'a> {
    pub(super) pool: &'a Pool,
    pub(super) tenant: &'a Tenant,
    pub(super) case: Case,
    pub(super) subject: Subject,
    /// The instance of the tenant that fails.
    pub(super) faulty: Option<usize>,
}

impl Case {
    /// Every call in these conditions, in every way that it can be made.
    pub(super) fn all(conditions: &[Condition]) -> Vec<Self> {
        let mut cases = Vec::new();
        for call in Call::all() {
            for &condition in conditions {
                cases.extend(Way::of(call).map(|way| Self { call, condition, way }));
            }
        }
        cases
    }

    /// Tells it from all others.
    pub(super) fn name(self) -> String {
        format!("{:?}-{:?}-{:?}", self.call, self.condition, self.way)
    }
}

impl Cell<'_> {
    /// Makes the call. What did not come as expected is returned in words.
    pub(super) async fn compare(&self) -> Option<String> {
        self.outcome().await.err().map(|why| format!("{}: {why}", self.case.name()))
    }

    async fn outcome(&self) -> Result<(), String> {
        let expected = expected(self.case.call, self.case.condition);
        let holder = self.subject.holder;
        let answer = self.ask(&self.tenant.frontend, self.case.way).await?;
        let reached = self.reached();
        let well = |index: &usize| Some(*index) != self.faulty;
        let own = &self.tenant.instances;
        let right = match expected.reaches {
            Reaches::Nobody => reached.is_empty(),
            Reaches::Holder => reached == Vec::from_iter(holder),
            Reaches::One => reached.len() == 1 && own.contains(&reached[0]),
            Reaches::Well => reached == own.iter().copied().filter(well).collect::<Vec<_>>(),
            Reaches::All => reached == *own,
        };
        if !right {
            return Err(format!("reached {reached:?}, but not {:?}: {}", expected.reaches, answer.text()));
        }
        let look = self.look(&answer, expected.look, holder).await?;
        if look { Ok(()) } else { Err(format!("not {:?}: {} {}", expected.look, answer.status, answer.text())) }
    }

    /// The instances that got this very call from a proxy, once for each time.
    fn reached(&self) -> Vec<usize> {
        let own = |call: &Received| is_proxied(call) && call.param("cell").as_ref() == Some(&self.case.name());
        let times = |index: usize| self.pool.instances[index].calls().iter().filter(|call| own(call)).count();
        (0..self.pool.instances.len()).flat_map(|index| vec![index; times(index)]).collect()
    }

    async fn look(&self, answer: &Answer, look: Look, holder: Option<usize>) -> Result<bool, String> {
        let is_document = answer.status == StatusCode::OK
            && is_of(answer, "text/xml;charset=utf-8")
            && answer.text().starts_with("<response>");
        let is_json = answer.status == StatusCode::OK && is_of(answer, "application/json;charset=utf-8");
        let said = read(answer).filter(|_| is_json);
        let (code, key) = (answer.element("returncode"), answer.element("messageKey"));
        Ok(match look {
            Look::Fails(wanted) => {
                let message = answer.element("message").is_some_and(|message| !message.is_empty());
                is_document && (code, key) == (Some("FAILED"), Some(wanted)) && message
            }
            Look::Succeeds(wanted) => is_document && code == Some("SUCCESS") && key.unwrap_or_default() == wanted,
            Look::FailsInJson(wanted) => said == Some(("FAILED".to_owned(), Some(wanted.to_owned()))),
            Look::Passes => {
                let there = self.ask(&self.instance(holder), Way::Query).await?;
                let succeeds =
                    is_document && code == Some("SUCCESS") || said.is_some_and(|(code, _)| code == "SUCCESS");
                succeeds && there.body == answer.body && without_date(&there) == without_date(answer)
            }
            Look::Lists => {
                let listed = answer.elements("recordID");
                is_document && code == Some("SUCCESS") && listed == [&self.subject.id]
            }
            Look::Redirects => {
                let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
                let base = holder.map(|index| format!("{}/api/join?", self.pool.instances[index].url()));
                let query = base.and_then(|base| location?.strip_prefix(&*base));
                let right = query.is_some_and(|query| self.is_resigned(query));
                answer.status == StatusCode::FOUND && answer.body.is_empty() && right
            }
            Look::Says(text) => answer.status == StatusCode::OK && answer.text() == text,
            Look::Garbled => answer.status == StatusCode::OK && code.is_none() && said.is_none(),
        })
    }

    /// One who asks an instance itself.
    fn instance(&self, index: Option<usize>) -> Frontend {
        let url = self.pool.instances[index.unwrap_or_default()].url();
        Frontend::new(&url, instance_secret()).unwrap()
    }

    /// A query has all that was sent, wherever it stood, and is signed for an instance.
    fn is_resigned(&self, query: &str) -> bool {
        let is_checksum = |pair: &&str| pair.starts_with("checksum=");
        let (signed, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_checksum);
        let signature =
            checksum::sign(Algorithm::default(), self.case.call.name(), &others.join("&"), &instance_secret());
        let id = Some(&*self.subject.id);
        let (_, sent, _) = Request::of(self.case.call).sent(Way::Query, id, &self.case.name(), |_, _| None);
        let sorted = |pairs: Vec<&str>| pairs.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        let sent = sent.split_once('?').map(|(_, sent)| sorted(sent.split('&').collect()));
        signed == [format!("checksum={signature}")] && sent == Some(sorted(others))
    }

    async fn ask(&self, frontend: &Frontend, way: Way) -> Result<Answer, String> {
        let id = (self.case.condition != Condition::NoId).then_some(&*self.subject.id);
        let sign = |action: &str, query: &str| self.checksum(frontend, action, query);
        let (method, target, body) = Request::of(self.case.call).sent(way, id, &self.case.name(), sign);
        frontend.send(method, &target, body).await.map_err(|error| error.to_string())
    }

    /// The checksum that the condition asks for.
    fn checksum(&self, frontend: &Frontend, action: &str, query: &str) -> Option<String> {
        let sign = |secret: &Secret| checksum::sign(frontend.algorithm, action, query, secret);
        match self.case.condition {
            Condition::Unsigned => None,
            Condition::Missigned => Some(sign(&frontend.secret).chars().rev().collect()),
            Condition::SignedAsInstance => Some(sign(&instance_secret())),
            _ => Some(sign(&frontend.secret)),
        }
    }
}

/// It came through a proxy, not from a control plane that looks for itself.
pub(super) fn is_proxied(call: &Received) -> bool {
    call.headers.contains_key("x-forwarded-for")
}

fn instance_secret() -> Secret {
    Secret::new(INSTANCE_SECRET)
}

fn is_of(answer: &Answer, kind: &str) -> bool {
    answer.headers.get(CONTENT_TYPE).is_some_and(|value| value == kind)
}

/// What a document in JSON says: its code and its key.
fn read(answer: &Answer) -> Option<(String, Option<String>)> {
    let document: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |name: &str| document["response"][name].as_str().map(str::to_owned);
    let explained = text("messageKey").is_none() || text("message").is_some_and(|message| !message.is_empty());
    Some((text("returncode")?, text("messageKey"))).filter(|_| explained)
}

/// Its headers but the one that differs from second to second.
fn without_date(answer: &Answer) -> HeaderMap {
    let mut headers = answer.headers.clone();
    headers.remove(DATE);
    headers
}
