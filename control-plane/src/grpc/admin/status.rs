//! The pool at a moment.

use crate::grpc::Calls;
use crate::grpc::changes::changes;
use crate::grpc::convert;
use crate::placer::View;
use crate::policy::{Score, Verdict};
use crate::state::Instance;
use b3lb_proto::v1::{InstanceStatus, PoolStatus};
use futures::Stream;
use std::collections::HashMap;
use std::sync::Arc;
use tonic::Status;

/// The pool now, and whenever it looks different.
pub(super) fn follow(calls: Calls) -> impl Stream<Item = Result<PoolStatus, Status>> + Send {
    let shutdown = calls.shutdown.clone();
    changes(move || Ok(pool(&calls)), shutdown)
}

/// The pool now.
pub(crate) fn pool(calls: &Calls) -> PoolStatus {
    let state = calls.store.replica().state();
    let readings = calls.readings.borrow().clone();
    let survey = calls.placer.survey().instances;
    let verdicts: HashMap<&Arc<str>, &Verdict> =
        survey.iter().map(|judged| (&judged.instance, &judged.verdict)).collect();
    // One that was added since the survey follows with the next look.
    let instances: Vec<_> = state
        .instances
        .values()
        .filter_map(|known| Some(instance(known, &calls.placer.view(&known.url), verdicts.get(&known.url)?)))
        .collect();
    PoolStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: state.epoch.to_string(),
        revision: state.revision.to_string(),
        tenants: state.tenants.len() as u64,
        meetings: state.placements.len() as u64,
        users: instances.iter().map(|instance| instance.users).sum(),
        store: calls.store.kind().to_owned(),
        store_ok: calls.store.is_available(),
        metrics: calls.metrics_kind.to_owned(),
        metrics_ok: readings.read_at > 0 && readings.error.is_none(),
        proxies: calls.meters.watches(),
        placed_alone: calls.meters.reported_alone(),
        instances,
    }
}

fn instance(instance: &Instance, view: &View, verdict: &Verdict) -> InstanceStatus {
    InstanceStatus {
        url: instance.url.to_string(),
        admission: convert::admission(instance.admission).into(),
        online: instance.online,
        meetings: view.account.meetings as u64,
        users: view.account.users,
        cpu: view.sample.cpu_mean,
        mem: view.sample.mem_mean,
        score: verdict.as_ref().ok().map(Score::total),
        ineligible: verdict.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    }
}
