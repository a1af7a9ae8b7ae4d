//! Any bytes in any chunks: nothing panics, and what was split merges into a list that splits into the same.
#![no_main]

use bbb::listing::{Meeting, Merger, Splitter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, document) = input;
    let mut splitter = Splitter::meetings();
    let mut items: Vec<Vec<u8>> = Vec::new();
    for chunk in document.chunks(usize::from(size) + 1) {
        let pushed = splitter.push(chunk, |item| {
            let _ = Meeting::read(item);
            items.push(item.to_vec());
        });
        if pushed.is_err() {
            return;
        }
    }
    if splitter.finish().is_err() {
        return;
    }
    let mut merger = Merger::default();
    let mut merged = Vec::new();
    for item in &items {
        merger.add(item, &mut merged);
    }
    merger.finish(&mut merged);
    let mut again: Vec<Vec<u8>> = Vec::new();
    let mut splitter = Splitter::meetings();
    splitter.push(&merged, |item| again.push(item.to_vec())).expect("the merged list is one");
    splitter.finish().expect("the merged list is complete");
    assert_eq!(again, items);
});
