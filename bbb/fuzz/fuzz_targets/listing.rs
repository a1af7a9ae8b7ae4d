//! Any bytes in any chunks: nothing panics, and what was split merges into a list that splits into the same.
#![no_main]

use bbb::listing::{List, Meeting, Merger, Recording, Splitter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (recordings, size, document) = input;
    let list = if recordings { List::Recordings } else { List::Meetings };
    let mut splitter = Splitter::of(list);
    let mut items: Vec<Vec<u8>> = Vec::new();
    for chunk in document.chunks(usize::from(size) + 1) {
        let pushed = splitter.push(chunk, |item| {
            let _ = (Meeting::read(item), Recording::read(item));
            items.push(item.to_vec());
        });
        if pushed.is_err() {
            return;
        }
    }
    if splitter.finish().is_err() {
        return;
    }
    let mut merger = Merger::of(list);
    let mut merged = Vec::new();
    for item in &items {
        merger.add(item, &mut merged);
    }
    merger.finish(&mut merged);
    let mut again: Vec<Vec<u8>> = Vec::new();
    let mut splitter = Splitter::of(list);
    splitter.push(&merged, |item| again.push(item.to_vec())).expect("the merged list is one");
    splitter.finish().expect("the merged list is complete");
    assert_eq!(again, items);
});
