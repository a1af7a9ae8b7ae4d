//! Two tenants who use the same ids on the same instances at the same time.

use super::cell::{Tenant, is_proxied};
use super::request::{Request, Way};
use crate::system::{Pool, Shape};
use b3lb_sim::frontend::Answer;
use b3lb_sim::{Frontend, checksum};
use bbb::{Call, Route};
use futures::future::{join, join_all};
use std::collections::BTreeSet;

/// Meetings that both have.
const SHARED: usize = 12;

/// How often each call is made about each meeting by each tenant.
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_with_the_same_ids_never_see_each_other() {
    let pool = Pool::start(Shape::default()).await;
    let red = Tenant::put(&pool, "red.example.org", &[0, 1, 2]).await;
    let blue = Tenant::put(&pool, "blue.example.org", &[0, 1, 2]).await;
    let tenants = [&red, &blue];
    let ids: Vec<_> = (0..SHARED).map(|number| format!("room-{number}")).collect();
    let both = || ids.iter().flat_map(|id| tenants.map(|tenant| (tenant, id.as_str())));
    let created = join_all(both().map(async |(tenant, id)| ask(tenant, Call::Create, id).await)).await;
    let internal = |answers: &[Answer], of: usize| -> BTreeSet<String> {
        let own = answers.iter().skip(of).step_by(tenants.len());
        own.map(|answer| answer.element("internalMeetingID").unwrap().to_owned()).collect()
    };
    let own = [internal(&created, 0), internal(&created, 1)];
    assert!(own.iter().all(|own| own.len() == SHARED), "{own:?}");
    // Where each says that its meeting is, before anybody else has called.
    let places = join_all(both().map(async |(tenant, id)| place(tenant, id).await)).await;
    for (number, id) in ids.iter().enumerate() {
        assert_ne!(places[2 * number], places[2 * number + 1], "{id}: one instance would take them for one meeting");
    }

    let calls: Vec<_> = Call::all().filter(|call| call.route() == Route::Meeting && *call != Call::End).collect();
    for _ in 0..ROUNDS {
        join_all(both().zip(&places).map(async |((tenant, id), place)| {
            for &call in &calls {
                let answer = ask(tenant, call, id).await;
                let text = answer.text();
                match answer.headers.get("location") {
                    Some(location) => assert!(location.to_str().unwrap().starts_with(place), "{call:?} {id}"),
                    None => assert!(answer.succeeded(), "{call:?} {id}: {text}"),
                }
            }
        }))
        .await;
        for (tenant, own) in tenants.iter().zip(&own) {
            let list = ask(tenant, Call::GetMeetings, "").await;
            let listed: BTreeSet<_> = list.elements("internalMeetingID").into_iter().map(str::to_owned).collect();
            assert_eq!(listed, *own);
        }
    }
    for ((tenant, id), place) in both().zip(&places) {
        let instance = pool.instances.iter().find(|instance| place.starts_with(&instance.url())).unwrap();
        let host = tenant.frontend.host.as_ref().unwrap();
        let calls = instance.calls().into_iter().filter(is_proxied);
        let about = calls.filter(|call| call.param("meetingID").as_deref() == Some(id));
        let strange = about.filter(|call| call.headers["x-forwarded-host"] != host.as_str()).count();
        assert_eq!(strange, 0, "{id} of {host}");
    }

    for (tenant, id) in both() {
        enter(&pool, tenant, id).await;
    }
    for (tenant, host) in tenants.iter().zip(["red.example.org", "blue.example.org"]) {
        let sessions = ask(tenant, Call::GetSessions, "").await;
        let mut listed = sessions.elements("meetingID");
        listed.sort_unstable();
        let mut expected: Vec<_> = ids.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!((listed, sessions.elements("userName")), (expected, vec![host; SHARED]));
    }

    // What one ends goes on for the other.
    for id in &ids {
        assert!(ask(&red, Call::End, id).await.succeeded());
        assert_eq!(ask(&blue, Call::GetMeetingInfo, id).await.element("hasBeenForciblyEnded"), Some("false"));
    }
    let list = ask(&blue, Call::GetMeetings, "").await;
    assert_eq!(list.elements("internalMeetingID").len(), SHARED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_of_meetings_with_the_same_ids_are_kept_apart() {
    let pool = Pool::start(Shape::default()).await;
    let red = Tenant::put(&pool, "red.example.org", &[0, 1, 2]).await;
    let blue = Tenant::put(&pool, "blue.example.org", &[0, 1, 2]).await;
    let ids: Vec<_> = (0..SHARED).map(|number| format!("room-{number}")).collect();
    let record = async |tenant: &Tenant| {
        let mut recordings = Vec::new();
        for id in &ids {
            let created = tenant.frontend.call("create", &[("meetingID", id), ("name", id), ("record", "true")]).await;
            recordings.push(created.unwrap().element("internalMeetingID").unwrap().to_owned());
            assert!(ask(tenant, Call::End, id).await.succeeded());
        }
        recordings
    };
    // After each other: what begins in the same millisecond has the same recordID, wherever it is.
    let (reds, blues) = (record(&red).await, record(&blue).await);
    let changes = [Call::PublishRecordings, Call::UpdateRecordings, Call::DeleteRecordings];
    for (tenant, own, others) in [(&red, &reds, &blues), (&blue, &blues, &reds)] {
        for (id, (own, other)) in ids.iter().zip(own.iter().zip(others)) {
            let of_meeting = tenant.frontend.call("getRecordings", &[("meetingID", id)]).await.unwrap();
            assert_eq!(of_meeting.elements("recordID"), [own]);
            let both = format!("{other},{own}");
            let of_both = tenant.frontend.call("getRecordings", &[("recordID", &both), ("limit", "10")]).await.unwrap();
            assert_eq!(of_both.elements("recordID"), [own]);
            // Both begin alike.
            let alike = tenant.frontend.call("getRecordings", &[("recordID", &own[..40])]).await.unwrap();
            assert_eq!(alike.elements("recordID"), [own]);
            for call in changes {
                let answer = ask(tenant, call, other).await;
                assert_eq!(answer.element("messageKey"), Some("notFound"), "{call:?}: {}", answer.text());
            }
            for call in [Call::GetRecordingTextTracks, Call::PutRecordingTextTrack] {
                let answer = ask(tenant, call, other).await;
                assert!(answer.text().contains("noRecordings"), "{call:?}: {}", answer.text());
            }
        }
        let all = tenant.frontend.call("getRecordings", &[]).await.unwrap();
        let listed: BTreeSet<_> = all.elements("recordID").into_iter().collect();
        assert_eq!(listed, own.iter().map(String::as_str).collect());
    }
    // A list of both is carried out for one's own alone.
    let both = [reds.join(","), blues.join(",")].join(",");
    assert!(red.frontend.call("deleteRecordings", &[("recordID", &both)]).await.unwrap().succeeded());
    assert_eq!(red.frontend.call("getRecordings", &[]).await.unwrap().elements("recordID"), [""; 0]);
    assert_eq!(blue.frontend.call("getRecordings", &[]).await.unwrap().elements("recordID").len(), SHARED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_with_the_same_url_are_kept_apart() {
    let pool = Pool::start(Shape::default()).await;
    let red = Tenant::put(&pool, "red.example.org", &[0, 1, 2]).await;
    let blue = Tenant::put(&pool, "blue.example.org", &[0, 1, 2]).await;
    let params = [("callbackURL", "http://127.0.0.1:1/hook"), ("meetingID", "weekly")];
    let (reds, blues) =
        join(red.frontend.call("hooks/create", &params), blue.frontend.call("hooks/create", &params)).await;
    let id = |created: Answer| created.element("hookID").unwrap().to_owned();
    let (reds, blues) = (id(reds.unwrap()), id(blues.unwrap()));
    assert_ne!(reds, blues);
    for (tenant, own, other) in [(&red, &reds, &blues), (&blue, &blues, &reds)] {
        assert_eq!(ask(tenant, Call::HooksList, "").await.elements("hookID"), [own]);
        assert_eq!(ask(tenant, Call::HooksDestroy, other).await.element("messageKey"), Some("destroyMissingHook"));
    }
    assert!(ask(&red, Call::HooksDestroy, &reds).await.succeeded());
    assert_eq!(ask(&blue, Call::HooksList, "").await.elements("hookID"), [&blues]);
}

/// Lets somebody into a meeting who is named like the tenant.
async fn enter(pool: &Pool, tenant: &Tenant, id: &str) {
    let place = place(tenant, id).await;
    let instance = pool.instances.iter().find(|instance| place == instance.url()).unwrap();
    let name = tenant.frontend.host.as_deref().unwrap();
    let params = [("meetingID", id), ("fullName", name), ("role", "VIEWER")];
    let answer = tenant.frontend.call("join", &params).await.unwrap();
    let location = answer.headers["location"].to_str().unwrap();
    let target = location.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap().1;
    let beside = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
    let entered = beside.get(&format!("/{target}")).await.unwrap();
    assert!(entered.headers["location"].to_str().unwrap().contains("sessionToken="), "{id}");
}

async fn ask(tenant: &Tenant, call: Call, id: &str) -> Answer {
    let frontend = &tenant.frontend;
    let sign = |action: &str, query: &str| Some(checksum::sign(frontend.algorithm, action, query, &frontend.secret));
    let (method, target, body) = Request::of(call).sent(Way::Query, Some(id), "isolation", sign);
    frontend.send(method, &target, body).await.unwrap()
}

/// The url of the instance that a join is sent to.
async fn place(tenant: &Tenant, id: &str) -> String {
    let answer = ask(tenant, Call::Join, id).await;
    let location = answer.headers["location"].to_str().unwrap();
    location.split_once("/api/").unwrap().0.to_owned()
}
