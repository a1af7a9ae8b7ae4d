//! What is particular to the embedded store.

use super::{ONE, Running, claim, instances};
use b3lb_config::Settings;
use b3lb_control_plane::store::{Claimed, Store, StoreError};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::task::JoinSet;

fn in_dir(dir: &tempfile::TempDir) -> Settings {
    Settings { state_dir: Some(dir.path().to_owned()), ..Settings::default() }
}

#[tokio::test]
async fn a_file_belongs_to_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Running::open(&in_dir(&dir)).await;
    let second = Store::open(&in_dir(&dir)).await.map(drop).unwrap_err();
    let path = dir.path().join("b3lb.redb");
    assert_eq!(
        second.to_string(),
        format!("the store cannot be used: {}: another process has it open", path.display())
    );
}

/// The secrets of instances and tenants stand in it.
#[tokio::test]
async fn a_file_is_read_by_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let _store = Running::open(&in_dir(&dir)).await;
    let mode = std::fs::metadata(dir.path().join("b3lb.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b3lb.redb");
    std::fs::write(&path, "somebody's notes").unwrap();
    let refused = Store::open(&in_dir(&dir)).await.map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's notes");
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let store = Running::open(&Settings::default()).await;
    let (handle, before) = (store.store.clone(), store.state());
    store.close().await;
    assert!(!handle.is_available());
    let refused = handle.claim(&claim("m", ONE)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the store does not answer: it is closed");
    assert_eq!(handle.replica().state(), before);
}

#[tokio::test]
async fn a_burst_of_claims_is_written_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let store = Running::open(&in_dir(&dir)).await;
    store.put(instances(&[ONE])).await;
    let mut claims = JoinSet::new();
    for i in 0..500 {
        let store = store.store.clone();
        claims.spawn(async move { store.claim(&claim(&i.to_string(), ONE)).await });
    }
    for claimed in claims.join_all().await {
        assert_eq!(claimed.unwrap(), Claimed::Placed);
    }
    let before = store.state();
    assert_eq!(before.placements.len(), 500);
    store.close().await;
    assert_eq!(Running::open(&in_dir(&dir)).await.state(), before);
}

#[tokio::test]
async fn a_lease_that_is_taken_anew_fences_the_one_before() {
    let store = Running::open(&Settings::default()).await;
    let ttl = Duration::from_secs(600);
    let before = store.lease("checks", None, ttl).await.unwrap().unwrap();
    let after = store.lease("checks", None, ttl).await.unwrap().unwrap();
    assert!(after.token > before.token);
    let stale = store.commit(&store.state(), instances(&[ONE]), Some(&before)).await;
    assert!(matches!(stale, Err(StoreError::LeaseLost("checks"))), "{stale:?}");
    store.commit(&store.state(), instances(&[ONE]), Some(&after)).await.unwrap();
}
