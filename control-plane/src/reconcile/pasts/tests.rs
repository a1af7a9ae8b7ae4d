//! What a round remembers and forgets.

use super::*;
use bbb::MeetingKey;

const NOW: u64 = 1_800_000_000_000;

fn meeting(number: usize) -> Meeting {
    Meeting { key: MeetingKey::of(number.to_string().as_bytes()), tenant: "*".into() }
}

fn state(pasts: impl IntoIterator<Item = (usize, u64)>) -> State {
    let mut state = State::default();
    for (number, at) in pasts {
        state.apply(Change::Remembered(meeting(number), Past { peak: 1.0, at }));
    }
    state
}

#[test]
fn what_is_released_is_remembered_if_anybody_was_there() {
    let changes = [Change::Released(meeting(1)), Change::Released(meeting(2)), Change::Forgotten(meeting(3))];
    let past = Past { peak: 7.0, at: NOW };
    let remembered = remembered(&State::default(), &changes, NOW, |asked| (*asked == meeting(1)).then_some(past));
    assert_eq!(remembered, [Change::Remembered(meeting(1), past)]);
}

#[test]
fn what_is_too_old_is_forgotten() {
    let state = state([(1, NOW - REMEMBERED - 1), (2, NOW - REMEMBERED), (3, 0)]);
    let released = [Change::Released(meeting(3))];
    let past = Past { peak: 7.0, at: NOW };
    let changes = remembered(&state, &released, NOW, |_| Some(past));
    assert_eq!(changes, [Change::Remembered(meeting(3), past), Change::Forgotten(meeting(1))]);
}

#[test]
fn the_oldest_makes_room_for_the_newest() {
    let state = state((0..PASTS_MAX).map(|number| (number, NOW - (PASTS_MAX - number) as u64)));
    let released = [Change::Released(meeting(PASTS_MAX)), Change::Released(meeting(0))];
    let past = Past { peak: 7.0, at: NOW };
    // The oldest of all has just taken place again.
    let mut changes = remembered(&state, &released, NOW, |_| Some(past));
    assert_eq!(changes.split_off(2), [Change::Forgotten(meeting(1))]);
    let changes = remembered(&state, &released[..1], NOW, |_| Some(past));
    assert_eq!(changes, [Change::Remembered(meeting(PASTS_MAX), past), Change::Forgotten(meeting(0))]);
}
