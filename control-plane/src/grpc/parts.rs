//! One step from state to state, as the parts it travels in.

use super::convert::{instance_route, tenant_route};
use super::view::View;
use crate::state::{Delta, Meeting};
use b3lb_proto::v1::{Changes, Placed, Recorded, Released};
use bbb::MeetingKey;
use prost::Message;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

/// Bytes in one part: small enough that heartbeats and other calls on the connection get their turn, and far below what any client
/// refuses to receive.
const PART_BYTES: usize = 500 * 1024;

/// What a message costs inside another one besides its own bytes: a tag and a length.
const FIELD_OVERHEAD: usize = 6;

/// Leaves room for the longest names, so that a message of so many keys fits into an empty part.
const KEYS_OF_A_NEW_PART: usize = PART_BYTES / 2 / MeetingKey::LEN;

/// RecordIDs in one message: 54 bytes each, so that they do not fill a part.
const RECORDINGS_TOGETHER: usize = 2000;

/// The changes of one step. There is always one part, if only an empty one.
pub(super) fn parts(delta: &Delta, view: &View) -> VecDeque<Changes> {
    let mut parts = Parts::default();
    for instance in &delta.instances {
        let route = instance_route(instance);
        parts.room(route.encoded_len()).instances.push(route);
    }
    for url in &delta.removed_instances {
        parts.room(url.len()).removed_instances.push(url.to_string());
    }
    for tenant in &delta.tenants {
        let route = tenant_route(tenant, view);
        parts.room(route.encoded_len()).tenants.push(route);
    }
    for host in &delta.removed_tenants {
        parts.room(host.len()).removed_tenants.push(host.to_string());
    }
    for ((tenant, instance), keys) in grouped(delta.placed.iter().map(|(m, instance)| ((&m.tenant, instance), m))) {
        parts.keys(tenant.len() + instance.len(), &keys, |part, keys| {
            part.placed.push(Placed { tenant: tenant.to_string(), instance: instance.to_string(), keys });
        });
    }
    for (tenant, keys) in grouped(delta.released.iter().map(|m| (&m.tenant, m))) {
        parts.keys(tenant.len(), &keys, |part, keys| {
            part.released.push(Released { tenant: tenant.to_string(), keys });
        });
    }
    let recorded = delta.recorded.iter().map(|(id, recording)| ((&recording.tenant, &recording.instance), id));
    for ((tenant, instance), ids) in grouped_ids(recorded) {
        let tenant = tenant.as_deref().unwrap_or_default();
        for ids in ids.chunks(RECORDINGS_TOGETHER) {
            let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
            let recorded = Recorded { tenant: tenant.to_owned(), instance: instance.to_string(), ids };
            parts.room(recorded.encoded_len()).recorded.push(recorded);
        }
    }
    for id in &delta.removed_recordings {
        parts.room(id.len()).removed_recordings.push(id.to_string());
    }
    parts.done.push_back(parts.open);
    parts.done
}

/// Parts that are full, and the one that is being filled.
#[derive(Default)]
struct Parts {
    done: VecDeque<Changes>,
    open: Changes,
    size: usize,
}

impl Parts {
    /// The part to put a message of `length` bytes into.
    fn room(&mut self, length: usize) -> &mut Changes {
        let needed = length + FIELD_OVERHEAD;
        if self.size > 0 && self.size + needed > PART_BYTES {
            self.done.push_back(std::mem::take(&mut self.open));
            self.size = 0;
        }
        self.size += needed;
        &mut self.open
    }

    /// Puts messages of keys wherever there is room; `names` are the bytes of the texts in each message.
    fn keys(&mut self, names: usize, mut keys: &[u8], mut put: impl FnMut(&mut Changes, Vec<u8>)) {
        let names = names + 3 * FIELD_OVERHEAD;
        while !keys.is_empty() {
            let free = PART_BYTES.saturating_sub(self.size + names + FIELD_OVERHEAD) / MeetingKey::LEN;
            // Where not a single one fits, a new part begins.
            let fit = if free == 0 { KEYS_OF_A_NEW_PART } else { free };
            let (now, later) = keys.split_at(keys.len().min(fit * MeetingKey::LEN));
            put(self.room(names + now.len()), now.to_vec());
            keys = later;
        }
    }
}

/// The keys of meetings that agree in something.
fn grouped<'a, G: Hash + Eq>(meetings: impl Iterator<Item = (G, &'a Meeting)>) -> HashMap<G, Vec<u8>> {
    let mut groups: HashMap<G, Vec<u8>> = HashMap::new();
    for (group, meeting) in meetings {
        groups.entry(group).or_default().extend(meeting.key.as_bytes());
    }
    groups
}

fn grouped_ids<'a, G: Hash + Eq>(ids: impl Iterator<Item = (G, &'a Arc<str>)>) -> HashMap<G, Vec<&'a Arc<str>>> {
    let mut groups: HashMap<G, Vec<&Arc<str>>> = HashMap::new();
    for (group, id) in ids {
        groups.entry(group).or_default().push(id);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Instance, Recording, Tenant};
    use b3lb_proto::v1::Update;
    use bbb::Secret;
    use std::collections::BTreeSet;

    fn delta(instances: u32, meetings: u32) -> Delta {
        let url = |number: u32| -> Arc<str> { format!("https://bbb{number}.example.org/bigbluebutton").into() };
        let host = |number: u32| -> Arc<str> { format!("tenant{number}.example.org").into() };
        let meeting = |number: u32| {
            let key = MeetingKey::of(&number.to_be_bytes());
            (Meeting { key, tenant: host(number % 7) }, url(number % instances))
        };
        let instance = |number| Instance::new(&url(number), Secret::new("secret"));
        let tenant = |number| Tenant::new(&host(number), []);
        let recording = |number: u32| {
            let id = format!("{}-{}", MeetingKey::of(&number.to_be_bytes()), 1_700_000_000_000_u64 + u64::from(number));
            (id.into(), Arc::new(Recording { instance: url(0), tenant: Some(host(number % 7)) }))
        };
        Delta {
            instances: (0..instances).map(|number| Arc::new(instance(number))).collect(),
            removed_instances: vec![url(instances)],
            tenants: (0..7).map(|number| Arc::new(tenant(number))).collect(),
            removed_tenants: vec![host(7)],
            placed: (0..meetings).map(meeting).collect(),
            released: (meetings..2 * meetings).map(|number| meeting(number).0).collect(),
            recorded: (0..meetings).map(recording).collect(),
            removed_recordings: (meetings..2 * meetings).map(|number| recording(number).0).collect(),
        }
    }

    /// Tenant, key and instance of everything placed.
    fn placed(parts: &VecDeque<Changes>) -> BTreeSet<(&str, &[u8], &str)> {
        let all = parts.iter().flat_map(|part| &part.placed);
        all.flat_map(|p| p.keys.chunks(MeetingKey::LEN).map(|key| (&*p.tenant, key, &*p.instance))).collect()
    }

    fn released(parts: &VecDeque<Changes>) -> BTreeSet<(&str, &[u8])> {
        let all = parts.iter().flat_map(|part| &part.released);
        all.flat_map(|r| r.keys.chunks(MeetingKey::LEN).map(|key| (&*r.tenant, key))).collect()
    }

    #[test]
    fn everything_travels_and_no_part_is_too_large() {
        let view = View { global: Some(Secret::new("global")) };
        for (instances, meetings) in [(1, 0), (1, 100_000), (1000, 100_000), (20_000, 10)] {
            let delta = delta(instances, meetings);
            let parts = parts(&delta, &view);
            for part in &parts {
                let update = Update { changes: Some(part.clone()), ..Update::default() };
                assert!(update.encoded_len() <= PART_BYTES + 64, "{} bytes", update.encoded_len());
            }
            let expected = delta.placed.iter().map(|(m, url)| (&*m.tenant, &m.key.as_bytes()[..], &**url)).collect();
            assert_eq!(placed(&parts), expected);
            let expected = delta.released.iter().map(|m| (&*m.tenant, &m.key.as_bytes()[..])).collect();
            assert_eq!(released(&parts), expected);
            let ids: BTreeSet<(&str, &str)> = parts
                .iter()
                .flat_map(|part| &part.recorded)
                .flat_map(|recorded| recorded.ids.iter().map(|id| (&*recorded.tenant, &**id)))
                .collect();
            let owner = |recording: &Recording| recording.tenant.clone().unwrap_or_default();
            let expected: Vec<_> = delta.recorded.iter().map(|(id, recording)| (owner(recording), id)).collect();
            assert_eq!(ids, expected.iter().map(|(host, id)| (&**host, &***id)).collect());
            let gone = parts.iter().map(|part| part.removed_recordings.len()).sum::<usize>();
            assert_eq!(gone, delta.removed_recordings.len());
            let count = |list: fn(&Changes) -> usize| parts.iter().map(list).sum::<usize>();
            assert_eq!(count(|part| part.instances.len()), instances as usize);
            let rest =
                [count(|p| p.tenants.len()), count(|p| p.removed_instances.len()), count(|p| p.removed_tenants.len())];
            assert_eq!(rest, [7, 1, 1]);
        }
    }

    #[test]
    fn what_changes_nothing_is_one_empty_part() {
        assert_eq!(parts(&Delta::default(), &View { global: None }), [Changes::default()]);
    }
}
