//! Breakout rooms: they are where their parents are, and known by ids that BigBlueButton makes up.

use super::{PlaceError, Placer, Wish};
use crate::state::Meeting;
use std::sync::{Arc, PoisonError};

impl Placer {
    /// An instance lists these breakout rooms, by the keys of their internal ids, which BigBlueButton makes up.
    pub fn rooms_seen(&self, instance: &Arc<str>, rooms: &[Meeting]) {
        let mut known = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|url, _| self.store.replica().state().instances.contains_key(url));
        known.insert(instance.clone(), rooms.iter().cloned().collect());
    }

    /// The instance that lists a breakout room with the key of its internal id.
    pub fn room(&self, room: &Meeting) -> Option<Arc<str>> {
        let known = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(_, rooms)| rooms.contains(room)).map(|(instance, _)| instance.clone())
    }

    /// The instance that a breakout room has to be on.
    pub(super) async fn beside(&self, wish: &Wish) -> Result<Option<Arc<str>>, PlaceError> {
        let Some(key) = wish.parent else { return Ok(None) };
        let parent = Meeting { key, tenant: wish.meeting.tenant.clone() };
        let known = self.store.replica().state().placements.get(&parent).map(|placement| placement.instance.clone());
        let instance = match known {
            Some(instance) => Some(instance),
            None => self.store.find(&parent).await?.map(|placement| placement.instance),
        };
        instance.map(Some).ok_or(PlaceError::NoParent(key))
    }
}
