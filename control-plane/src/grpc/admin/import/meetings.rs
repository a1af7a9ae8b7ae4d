//! Meetings that run, and whose they are.

use super::{Evidence, Import, Outcome};
use crate::state::{Change, Instance, Meeting, NOBODY, Placement};
use b3lb_proto::v1;
use bbb::{MeetingKey, listing};
use std::sync::Arc;

impl Import {
    /// Keeps a meeting where it is. One that its instance does not list is over, whatever the other load balancer remembers.
    pub(super) fn meeting(&mut self, message: &v1::Meeting, evidence: &Evidence, now: u64) -> Outcome {
        if message.meeting_id.is_empty() {
            return Outcome::Skipped("it has no meetingID".to_owned());
        }
        let instance = match self.member(&message.instance) {
            Ok(instance) => instance,
            Err(reason) => return Outcome::Skipped(reason),
        };
        let key = MeetingKey::of(message.meeting_id.as_bytes());
        let listed = match evidence.get(&instance.url) {
            None => None,
            Some(running) => match running.get(&key) {
                Some(found) => Some(found),
                None => return Outcome::Skipped(format!("{} does not list it: it is over", instance.url)),
            },
        };
        let same = self.next.placements_of(key).find(|(_, placement)| placement.instance == instance.url);
        if let Some((meeting, _)) = same {
            return Outcome::Unchanged(place(&instance, &meeting.tenant));
        }
        let tenant = self.tenant_of(message, &instance, listed);
        let meeting = Meeting { key, tenant };
        if let Some(placement) = self.next.placements.get(&meeting) {
            return Outcome::Skipped(format!("it is on {} already", placement.instance));
        }
        let detail = place(&instance, &meeting.tenant);
        let begun = listed.map(|found| found.created_at).filter(|at| *at > 0).map_or(now, |at| at.min(now));
        let placement = Placement::new(instance.url.clone(), &message.meeting_id, begun);
        self.make(Change::Placed(meeting, placement));
        Outcome::Added(detail)
    }

    /// Whose a meeting is: as the request says, as its label says, the only one's who may use the instance, the catch-all's, or
    /// [`NOBODY`]'s until somebody asks for it.
    fn tenant_of(&self, message: &v1::Meeting, instance: &Instance, listed: Option<&listing::Meeting>) -> Arc<str> {
        let tenants = &self.next.tenants;
        if tenants.is_empty() {
            return "*".into();
        }
        let known = |host: &str| tenants.get_key_value(host).map(|(host, _)| host.clone());
        let labelled = || known(listed?.tenant.as_deref()?);
        let only = || {
            let mut may_use = tenants.values().filter(|tenant| tenant.may_use(instance));
            may_use.next().filter(|_| may_use.next().is_none()).map(|tenant| tenant.host.clone())
        };
        let tenant = known(&message.tenant).or_else(labelled).or_else(only).or_else(|| known("*"));
        tenant.unwrap_or_else(|| NOBODY.into())
    }
}

fn place(instance: &Instance, tenant: &str) -> String {
    match tenant {
        NOBODY => format!("on {}, of the tenant that asks for it first", instance.url),
        _ => format!("on {}, of {tenant}", instance.url),
    }
}
