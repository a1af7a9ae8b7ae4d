//! What an instance was asked, for tests to look at.

use crate::params::Params;
use http::{HeaderMap, Method};
use std::collections::{HashMap, VecDeque};

/// Calls that are remembered whole: enough for the longest test, about 10 MB for a simulator that runs for weeks.
const CALLS_MAX: usize = 20_000;

/// Names of actions and of meetings that are counted one by one; those that come later are not.
const NAMES_MAX: usize = 100_000;

/// A call of the API, as it arrived, whether it was carried out or not.
#[derive(Debug, Clone)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// What follows `/bigbluebutton/api/`; empty for the root.
    pub action: String,
    /// Raw, without the question mark.
    pub query: String,
    /// All of them.
    pub headers: HeaderMap,
    /// Bytes.
    pub body_size: usize,
}

/// The last calls and counts of all of them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: VecDeque<Call>,
    actions: HashMap<String, usize>,
    creates: HashMap<String, usize>,
}

impl Call {
    /// A parameter's decoded value.
    pub fn param(&self, name: &str) -> Option<String> {
        Params::of(&self.query, "").first(name).map(str::to_owned)
    }
}

impl Journal {
    /// Notes a call.
    pub(crate) fn note(&mut self, call: Call) {
        if let ("create", Some(meeting)) = (call.action.as_str(), call.param("meetingID")) {
            count(&mut self.creates, meeting);
        }
        count(&mut self.actions, call.action.clone());
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// The last calls, oldest first.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    /// How often an action was called.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.actions.get(action).copied().unwrap_or(0)
    }

    /// How often each meetingID was created.
    pub(crate) fn creates(&self) -> &HashMap<String, usize> {
        &self.creates
    }
}

fn count(counts: &mut HashMap<String, usize>, name: String) {
    if counts.len() < NAMES_MAX || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    }
}
