//! Taking over what another load balancer knew.
//!
//! What is planned depends on the state, on the request, and on what the instances list: they know which meetings still run, and some of
//! them whose they are. Nothing is taken away, and what is there already wins unless the request speaks of the very same.

mod evidence;
mod meetings;

pub(super) use evidence::{Evidence, gather, is_listed};

use super::commit::Plan;
use super::{field, instances, tenants};
use crate::grpc::view::View;
use crate::state::{Change, Instance, Recording, State};
use b3lb_proto::v1::{self, ImportRequest, ImportResponse, ImportedItem};
use bbb::Secret;
use tonic::Status;

/// Plans all of it. Things that cannot be taken over are left out, and the answer says why.
pub(super) fn plan(
    state: &State,
    request: &ImportRequest,
    evidence: &Evidence,
    view: &View,
    now: u64,
) -> Plan<ImportResponse> {
    let mut import = Import { next: state.clone(), changes: Vec::new(), items: Vec::new() };
    for instance in &request.instances {
        let outcome = import.instance(instance);
        import.note("instance", &instance.url, outcome);
    }
    for tenant in &request.tenants {
        let outcome = import.tenant(tenant, view);
        import.note("tenant", &tenant.host, outcome);
    }
    for meeting in &request.meetings {
        let outcome = import.meeting(meeting, evidence, now);
        import.note("meeting", &meeting.meeting_id, outcome);
    }
    for recording in &request.recordings {
        let outcome = import.recording(recording);
        import.note("recording", &recording.record_id, outcome);
    }
    Plan { changes: import.changes, answer: ImportResponse { items: import.items } }
}

/// An import that is being planned.
struct Import {
    /// The state as it will be with the changes so far.
    next: State,
    changes: Vec<Change>,
    items: Vec<ImportedItem>,
}

/// What becomes of one thing.
enum Outcome {
    /// Said of it: nothing, or where it is.
    Added(String),
    /// What of it.
    Changed(String),
    Unchanged(String),
    /// Why.
    Skipped(String),
}

impl Import {
    fn make(&mut self, change: Change) {
        self.next.apply(change.clone());
        self.changes.push(change);
    }

    fn note(&mut self, kind: &str, name: &str, outcome: Outcome) {
        let (outcome, detail) = match outcome {
            Outcome::Added(detail) => ("added", detail),
            Outcome::Changed(detail) => ("changed", detail),
            Outcome::Unchanged(detail) => ("unchanged", detail),
            Outcome::Skipped(detail) => ("skipped", detail),
        };
        let [kind, name, outcome] = [kind, name, outcome].map(str::to_owned);
        self.items.push(ImportedItem { kind, name, outcome, detail });
    }

    fn instance(&mut self, message: &v1::Instance) -> Outcome {
        let url = match field::url("instance.url", &message.url) {
            Ok(url) => url,
            Err(refusal) => return skipped(&refusal),
        };
        let Some(old) = self.next.instances.get(&*url).cloned() else {
            return match instances::add(&self.next, message) {
                Ok(plan) => {
                    plan.changes.into_iter().for_each(|change| self.make(change));
                    Outcome::Added(String::new())
                }
                Err(refusal) => skipped(&refusal),
            };
        };
        if let Err(refusal) = field::secret(&format!("instance.secret of {url}"), &message.secret) {
            return skipped(&refusal);
        }
        let secret = Secret::new(&message.secret);
        if old.secret == secret {
            return Outcome::Unchanged(String::new());
        }
        self.make(Change::Instance(Instance { secret, ..Instance::clone(&old) }));
        Outcome::Changed("its secret".to_owned())
    }

    fn tenant(&mut self, message: &v1::Tenant, view: &View) -> Outcome {
        let host = match field::host("tenant.host", &message.host) {
            Ok(host) => host,
            Err(refusal) => return skipped(&refusal),
        };
        let old = self.next.tenants.get(&*host).cloned();
        let base = old.as_ref().map(|old| tenants::message(old, 0, true)).unwrap_or_default();
        let known = |url: &&String| {
            field::url("tenant.instances", url).is_ok_and(|url| self.next.instances.contains_key(&*url))
        };
        let instances: Vec<String> = message.instances.iter().filter(known).cloned().collect();
        if instances.is_empty() && !message.instances.is_empty() {
            // With none, it would have the whole pool.
            return Outcome::Skipped("none of its instances is part of the pool".to_owned());
        }
        // A rotation may be under way here that the other load balancer knows nothing of.
        let includes_secret = message.secrets.iter().all(|secret| base.secrets.contains(secret));
        let keeps_secrets = includes_secret && (base.secrets.is_empty() || !message.secrets.is_empty());
        let (secrets, secret_ids) = match keeps_secrets {
            true => (base.secrets, base.secret_ids),
            false => (message.secrets.clone(), message.secret_ids.clone()),
        };
        let wanted = v1::Tenant {
            host,
            secrets,
            secret_ids,
            instances,
            meeting_pool: message.meeting_pool,
            user_pool: message.user_pool,
            metadata: if message.metadata.is_empty() { base.metadata } else { message.metadata.clone() },
            ..base
        };
        let left_out = match message.instances.len() - wanted.instances.len() {
            0 => String::new(),
            unknown => format!("without {unknown} instances that are not part of the pool"),
        };
        match tenants::put(&self.next, &wanted, view) {
            Ok(plan) if plan.changes.is_empty() => Outcome::Unchanged(left_out),
            Ok(plan) => {
                plan.changes.into_iter().for_each(|change| self.make(change));
                if old.is_some() { Outcome::Changed(left_out) } else { Outcome::Added(left_out) }
            }
            Err(refusal) => skipped(&refusal),
        }
    }

    fn recording(&mut self, entry: &v1::RecordingEntry) -> Outcome {
        if entry.record_id.is_empty() {
            return Outcome::Skipped("it has no recordID".to_owned());
        }
        let instance = match self.member(&entry.instance) {
            Ok(instance) => instance,
            Err(reason) => return Outcome::Skipped(reason),
        };
        if let Some(known) = self.next.recordings.get(entry.record_id.as_str()) {
            return match known.instance == instance.url {
                true => Outcome::Unchanged(String::new()),
                false => Outcome::Skipped(format!("it is on {}", known.instance)),
            };
        }
        let tenant = self.next.tenants.get_key_value(entry.tenant.as_str()).map(|(host, _)| host.clone());
        let recording = Recording { instance: instance.url.clone(), tenant };
        self.make(Change::Recorded(entry.record_id.as_str().into(), recording));
        Outcome::Added(String::new())
    }

    /// The instance with this url, which must be part of the pool by then.
    fn member(&self, url: &str) -> Result<std::sync::Arc<Instance>, String> {
        let url = field::url("instance", url).map_err(|refusal| refusal.message().to_owned())?;
        let found = self.next.instances.get(&*url).cloned();
        found.ok_or_else(|| format!("its instance {url} is not part of the pool"))
    }
}

fn skipped(refusal: &Status) -> Outcome {
    Outcome::Skipped(refusal.message().to_owned())
}
