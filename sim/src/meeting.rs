//! One meeting of a simulated instance.

use crate::documents::Entry;
use crate::options::Rules;
use crate::users::Plan;

/// A meeting, from its creation until it is no longer listed.
#[derive(Debug, Clone)]
pub(crate) struct Meeting {
    /// What does not change; the rest of it is filled in by [`Meeting::entry`].
    pub(crate) fixed: Entry,
    pub(crate) plan: Plan,
    /// When it ended, by a call or because nobody was there.
    pub(crate) ended: Option<u64>,
}

impl Meeting {
    /// What the listings show at `now`.
    pub(crate) fn entry(&self, now: u64) -> Entry {
        let present: Vec<_> = match self.ended {
            Some(_) => Vec::new(),
            None => self.plan.present(now).collect(),
        };
        let attendees: Vec<_> = present.iter().enumerate().map(|(index, visit)| visit.attendee(index == 0)).collect();
        Entry {
            running: !attendees.is_empty(),
            has_user_joined: self.plan.last_seen(now).is_some(),
            has_been_forcibly_ended: self.ended.is_some(),
            end_time: self.ended.unwrap_or(0),
            participant_count: attendees.len(),
            listener_count: attendees.iter().filter(|attendee| attendee.is_listening_only).count(),
            voice_participant_count: attendees.iter().filter(|attendee| attendee.has_joined_voice).count(),
            video_count: attendees.iter().filter(|attendee| attendee.has_video).count(),
            moderator_count: present.iter().filter(|visit| visit.moderates()).count(),
            attendees,
            ..self.fixed.clone()
        }
    }

    /// Whether somebody is there.
    pub(crate) fn running(&self, now: u64) -> bool {
        self.ended.is_none() && self.plan.present(now).next().is_some()
    }

    /// Ends it, unless it has ended.
    pub(crate) fn end(&mut self, now: u64) {
        if self.ended.is_none() {
            self.ended = Some(now);
            self.plan.end(now);
        }
    }

    /// Whether BigBlueButton ends it by itself at `now`, since nobody is there.
    pub(crate) fn expires(&self, rules: &Rules, now: u64) -> bool {
        let deserted = match self.plan.last_seen(now) {
            None => self.fixed.create_time + rules.unjoined.as_millis() as u64,
            Some(last) => last + rules.deserted.as_millis() as u64,
        };
        self.ended.is_none() && !self.running(now) && now >= deserted
    }
}
