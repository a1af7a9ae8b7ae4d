//! What an instance with a fault does, and that it recovers.

use crate::wait::{until, within};
use b3lb_sim::frontend::CallError;
use b3lb_sim::{Fault, Frontend, Instance, Options, documents};
use http::{Method, StatusCode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn started() -> (Instance, Frontend) {
    let instance = Instance::local(Options::default()).await.unwrap();
    let frontend = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
    (instance, frontend)
}

#[tokio::test]
async fn an_instance_that_is_down_refuses_connections_and_cuts_those_it_has() {
    let (instance, frontend) = started().await;
    frontend.create("weekly").await.unwrap();
    let mut kept = TcpStream::connect(instance.address()).await.unwrap();
    kept.write_all(b"GET /bigbluebutton/api HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_ne!(kept.read(&mut [0; 1024]).await.unwrap(), 0);

    instance.fail(Some(Fault::Down)).await;
    assert!(matches!(frontend.meetings().await, Err(CallError::Connect(_))));
    assert!(matches!(kept.read_to_end(&mut Vec::new()).await, Ok(_) | Err(_)), "the connection ends");

    instance.fail(None).await;
    assert_eq!(
        frontend.meetings().await.unwrap().elements("meetingID"),
        ["weekly"],
        "it was cut off, and forgot nothing"
    );
}

#[tokio::test]
async fn answers_are_what_the_fault_makes_of_them() {
    let (instance, frontend) = started().await;
    instance.fail(Some(Fault::Status(502))).await;
    let answer = frontend.create("weekly").await.unwrap();
    assert_eq!((answer.status, answer.succeeded()), (StatusCode::BAD_GATEWAY, false));
    instance.fail(Some(Fault::Redirect("http://192.0.2.1/".to_owned()))).await;
    let answer = frontend.create("weekly").await.unwrap();
    assert_eq!((answer.status, answer.headers["location"].as_bytes()), (StatusCode::FOUND, &b"http://192.0.2.1/"[..]));
    instance.fail(Some(Fault::Garbage)).await;
    let answer = frontend.create("weekly").await.unwrap();
    assert_eq!((answer.status, answer.succeeded()), (StatusCode::OK, false));
    assert_eq!(instance.meetings(), []);

    instance.fail(Some(Fault::Truncated)).await;
    assert!(matches!(frontend.create("weekly").await, Err(CallError::Body(_))));
    assert_eq!(instance.meetings().len(), 1, "it was carried out all the same");
    instance.fail(Some(Fault::Slow(Duration::from_millis(1)))).await;
    assert!(frontend.create("weekly").await.unwrap().succeeded());
    assert_eq!(instance.creates()["weekly"], 5);
}

#[tokio::test]
async fn an_instance_that_hangs_takes_calls_and_answers_none() {
    let (instance, mut frontend) = started().await;
    instance.fail(Some(Fault::Hang)).await;
    frontend.deadline = Duration::from_millis(50);
    assert!(matches!(frontend.meetings().await, Err(CallError::TooLate)));
    within("the call arrives", instance.until_received("getMeetings", 1)).await;
}

#[tokio::test]
async fn people_switch_faults_by_http() {
    let (instance, frontend) = started().await;
    let post = async |target: &str| frontend.send(Method::POST, target, None).await;
    assert_eq!(post("/sim/fault?kind=status&status=500").await.unwrap().status, StatusCode::OK);
    assert_eq!(frontend.meetings().await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(post("/sim/fault?kind=nonsense").await.unwrap().status, StatusCode::BAD_REQUEST);
    assert!(frontend.get("/sim").await.unwrap().text().contains("Status(500)"));

    assert_eq!(post("/sim/fault?kind=down&for_ms=1").await.unwrap().text(), "fault: Some(Down)\n");
    until("it comes up again by itself", async || frontend.meetings().await.is_ok()).await;
    assert_eq!(frontend.meetings().await.unwrap().text(), documents::meetings([]));
    drop(instance);
}

#[tokio::test]
async fn a_stopped_instance_leaves_its_port() {
    let (instance, frontend) = started().await;
    let address = instance.address();
    assert!(frontend.meetings().await.unwrap().succeeded());
    instance.stop().await.unwrap();
    assert!(matches!(frontend.meetings().await, Err(CallError::Connect(_))));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let again = Instance::start(listener, Options::default()).unwrap();
    assert!(frontend.meetings().await.unwrap().succeeded());
    drop(again);
}
