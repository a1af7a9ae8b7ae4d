//! What a pool and its tenants add to calls, change in them and take out of them, before they are signed anew.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done to the calls of one tenant, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// To `create`.
    pub create: CallParameters,
    /// To `join`.
    pub join: CallParameters,
    /// The longest a meeting may last, in minutes; 0: no limit.
    pub duration_max: u32,
    /// The url of slides for a `create` that brings none; empty: none are added.
    pub slides: String,
}

/// What is done to one call. Names are those of parameters, undecoded; values are encoded when they are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallParameters {
    /// Added where the call does not have them.
    pub defaults: BTreeMap<String, String>,
    /// Added, or put in the place of what the call has. Lists are joined with those of the call.
    pub overrides: BTreeMap<String, String>,
    /// Taken out.
    pub removed: Vec<String>,
}
