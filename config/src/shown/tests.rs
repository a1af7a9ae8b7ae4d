use super::*;
use crate::load;

/// Loads a text as a file would be.
fn loaded(text: &str) -> Settings {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b3lb.yaml");
    std::fs::write(&path, text).unwrap();
    load(Some(&path), std::iter::empty()).unwrap().settings
}

#[test]
fn every_key_is_shown_and_means_the_same_when_it_is_read_again() {
    for key in KEYS {
        assert!(value(&Settings::default(), key.name, true).is_some(), "{} is not shown", key.name);
    }
    let text = include_str!("../../../deploy/b3lb.example.yaml").replace("  api_key:", "  api_key: hunter2");
    let text = text.replace("  secret:", "  secret: '007'").replace("defaults: {}", "defaults: {welcome: 'a: b, c'}");
    let settings = loaded(&text);
    let shown = yaml(&settings, true);
    assert_eq!(loaded(&shown), settings, "{shown}");
    assert!(!yaml(&settings, false).contains("hunter2"), "{shown}");
    assert!(!yaml(&settings, false).contains("007"), "{shown}");
}
