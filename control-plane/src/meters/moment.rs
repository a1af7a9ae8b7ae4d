//! What the pool looks like at the moment that somebody asks.

use super::Meters;
use super::counts::OTHER;
use crate::ledger::Crowd;
use crate::metrics::Readings;
use crate::placer::Judged;
use crate::policy::Score;
use crate::state::{Revision, State};
use ::metrics::{counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use b3lb_proto::v1::{InstanceStatus, PoolStatus};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::collections::HashMap;
use std::sync::Arc;

/// Tenants that are told of apart. Each is a handful of time series.
const TENANTS_MAX: usize = 100;

/// Instances that are told of: more than any pool known has. Each is some twenty time series.
const INSTANCES_MAX: usize = 1024;

/// What is only known when somebody asks.
pub(crate) struct Moment {
    /// In milliseconds since 1970.
    pub(crate) now: u64,
    pub(crate) state: State,
    pub(crate) pool: PoolStatus,
    pub(crate) survey: Vec<Judged>,
    pub(crate) readings: Arc<Readings>,
    pub(crate) crowds: HashMap<Arc<str>, Crowd>,
}

impl Moment {
    /// All of it in the text format of Prometheus. The recorder is a new one each time, so that what is gone is gone.
    pub(super) fn render(&self, meters: &Meters) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || {
            describe();
            self.set_pool(meters);
            self.set_tenants(meters);
            for instance in self.pool.instances.iter().take(INSTANCES_MAX) {
                self.set_instance(instance);
            }
            for judged in self.survey.iter().take(INSTANCES_MAX) {
                set_verdict(judged);
            }
            self.set_counts(meters);
        });
        recorder.handle().render()
    }

    fn set_pool(&self, meters: &Meters) {
        let pool = &self.pool;
        set("b3lb_tenants", pool.tenants as f64);
        set("b3lb_meetings", pool.meetings as f64);
        set("b3lb_users", pool.users as f64);
        set("b3lb_recordings", self.state.recordings.len() as f64);
        set("b3lb_revision", number(self.state.revision));
        set("b3lb_store_up", up(pool.store_ok));
        if pool.store == "redis" {
            set("b3lb_redis_up", up(pool.store_ok));
        }
        set("b3lb_metrics_up", up(pool.metrics_ok));
        if pool.metrics == "influxdb" {
            set("b3lb_influxdb_up", up(pool.metrics_ok));
        }
        if self.readings.read_at > 0 {
            set("b3lb_metrics_age_seconds", self.since(self.readings.read_at));
        }
        if let Some(at) = meters.checks.reconciled_at() {
            set("b3lb_reconciled_at_seconds", at as f64 / 1000.0);
            set("b3lb_reconcile_age_seconds", self.since(at));
        }
        for (eligible, label) in [(true, "true"), (false, "false")] {
            let count = pool.instances.iter().filter(|instance| instance.ineligible.is_empty() == eligible).count();
            gauge!("b3lb_instances", "eligible" => label).set(count as f64);
        }
    }

    /// Those that are above the maximum are one.
    fn set_tenants(&self, meters: &Meters) {
        let mut others: Option<Crowd> = None;
        let everyone = self.state.tenants.is_empty().then(|| Arc::from("*"));
        for (number, host) in self.state.tenants.keys().chain(&everyone).enumerate() {
            let crowd = self.crowds.get(host).copied().unwrap_or_default();
            if number >= TENANTS_MAX {
                let others = others.get_or_insert_default();
                *others = Crowd { meetings: others.meetings + crowd.meetings, users: others.users + crowd.users };
                continue;
            }
            set_crowd(host, crowd);
            let Some(tenant) = self.state.tenants.get(host) else { continue };
            for (limit, most) in [("meeting_pool", tenant.meeting_pool), ("user_pool", tenant.user_pool)] {
                if let Some(most) = most {
                    gauge!("b3lb_tenant_limit", "tenant" => host.to_string(), "limit" => limit).set(most);
                }
            }
        }
        if let Some(crowd) = others {
            set_crowd(OTHER, crowd);
        }
        let named: Vec<&Arc<str>> = self.state.tenants.keys().take(TENANTS_MAX).collect();
        let mut hit: HashMap<(&str, &'static str), u64> = HashMap::new();
        let counts = meters.limits_hit.all(|host| self.state.tenants.contains_key(host));
        for (host, limit, count) in &counts {
            let host = if named.binary_search(&host).is_ok() { &**host } else { OTHER };
            *hit.entry((host, limit)).or_default() += count;
        }
        for ((host, limit), count) in hit {
            counter!("b3lb_limits_hit_total", "tenant" => host.to_owned(), "limit" => limit).absolute(count);
        }
    }

    fn set_instance(&self, instance: &InstanceStatus) {
        let labels = [("instance", instance.url.clone())];
        gauge!("b3lb_instance_online", &labels).set(up(instance.online));
        gauge!("b3lb_instance_meetings", &labels).set(instance.meetings as f64);
        gauge!("b3lb_instance_users", &labels).set(instance.users as f64);
        if let Some(score) = instance.score {
            gauge!("b3lb_instance_score", &labels).set(score);
        }
        if let Some(percent) = instance.cpu {
            gauge!("b3lb_instance_cpu_ratio", &labels).set(percent / 100.0);
        }
        if let Some(percent) = instance.mem {
            gauge!("b3lb_instance_memory_ratio", &labels).set(percent / 100.0);
        }
        if let Some(at) = self.readings.samples.get(&*instance.url).and_then(|sample| sample.measured_at) {
            gauge!("b3lb_instance_metrics_age_seconds", &labels).set(self.since(at));
        }
    }

    /// What this control plane counted of instances that are still there.
    fn set_counts(&self, meters: &Meters) {
        let is_known = |url: &str| self.state.instances.contains_key(url);
        for (url, reason, count) in meters.placed_on.all(is_known) {
            counter!("b3lb_instance_placements_total", "instance" => url.to_string(), "reason" => reason)
                .absolute(count);
        }
        for (url, _, count) in meters.checks.failures.all(is_known) {
            counter!("b3lb_instance_check_failures_total", "instance" => url.to_string()).absolute(count);
        }
    }

    /// Seconds from then to now.
    fn since(&self, then: u64) -> f64 {
        self.now.saturating_sub(then) as f64 / 1000.0
    }
}

fn describe() {
    describe_gauge!("b3lb_tenants", "Tenants that are defined");
    describe_gauge!("b3lb_meetings", "Meetings that have an instance");
    describe_gauge!("b3lb_users", "Users in them, as last seen");
    describe_gauge!("b3lb_recordings", "Recordings that are known");
    describe_gauge!("b3lb_revision", "What the state is as of: milliseconds since 1970, or a count");
    describe_gauge!("b3lb_store_up", "1 while the store answers; without it no meeting is placed");
    describe_gauge!("b3lb_redis_up", "1 while Redis answers");
    describe_gauge!("b3lb_metrics_up", "1 while metrics are read");
    describe_gauge!("b3lb_influxdb_up", "1 if InfluxDB answered the last query");
    describe_gauge!("b3lb_metrics_age_seconds", "How old the readings of metrics are");
    describe_gauge!("b3lb_reconciled_at_seconds", "When it was last known what runs, in seconds since 1970");
    describe_gauge!("b3lb_reconcile_age_seconds", "Since it was last known what runs");
    describe_gauge!("b3lb_instances", "Instances by whether they take new meetings");
    describe_gauge!("b3lb_tenant_meetings", "Meetings of the tenant");
    describe_gauge!("b3lb_tenant_users", "Users in them, as last seen");
    describe_gauge!("b3lb_tenant_limit", "The most that the tenant may have");
    describe_counter!("b3lb_limits_hit_total", "What tenants were refused because they have all that they may");
    describe_gauge!("b3lb_instance_online", "1 while the instance answers checks");
    describe_gauge!("b3lb_instance_meetings", "Meetings on the instance");
    describe_gauge!("b3lb_instance_users", "Users in them, as last seen");
    describe_gauge!("b3lb_instance_cpu_ratio", "Busy cpu, mean over the range");
    describe_gauge!("b3lb_instance_memory_ratio", "Used memory, mean over the range");
    describe_gauge!("b3lb_instance_metrics_age_seconds", "Since the instance was last measured");
    describe_gauge!("b3lb_instance_score", "What placement compares; lower is better; absent if not eligible");
    describe_gauge!("b3lb_instance_score_term", "What the score is the sum of");
    describe_gauge!("b3lb_instance_ineligible", "1: the instance takes no new meetings, and why");
    describe_counter!("b3lb_instance_placements_total", "Meetings placed on the instance, by why it is this one");
    describe_counter!("b3lb_instance_check_failures_total", "Checks that the instance did not answer");
}

fn set_verdict(judged: &Judged) {
    let instance = judged.instance.to_string();
    match &judged.verdict {
        Ok(score) => {
            for (term, value) in Score::terms(score) {
                gauge!("b3lb_instance_score_term", "instance" => instance.clone(), "term" => term).set(value);
            }
        }
        Err(reason) => {
            gauge!("b3lb_instance_ineligible", "instance" => instance, "reason" => reason.name()).set(1.0);
        }
    }
}

fn set_crowd(host: &str, crowd: Crowd) {
    let labels = [("tenant", host.to_owned())];
    gauge!("b3lb_tenant_meetings", &labels).set(crowd.meetings as f64);
    gauge!("b3lb_tenant_users", &labels).set(crowd.users as f64);
}

fn set(name: &'static str, value: f64) {
    gauge!(name).set(value);
}

fn up(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

/// As one number: a store that has no time counts.
fn number(revision: Revision) -> f64 {
    (if revision.time > 0 { revision.time } else { revision.sequence }) as f64
}
