//! Changes by a seed, on a pool that is so small that they often meet.

use b3lb_control_plane::policy::Score;
use b3lb_control_plane::policy::ledger::Terms;
use b3lb_control_plane::state::{
    Admission, Change, Chosen, Hook, Instance, Meeting, Past, Placement, Reason, Recording, Source, State, Tenant,
};
use bbb::checksum::Algorithm;
use bbb::{MeetingKey, Secret};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

/// Instances that may exist.
const INSTANCES: u32 = 5;
/// Tenants that may exist.
const TENANTS: u32 = 3;
/// Meetings of each tenant that may exist.
const MEETINGS: u32 = 12;

/// Makes changes.
pub(crate) struct RandomChanges(SmallRng);

impl RandomChanges {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0.random_range(0..n)
    }

    /// A change that the store could let pass on this state; it may change nothing.
    pub(crate) fn change(&mut self, state: &State) -> Change {
        match self.below(22) {
            0..=2 => Change::Instance(self.instance()),
            3 => Change::InstanceRemoved(self.url()),
            4 => Change::Tenant(self.tenant()),
            5 => Change::TenantRemoved(self.host()),
            6..=8 => Change::Released(self.meeting()),
            9 => Change::RecordingRemoved(self.recording_id()),
            10 | 11 => Change::Recorded(self.recording_id(), self.recording()),
            12 => Change::HookRemoved(self.below(3).into()),
            13 => Change::Hook(self.hook()),
            14 => Change::Remembered(self.meeting(), self.past()),
            15 => Change::Forgotten(self.meeting()),
            _ => self.placed(state).unwrap_or_else(|| Change::Instance(self.instance())),
        }
    }

    /// A placement on an instance that exists, if there is one.
    fn placed(&mut self, state: &State) -> Option<Change> {
        let count = u32::try_from(state.instances.len()).unwrap();
        let index = self.below(count.max(1)) as usize;
        let url = state.instances.keys().nth(index)?.clone();
        Some(Change::Placed(self.meeting(), self.placement(url)))
    }

    fn recording_id(&mut self) -> Arc<str> {
        format!("recording {}", self.below(MEETINGS)).into()
    }

    fn recording(&mut self) -> Recording {
        Recording { instance: self.url(), tenant: self.once_in(2).then(|| self.host()) }
    }

    fn past(&mut self) -> Past {
        Past { peak: f64::from(self.below(1000)) / 7.0, at: self.below(1000).into() }
    }

    fn hook(&mut self) -> Hook {
        Hook {
            id: self.below(3).into(),
            tenant: self.host(),
            callback_url: "https://frontend.example.org/hook".into(),
            meeting_id: None,
            event_id: None,
            raw: self.once_in(2),
            base: "https://bbb.example.org".into(),
            instances: [(self.url(), self.below(9).into())].into(),
        }
    }

    pub(crate) fn placement(&mut self, instance: Arc<str>) -> Placement {
        let reason = match self.below(3) {
            0 => Reason::Found,
            1 => Reason::Alone,
            _ => Reason::Chosen(Box::new(self.chosen())),
        };
        Placement { reason, ..Placement::new(instance, "", u64::from(self.below(3))) }
    }

    /// With numbers that no decimal fraction is.
    fn chosen(&mut self) -> Chosen {
        let users = f64::from(self.below(1000)) / 7.0;
        let score = Score::Ledger(Terms { users, meeting: users / 3.0, ..Terms::default() });
        Chosen { expected: users / 11.0, source: Source::Past, score, eligible: 3, candidates: 2 }
    }

    pub(crate) fn meeting(&mut self) -> Meeting {
        let key = MeetingKey::of(format!("meeting {}", self.below(MEETINGS)).as_bytes());
        Meeting { key, tenant: self.host() }
    }

    pub(crate) fn url(&mut self) -> Arc<str> {
        format!("https://bbb{}.example.org/bigbluebutton", self.below(INSTANCES)).into()
    }

    fn host(&mut self) -> Arc<str> {
        format!("tenant{}.example.org", self.below(TENANTS)).into()
    }

    fn instance(&mut self) -> Instance {
        let admissions = [Admission::Open, Admission::Open, Admission::Cordoned, Admission::Disabled];
        let (url, secret) = (self.url(), Secret::new(if self.once_in(8) { "new" } else { "old" }));
        Instance {
            checksum: if self.once_in(4) { Algorithm::Sha512 } else { Algorithm::Sha256 },
            admission: admissions[self.below(4) as usize],
            capacity: if self.once_in(2) { 2.0 } else { 1.0 },
            online: !self.once_in(4),
            signs_forms: self.once_in(4),
            ..Instance::new(&url, secret)
        }
    }

    fn tenant(&mut self) -> Tenant {
        let secrets = if self.once_in(2) { vec![Secret::new("of the tenant")] } else { Vec::new() };
        let instances = if self.once_in(2) { vec![self.url()] } else { Vec::new() };
        Tenant { instances, ..Tenant::new(&self.host(), secrets) }
    }
}
