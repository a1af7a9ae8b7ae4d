//! The port itself: plain HTTP beside gRPC, limits, and its end.

use super::{program_with, simulated};
use crate::program::{PATIENCE, Program, settings};
use b3lb_proto::v1::{StatusRequest, WatchRequest};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

#[tokio::test]
async fn plain_http_is_answered_on_the_same_port() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    assert_eq!(program.get("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(program.get("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(program.get("/nowhere").await, (404, "there is no /nowhere\n".to_owned()));
    assert_eq!(program.get("/ping").await.0, 204);
    let (status, metrics) = program.get("/metrics").await;
    assert_eq!(status, 200);
    let meetings = format!("b3lb_instance_meetings{{instance=\"{}\"}} 0", a.url());
    for line in ["b3lb_store_up 1", "b3lb_points_total{fate=\"kept\"} 0", &meetings] {
        assert!(metrics.lines().any(|found| found == line), "no {line:?} in\n{metrics}");
    }
}

#[tokio::test]
async fn a_call_to_a_service_that_does_not_exist_is_unimplemented() {
    let program = Program::start(settings()).await;
    let mut grpc = tonic::client::Grpc::new(program.channel());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<StatusRequest, StatusRequest>::default();
    let path = "/b3lb.v2.Admin/Status".parse().unwrap();
    let refusal = grpc.unary(tonic::Request::new(StatusRequest {}), path, codec).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.message()), (Code::Unimplemented, "there is no /b3lb.v2.Admin/Status"));
}

#[tokio::test]
async fn the_end_waits_neither_for_open_streams_nor_for_silent_connections() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut updates = program.placement().watch(WatchRequest::default()).await.unwrap().into_inner();
    let mut status = program.admin().watch_status(StatusRequest {}).await.unwrap().into_inner();
    assert!(updates.message().await.unwrap().is_some());
    assert!(status.message().await.unwrap().is_some());
    let mut silent = TcpStream::connect(program.address).await.unwrap();
    let idle = program.channel();
    program.end().await;
    assert_eq!(updates.message().await.unwrap(), None);
    assert_eq!(status.message().await.unwrap(), None);
    assert_eq!(timeout(PATIENCE, silent.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
    drop(idle);
}
