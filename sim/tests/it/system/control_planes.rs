//! What frontends see when control planes die.

use super::{Pool, Shape, succeeded};
use crate::wait::until;
use b3lb_sim::Frontend;
use b3lb_sim::frontend::Answer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinHandle;

const IDS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// A frontend that keeps asking for meetings that exist.
struct Asking {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    asking: JoinHandle<Vec<String>>,
}

impl Asking {
    fn start(frontend: Frontend) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&answered));
        let asking = tokio::spawn(async move {
            let mut failures = Vec::new();
            for id in IDS.iter().cycle() {
                let answer = frontend.info(id).await;
                match answer {
                    Ok(answer) if answer.element("meetingID") == Some(id) => {}
                    Ok(answer) => failures.push(answer.text().to_owned()),
                    Err(error) => failures.push(error.to_string()),
                }
                count.fetch_add(1, Ordering::Relaxed);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
            failures
        });
        Self { stop, answered, asking }
    }

    /// Waits for the answers to some calls that are sent from now on.
    async fn go_on(&self) {
        let goal = self.answered.load(Ordering::Relaxed) + 50;
        until("calls are answered", async || self.answered.load(Ordering::Relaxed) >= goal).await;
    }

    async fn failures(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.await.unwrap()
    }
}

async fn create_all(frontend: &Frontend) {
    for id in IDS {
        let answer = frontend.create(id).await.unwrap();
        assert!(answer.succeeded(), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_move_to_the_control_plane_that_is_left() {
    let mut pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    create_all(&frontends[0]).await;
    for killed in [0, 1] {
        let asking: Vec<_> = frontends.iter().cloned().map(Asking::start).collect();
        pool.control_planes[killed].kill();
        for (number, frontend) in frontends.iter().enumerate() {
            let mut attempt = 0;
            until("meetings are created again", async || {
                attempt += 1;
                succeeded(frontend.create(&format!("new-{killed}-{number}-{attempt}")).await)
            })
            .await;
        }
        for asking in asking {
            asking.go_on().await;
            assert_eq!(asking.failures().await, Vec::<String>::new());
        }
        pool.control_planes[killed].start_again();
        pool.until_complete().await;
    }
    assert_eq!(pool.received("end"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_control_plane_meetings_go_on_and_new_ones_begin() {
    let mut pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    create_all(&frontends[0]).await;
    let before = pool.control_planes[0].meetings().await.unwrap();
    let asking: Vec<_> = frontends.iter().cloned().map(Asking::start).collect();
    for control_plane in &mut pool.control_planes {
        control_plane.kill();
    }
    for (number, frontend) in frontends.iter().enumerate() {
        let answer = frontend.create(&format!("alone-{number}")).await.unwrap();
        assert!(answer.succeeded(), "{}", answer.text());
        assert!(frontend.create("one").await.is_ok_and(again), "a meeting that exists may be created again");
        assert!(frontend.meetings().await.unwrap().elements("meetingID").contains(&"six"));
    }
    for asking in &asking {
        asking.go_on().await;
    }

    pool.control_planes[1].start_again();
    for (number, frontend) in frontends.iter().enumerate() {
        let id = format!("later-{number}");
        until("meetings are created again", async || succeeded(frontend.create(&id).await)).await;
    }
    for asking in asking {
        assert_eq!(asking.failures().await, Vec::<String>::new());
    }
    // Proxies may have gone on alone until now.
    until("the control plane is back", async || pool.control_planes[1].meetings().await.is_ok()).await;
    let after = pool.control_planes[1].meetings().await.unwrap();
    assert!(before.iter().all(|placed| after.get(placed.0) == Some(placed.1)), "{before:?} {after:?}");
    assert_eq!(pool.received("end"), 0);
}

fn again(answer: Answer) -> bool {
    answer.element("messageKey") == Some("duplicateWarning")
}
