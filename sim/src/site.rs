//! What a simulated instance holds: its meetings and recordings, as a plain value that is told the time.

use crate::documents::Entry;
use crate::meeting::Meeting;
use crate::options::Options;
use crate::recording::Recording;
use crate::users::Plan;
use crate::webhooks::Webhooks;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha1::{Digest, Sha1};

/// The most recordings that are kept; the oldest go first. A real one keeps them all.
const RECORDINGS_MAX: usize = 1_000;

/// An instance without its network.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) options: Options,
    /// Where browsers reach it, without a path.
    pub(crate) origin: String,
    pub(crate) meetings: Vec<Meeting>,
    pub(crate) recordings: Vec<Recording>,
    pub(crate) webhooks: Webhooks,
    pub(crate) rng: StdRng,
}

/// What goes on at an instance, in numbers that its load follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Meetings that have not ended.
    pub meetings: usize,
    /// Users in them.
    pub users: usize,
    /// Users with a microphone.
    pub voices: usize,
    /// Users who talk.
    pub talking: usize,
    /// Webcams.
    pub webcams: usize,
    /// Streams sent out: each webcam goes to everybody else in its meeting.
    pub streams: usize,
}

impl Site {
    /// An empty one.
    pub(crate) fn new(options: Options, origin: String) -> Self {
        let rng = StdRng::seed_from_u64(options.seed);
        Self { options, origin, meetings: Vec::new(), recordings: Vec::new(), webhooks: Webhooks::default(), rng }
    }

    /// Lets happen what happens by itself until `now`: deserted meetings end, ended ones are forgotten.
    pub(crate) fn advance(&mut self, now: u64) {
        for recording in self.recordings.iter_mut().filter(|recording| !recording.told && recording.processed <= now) {
            recording.told = true;
            self.webhooks.recorded(recording, &self.options.secret);
        }
        for index in 0..self.meetings.len() {
            if self.meetings[index].expires(&self.options.rules, now) {
                self.end(index, now);
            }
        }
        let listed = self.options.rules.listed.as_millis() as u64;
        self.meetings.retain(|meeting| meeting.ended.is_none_or(|ended| now < ended + listed));
    }

    /// The index of the meeting that an id stands for: an internal id or the beginning of one, else a meetingID. One that has not
    /// ended is preferred.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        let hash = hex::encode(Sha1::digest(id));
        let search = |prefix: &str, ended: bool| {
            self.meetings
                .iter()
                .position(|meeting| meeting.fixed.internal_id.starts_with(prefix) && meeting.ended.is_some() == ended)
        };
        let prefixes = [id, &hash];
        prefixes.iter().find_map(|prefix| search(prefix, false).or_else(|| search(prefix, true)))
    }

    /// The index of the meeting with this meetingID that has not ended.
    pub(crate) fn open(&self, meeting_id: &str) -> Option<usize> {
        self.find(meeting_id).filter(|&index| self.meetings[index].ended.is_none())
    }

    /// The index of the meeting that a create of this meetingID would open again: only here it is never the beginning of another's id.
    pub(crate) fn same(&self, meeting_id: &str) -> Option<usize> {
        self.open(&hex::encode(Sha1::digest(meeting_id)))
    }

    /// Opens a meeting at `now`; its times and its internal id are filled in, and whatever the sender left to chance.
    pub(crate) fn create(&mut self, mut fixed: Entry, now: u64) -> &Meeting {
        let hash = match &fixed.breakout {
            // BigBlueButton makes up the internal ids of breakout rooms.
            Some(_) => hex::encode(Sha1::digest(self.rng.random::<[u8; 16]>())),
            None => hex::encode(Sha1::digest(&fixed.meeting_id)),
        };
        let taken = |time: &u64| self.meetings.iter().any(|m| m.fixed.internal_id == format!("{hash}-{time}"));
        let time = (now..).find(|time| !taken(time)).unwrap_or(now);
        fixed.internal_id = format!("{hash}-{time}");
        (fixed.create_time, fixed.start_time) = (time, time);
        if fixed.voice_bridge.is_empty() {
            fixed.voice_bridge = self.rng.random_range(70_000..=79_999).to_string();
        }
        let plan = match &self.options.crowd {
            Some(crowd) => Plan::draw(crowd, self.options.seed, &fixed.meeting_id, time),
            None => Plan::default(),
        };
        self.webhooks.happened("meeting-created", &fixed, &self.options.secret, now);
        self.meetings.push(Meeting { fixed, plan, ended: None });
        &self.meetings[self.meetings.len() - 1]
    }

    /// Ends a meeting, which leaves a recording if it was recorded.
    pub(crate) fn end(&mut self, index: usize, now: u64) {
        let meeting = &mut self.meetings[index];
        if meeting.ended.is_some() {
            return;
        }
        let participants = meeting.plan.visitors(now);
        meeting.end(now);
        let ended = meeting.entry(now);
        self.webhooks.happened("meeting-ended", &ended, &self.options.secret, now);
        self.webhooks.analysed(&ended, &self.options.secret, now);
        if meeting.fixed.recording {
            let processed = now + self.options.rules.processing.as_millis() as u64;
            self.recordings.push(Recording::of(&meeting.entry(now), participants, processed));
            let surplus = self.recordings.len().saturating_sub(RECORDINGS_MAX);
            self.recordings.drain(..surplus);
        }
    }

    /// What goes on at `now`.
    pub(crate) fn census(&self, now: u64) -> Census {
        let open = self.meetings.iter().filter(|meeting| meeting.ended.is_none());
        open.fold(Census::default(), |census, meeting| {
            let present: Vec<_> = meeting.plan.present(now).collect();
            let webcams = present.iter().filter(|visit| visit.webcam).count();
            Census {
                meetings: census.meetings + 1,
                users: census.users + present.len(),
                voices: census.voices + present.iter().filter(|visit| visit.microphone).count(),
                talking: census.talking + present.iter().filter(|visit| visit.talks(now)).count(),
                webcams: census.webcams + webcams,
                streams: census.streams + webcams * present.len().saturating_sub(1),
            }
        })
    }

    /// `length` lower-case letters and digits.
    pub(crate) fn token(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect()
    }
}
