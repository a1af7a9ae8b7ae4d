//! What happens to the pool while policies are compared.

use std::fmt;
use std::str::FromStr;

/// Milliseconds in a minute.
pub(super) const MINUTE: u64 = 60_000;

/// One course of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// 60 % of the pool in use, all the time.
    Steady,
    /// 200 creates within a minute, in the first week: nothing is known of the rooms yet. Elsewhere four weeks are.
    TopOfTheHour,
    /// The same, with what is known of the rooms from four weeks before.
    TopOfTheHourWithPast,
    /// A few very large meetings.
    HeavyTail,
    /// Instances from half to four times the usual size.
    UnequalCapacities,
    /// The same, but nobody has told the balancer.
    UnknownCapacities,
    /// An instance dies in a burst, and comes back.
    Crash,
    /// What is measured arrives ten seconds later than usual.
    Stale10,
    /// … a minute later.
    Stale60,
    /// … five minutes later.
    Stale300,
    /// Nothing is measured for ten minutes, in which a burst falls.
    Blackout,
    /// The same without that, to compare with.
    NoBlackout,
    /// Something else keeps three instances busy for an hour.
    ForeignLoad,
    /// Another control plane takes over in a burst, and has seen nothing yet.
    Failover,
    /// Two control planes place in turn.
    TwoControlPlanes,
    /// A small pool.
    ThreeInstances,
    /// A large one.
    HundredInstances,
}

/// The numbers of a scenario. Times are milliseconds from its start.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) capacities: Vec<f64>,
    /// The policies that heed capacities are told them.
    pub(super) capacities_known: bool,
    /// The share of the pool's capacity that is in use without bursts.
    pub(super) base: f64,
    /// Coefficient of variation of the sizes of meetings.
    pub(super) variation: f64,
    pub(super) burst: Option<Burst>,
    /// How long after a measurement it can be asked for.
    pub(super) delay: u64,
    /// No query succeeds from the first to the second.
    pub(super) blackout: Option<(u64, u64)>,
    /// So much cpu, in percent, on the first so many instances, from the first to the second.
    pub(super) foreign: Option<Foreign>,
    /// The first instance is down from the first to the second.
    pub(super) crash: Option<(u64, u64)>,
    pub(super) failover: Option<u64>,
    pub(super) control_planes: usize,
    /// What is remembered of rooms is known.
    pub(super) past: bool,
    /// What is measured begins then …
    pub(super) from: u64,
    /// … and ends with the scenario.
    pub(super) end: u64,
}

/// Many creates at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    pub(super) at: u64,
    pub(super) creates: usize,
    pub(super) within: u64,
}

/// Load that no meeting causes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foreign {
    pub(super) instances: usize,
    pub(super) cpu: f64,
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Steady,
        Self::TopOfTheHour,
        Self::TopOfTheHourWithPast,
        Self::HeavyTail,
        Self::UnequalCapacities,
        Self::UnknownCapacities,
        Self::Crash,
        Self::Stale10,
        Self::Stale60,
        Self::Stale300,
        Self::Blackout,
        Self::NoBlackout,
        Self::ForeignLoad,
        Self::Failover,
        Self::TwoControlPlanes,
        Self::ThreeInstances,
        Self::HundredInstances,
    ];

    /// As it is called on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::TopOfTheHour => "top-of-the-hour",
            Self::TopOfTheHourWithPast => "top-of-the-hour-with-past",
            Self::HeavyTail => "heavy-tail",
            Self::UnequalCapacities => "unequal-capacities",
            Self::UnknownCapacities => "unknown-capacities",
            Self::Crash => "crash",
            Self::Stale10 => "stale-10s",
            Self::Stale60 => "stale-60s",
            Self::Stale300 => "stale-300s",
            Self::Blackout => "blackout",
            Self::NoBlackout => "no-blackout",
            Self::ForeignLoad => "foreign-load",
            Self::Failover => "failover",
            Self::TwoControlPlanes => "two-control-planes",
            Self::ThreeInstances => "three-instances",
            Self::HundredInstances => "hundred-instances",
        }
    }

    pub(super) fn setup(self) -> Setup {
        let hour = 60 * MINUTE;
        let steady = Setup {
            capacities: vec![1.0; 22],
            capacities_known: true,
            base: 0.6,
            variation: 1.0,
            burst: None,
            delay: 10_000,
            blackout: None,
            foreign: None,
            crash: None,
            failover: None,
            control_planes: 1,
            past: true,
            from: hour,
            end: 4 * hour,
        };
        let burst = Burst { at: hour, creates: 200, within: MINUTE };
        let top = Setup { base: 0.3, burst: Some(burst), end: hour + 20 * MINUTE, ..steady.clone() };
        let stale = |delay: u64| Setup { delay: 10_000 + delay, ..top.clone() };
        let unequal: Vec<f64> = [0.5, 1.0, 2.0, 4.0, 1.0].iter().copied().cycle().take(22).collect();
        let later = Burst { at: 90 * MINUTE, ..burst };
        let quiet = Setup { base: 0.3, burst: Some(later), end: 3 * hour, ..steady.clone() };
        match self {
            Self::Steady => steady,
            Self::TopOfTheHour => Setup { past: false, ..top },
            Self::TopOfTheHourWithPast => top,
            Self::HeavyTail => Setup { variation: 2.0, ..steady },
            Self::UnequalCapacities => Setup { capacities: unequal, ..steady },
            Self::UnknownCapacities => Setup { capacities: unequal, capacities_known: false, ..steady },
            Self::Crash => Setup { crash: Some((hour + 30_000, hour + 270_000)), ..top },
            Self::Stale10 => stale(10_000),
            Self::Stale60 => stale(60_000),
            Self::Stale300 => stale(300_000),
            Self::Blackout => Setup { blackout: Some((85 * MINUTE, 95 * MINUTE)), ..quiet },
            Self::NoBlackout => quiet,
            Self::ForeignLoad => {
                let foreign = Foreign { instances: 3, cpu: 40.0, from: 90 * MINUTE, until: 150 * MINUTE };
                Setup { base: 0.5, foreign: Some(foreign), ..steady }
            }
            Self::Failover => Setup { failover: Some(hour + 30_000), ..top },
            Self::TwoControlPlanes => Setup { control_planes: 2, ..top },
            Self::ThreeInstances => Setup { capacities: vec![1.0; 3], ..steady },
            Self::HundredInstances => {
                let burst = Burst { creates: 900, ..burst };
                Setup { capacities: vec![1.0; 100], burst: Some(burst), ..top }
            }
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scenario| scenario.name() == text);
        let names = || Self::ALL.map(Self::name).join(", ");
        known.ok_or_else(|| format!("there is no scenario {text:?}, but {}", names()))
    }
}
