//! Where meetings are and why, and what is remembered of those that are over.

use crate::policy::Score;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a meeting is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// The url of its instance.
    pub instance: Arc<str>,
    /// The meetingID as text, for people; empty where only the key is known.
    #[serde(default)]
    pub meeting_id: Box<str>,
    /// Milliseconds since 1970.
    pub placed_at: u64,
    /// The number people dial to take part, where its tenant has such numbers given out; nobody else in the pool has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_bridge: Option<u32>,
    /// Why it is there.
    #[serde(default)]
    pub reason: Reason,
}

/// Why a meeting is where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was found there, running.
    #[default]
    Found,
    /// The meeting is there that it is a breakout room of.
    Parent,
    /// A proxy that had no control plane put it there.
    Alone,
    /// The policy chose the instance.
    Chosen(Box<Chosen>),
}

/// What the policy knew when it chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// What was expected of the meeting at its peak, in users.
    pub expected: f64,
    /// Where that is known from.
    pub source: Source,
    /// The score of the instance; that of the next best is not better by more than the margin.
    pub score: Score,
    /// Instances that were eligible.
    pub eligible: usize,
    /// Those among them that were about as good.
    pub candidates: usize,
}

/// Where the expectation of a meeting is from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It took place before.
    Past,
    /// Its frontend said how many will come.
    Hint,
    /// The mean of the tenant's meetings, or what is usual where the tenant has had none.
    Tenant,
}

/// What is remembered of a meeting that took place, at least once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its peak, in users; the last time counts half, the time before a quarter, and so on.
    pub peak: f64,
    /// When it was last over, in milliseconds since 1970.
    pub at: u64,
}

impl Placement {
    /// A placement without a number to dial, of a meeting that was found.
    pub fn new(instance: Arc<str>, meeting_id: &str, placed_at: u64) -> Self {
        Self { instance, meeting_id: meeting_id.into(), placed_at, voice_bridge: None, reason: Reason::default() }
    }
}

impl Past {
    /// What is remembered after one more time.
    #[must_use]
    pub fn after(before: Option<&Self>, peak: f64, at: u64) -> Self {
        let peak = before.map_or(peak, |before| f64::midpoint(before.peak, peak));
        Self { peak, at }
    }
}

impl Reason {
    /// What was expected of the meeting when it was placed, if anything was.
    pub fn expected(&self) -> Option<f64> {
        match self {
            Self::Chosen(chosen) => Some(chosen.expected),
            Self::Found | Self::Parent | Self::Alone => None,
        }
    }

    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Parent => "parent",
            Self::Alone => "alone",
            Self::Chosen(_) => "chosen",
        }
    }
}

impl Source {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Past => "past",
            Self::Hint => "hint",
            Self::Tenant => "tenant",
        }
    }
}
