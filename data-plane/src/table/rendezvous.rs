//! Where a meeting goes while no control plane can be asked: weighted rendezvous. Whoever knows the same pool prefers the same instances for
//! the same meeting, and one that is gone takes only its own meetings with it.

use super::{Caller, Instance, Table};
use bbb::MeetingKey;
use sha1::{Digest, Sha1};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Table {
    /// Notes how much each instance should get of new meetings, in the order of their urls. What does not fit to the instances says nothing.
    pub(super) fn weigh(&mut self, weights: &[u32]) {
        let mut urls: Vec<&Arc<str>> = self.instances.all().map(|instance| &instance.url).collect();
        if weights.is_empty() || weights.len() != urls.len() {
            return;
        }
        urls.sort_unstable();
        let weights: HashMap<Arc<str>, u32> = urls.into_iter().cloned().zip(weights.iter().copied()).collect();
        if *self.weights != weights {
            self.weights = Arc::new(weights);
        }
    }

    /// The instances that a new meeting could be put on, the preferred one first.
    pub(crate) fn candidates(&self, caller: &Caller, key: MeetingKey) -> Vec<Arc<Instance>> {
        let same_id = self.placements.range((key, 0)..=(key, super::Number::MAX));
        let held: HashSet<&str> = same_id
            .filter(|((_, tenant), _)| *tenant != caller.number)
            .filter_map(|(_, instance)| Some(&*self.instances.get(*instance)?.url))
            .collect();
        let eligible: Vec<&Arc<Instance>> = self
            .instances
            .all()
            .filter(|instance| instance.open && instance.online && caller.tenant.may_use(instance))
            .filter(|instance| !held.contains(&*instance.url))
            .collect();
        // What was added a moment ago is taken for a usual one.
        let known: Vec<u32> = self.weights.values().copied().filter(|weight| *weight > 0).collect();
        let usual = known.iter().map(|weight| f64::from(*weight)).sum::<f64>() / known.len() as f64;
        let weight = |instance: &Instance| self.weights.get(&instance.url).map_or(usual, |weight| f64::from(*weight));
        // If nothing is said of any, or none should get more, one of them has to.
        let any = eligible.iter().any(|instance| weight(instance) > 0.0);
        let mut candidates: Vec<(f64, &Arc<Instance>)> = eligible
            .into_iter()
            .map(|instance| (if any { weight(instance) } else { 1.0 }, instance))
            .filter(|(weight, _)| *weight > 0.0)
            .map(|(weight, instance)| (-draw(&caller.tenant.host, key, &instance.url).ln() / weight, instance))
            .collect();
        candidates.sort_unstable_by(|(a, one), (b, other)| a.total_cmp(b).then_with(|| one.url.cmp(&other.url)));
        candidates.into_iter().map(|(_, instance)| Arc::clone(instance)).collect()
    }
}

/// A number between 0 and 1 that looks drawn, and is the same for the same meeting and instance in every process and version.
fn draw(tenant: &str, key: MeetingKey, instance: &str) -> f64 {
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(tenant).chain_update([0]).chain_update(instance);
    let digest = digest.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // The 53 bits that a number between 0 and 1 has, and never 0.
    ((u64::from_be_bytes(first) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
