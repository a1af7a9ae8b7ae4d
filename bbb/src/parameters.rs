//! What a pool and its tenants add to calls, change in them and take out of them, before they are signed anew.

use crate::query::{Query, decode, encode};
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

/// Those that say which meeting a call is about and who sent it: nobody may change them under way.
const UNTOUCHABLE: [&str; 4] = ["checksum", "meetingID", "meta_b3lb-tenant", "meta_bigblueswarm-tenant"];

/// Bytes of one value; a welcome message is the longest that there is.
const VALUE_MAX: usize = 8192;

/// Why a parameter cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchangeable {
    /// It says which meeting the call is about, or who sent it; or it is none.
    #[error("{0:?} is no parameter that can be changed")]
    Name(String),
    /// No instance would take it.
    #[error("the value of {0:?} has more than {VALUE_MAX} bytes")]
    Value(String),
}

/// Parameters of this name may be changed.
///
/// # Errors
/// [`Unchangeable::Name`] if not.
pub fn check_name(name: &str) -> Result<(), Unchangeable> {
    let untouchable = name.is_empty() || UNTOUCHABLE.iter().any(|fixed| fixed.eq_ignore_ascii_case(name));
    if untouchable { Err(Unchangeable::Name(name.to_owned())) } else { Ok(()) }
}

/// A parameter of this name may be given this value.
///
/// # Errors
/// [`Unchangeable`] says why not.
pub fn check_value(name: &str, value: &str) -> Result<(), Unchangeable> {
    check_name(name)?;
    if value.len() > VALUE_MAX { Err(Unchangeable::Value(name.to_owned())) } else { Ok(()) }
}

/// Parameters whose values are lists, which BigBlueButton separates by commas.
const LISTS: [&str; 2] = ["disabledFeatures", "disabledFeaturesExclude"];

/// One parameter that a call is to have another value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Undecoded. Names of metadata mean the same in every case, as BigBlueButton writes them in lower case.
    pub name: String,
    /// Undecoded; `None`: it is taken out.
    pub value: Option<String>,
}

impl Edit {
    /// This parameter is meant, whose name is decoded.
    pub fn means(&self, name: &[u8]) -> bool {
        let is_metadata = self.name.len() > 5 && self.name.as_bytes()[..5].eq_ignore_ascii_case(b"meta_");
        name == self.name.as_bytes() || is_metadata && name.eq_ignore_ascii_case(self.name.as_bytes())
    }

    /// A query with this parameter as it shall be: in the place where it stands, or `append`ed. Every other byte stays. The other value
    /// says whether it was there.
    pub fn apply(&self, query: &str, append: bool) -> (String, bool) {
        let mut value = self.value.as_deref();
        let (mut edited, mut copied, mut found) = (String::with_capacity(query.len()), 0, false);
        for pair in Query::new(query).pairs().filter(|pair| self.means(&decode(pair.name))) {
            found = true;
            match value.take() {
                Some(value) => {
                    edited.push_str(&query[copied..pair.start]);
                    edited.push_str(&format!("{}={}", pair.name, encode(value)));
                }
                // With the separator before it, or behind it where it stands first.
                None => edited.push_str(query[copied..pair.start].strip_suffix('&').unwrap_or_default()),
            }
            copied = pair.end;
        }
        edited.push_str(&query[copied..]);
        if found && edited.starts_with('&') && !query.starts_with('&') {
            edited.remove(0);
        }
        if let Some(value) = value.filter(|_| append) {
            let separator = if edited.is_empty() { "" } else { "&" };
            edited.push_str(&format!("{separator}{}={}", encode(&self.name), encode(value)));
        }
        (edited, found)
    }
}

/// What has to be edited in a create. `given` says what the call has of a parameter; what `tenant` wants goes before what the `pool` wants.
pub fn of_create(pool: &Parameters, tenant: &Parameters, given: impl Fn(&str) -> Option<String>) -> Vec<Edit> {
    let mut edits = of_call(&pool.create, &tenant.create, &given);
    let longest = [pool.duration_max, tenant.duration_max].into_iter().filter(|minutes| *minutes > 0).min();
    if let Some(longest) = longest {
        let edited = edits.iter().position(|edit| edit.name == DURATION);
        let duration = edited.map_or_else(|| given(DURATION), |index| edits[index].value.clone());
        let minutes = duration.and_then(|minutes| minutes.trim().parse::<u32>().ok());
        // A meeting of no minutes, or of something that is no number, has no end.
        if minutes.is_none_or(|minutes| minutes == 0 || minutes > longest) {
            edited.map(|index| edits.remove(index));
            edits.push(Edit { name: DURATION.to_owned(), value: Some(longest.to_string()) });
        }
    }
    edits
}

/// What has to be edited in a join.
pub fn of_join(pool: &Parameters, tenant: &Parameters, given: impl Fn(&str) -> Option<String>) -> Vec<Edit> {
    of_call(&pool.join, &tenant.join, &given)
}

/// The minutes that a meeting lasts.
const DURATION: &str = "duration";

/// From the weakest to the strongest: default of the pool, of the tenant, what the call says, override of the pool, of the tenant.
fn of_call(pool: &CallParameters, tenant: &CallParameters, given: &impl Fn(&str) -> Option<String>) -> Vec<Edit> {
    let layers = [tenant, pool];
    let is_removed = |name: &str| layers.iter().any(|layer| layer.removed.iter().any(|removed| removed == name));
    let mut names: Vec<&str> = Vec::new();
    for layer in layers {
        let own = layer.defaults.keys().chain(layer.overrides.keys()).chain(&layer.removed).map(String::as_str);
        names.extend(own);
    }
    names.sort_unstable();
    names.dedup();
    let edit = |name: &str| {
        let has = given(name);
        let kept = has.clone().filter(|_| !is_removed(name));
        let default = || layers.iter().find_map(|layer| layer.defaults.get(name)).cloned();
        let wanted = kept.or_else(default);
        let mut overrides = layers.iter().filter_map(|layer| layer.overrides.get(name));
        let value = if LISTS.contains(&name) {
            joined(wanted.iter().chain(overrides))
        } else {
            overrides.next().cloned().or(wanted)
        };
        (value != has).then(|| Edit { name: name.to_owned(), value })
    };
    names.into_iter().filter_map(edit).collect()
}

/// Every element of some lists once; `None` without a list.
fn joined<'a>(lists: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut elements: Option<Vec<&str>> = None;
    for list in lists {
        let elements = elements.get_or_insert_default();
        for element in list.split(',').map(str::trim).filter(|element| !element.is_empty()) {
            if !elements.contains(&element) {
                elements.push(element);
            }
        }
    }
    elements.map(|elements| elements.join(","))
}

#[cfg(test)]
mod tests;
