//! One call in one condition, and what comes of it.

use super::request::Request;
use super::subject::Subject;
use super::table::{Condition, Look, Reaches, expected};
use crate::system::{INSTANCE_SECRET, Pool};
use b3lb_sim::Frontend;
use b3lb_sim::frontend::Answer;
use b3lb_sim::journal::Call as Received;

use bbb::{Call, Secret};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};

/// A customer and its part of the pool.
pub(super) struct Tenant {
    pub(super) frontend: Frontend,
    /// Indices of the instances that it may use, in order.
    pub(super) instances: Vec<usize>,
}

/// One call of one tenant in one condition.
pub(super) struct Cell<'a> {
    pub(super) pool: &'a Pool,
    pub(super) tenant: &'a Tenant,
    pub(super) call: Call,
    pub(super) condition: Condition,
    pub(super) subject: Subject,
    /// The instance of the tenant that fails.
    pub(super) faulty: Option<usize>,
}

impl Cell<'_> {
    /// Makes the call. What did not come as expected is returned in words.
    pub(super) async fn compare(&self) -> Option<String> {
        self.outcome().await.err().map(|why| format!("{:?}, {:?}: {why}", self.call, self.condition))
    }

    async fn outcome(&self) -> Result<(), String> {
        let expected = expected(self.call, self.condition);
        let holder = self.subject.holder;
        let answer = self.ask(&self.tenant.frontend).await?;
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
        let own = |call: &Received| is_proxied(call) && call.param("cell").as_ref() == Some(&self.name());
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
                let there = self.ask(&self.instance(holder)).await?;
                let succeeds =
                    is_document && code == Some("SUCCESS") || said.is_some_and(|(code, _)| code == "SUCCESS");
                succeeds && there.body == answer.body && there.headers == answer.headers
            }
            Look::Lists => {
                let listed = answer.elements("recordID");
                is_document && code == Some("SUCCESS") && listed == [&self.subject.id]
            }
            Look::Redirects => {
                let there = self.target(&self.instance(holder));
                let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
                let url = location.and_then(|location| location.strip_prefix("http://"));
                let expected = holder.map(|index| format!("{}{there}", self.pool.instances[index].address()));
                answer.status == StatusCode::FOUND && answer.body.is_empty() && url == expected.as_deref()
            }
            Look::Garbled => answer.status == StatusCode::OK && code.is_none() && said.is_none(),
        })
    }

    /// One who asks an instance itself.
    fn instance(&self, index: Option<usize>) -> Frontend {
        let url = self.pool.instances[index.unwrap_or_default()].url();
        Frontend::new(&url, Secret::new(INSTANCE_SECRET)).unwrap()
    }

    async fn ask(&self, frontend: &Frontend) -> Result<Answer, String> {
        let Request { method, body, .. } = Request::of(self.call);
        frontend.send(method, &self.target(frontend), body).await.map_err(|error| error.to_string())
    }

    fn target(&self, frontend: &Frontend) -> String {
        let request = Request::of(self.call);
        let id = (self.condition != Condition::NoId).then_some(&*self.subject.id);
        let query = request.query(id, &self.name());
        let signed = frontend.target(request.action, &query);
        let (unsigned, checksum) = signed.rsplit_once("&checksum=").unwrap();
        match self.condition {
            Condition::Unsigned => unsigned.to_owned(),
            Condition::Missigned => format!("{unsigned}&checksum={}", checksum.chars().rev().collect::<String>()),
            Condition::SignedAsInstance => {
                let impostor = Frontend { secret: Secret::new(INSTANCE_SECRET), ..frontend.clone() };
                impostor.target(request.action, &query)
            }
            _ => signed,
        }
    }

    fn name(&self) -> String {
        format!("{:?}-{:?}", self.call, self.condition)
    }
}

/// It came through a proxy, not from a control plane that looks for itself.
pub(super) fn is_proxied(call: &Received) -> bool {
    call.headers.contains_key("x-forwarded-for")
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
