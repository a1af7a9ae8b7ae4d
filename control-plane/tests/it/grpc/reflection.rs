//! What tools find out without a proto file.

use crate::program::{Program, settings};
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

const SERVICES: [&str; 4] =
    ["b3lb.v1.Admin", "b3lb.v1.Placement", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];

/// Asks one version of reflection for the services there are.
macro_rules! services {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version as pb;
        let question = pb::ServerReflectionRequest {
            message_request: Some(pb::server_reflection_request::MessageRequest::ListServices(String::new())),
            ..Default::default()
        };
        let mut client = pb::server_reflection_client::ServerReflectionClient::new($channel);
        let questions = futures::stream::iter([question]);
        let answer = client.server_reflection_info(questions).await.unwrap().into_inner().message().await.unwrap();
        match answer.unwrap().message_response {
            Some(pb::server_reflection_response::MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test]
async fn both_versions_of_reflection_name_every_service() {
    let program = Program::start(settings()).await;
    let mut v1 = services!(v1, program.channel());
    v1.sort();
    assert_eq!(v1, SERVICES);
    let mut v1alpha = services!(v1alpha, program.channel());
    v1alpha.sort();
    assert_eq!(v1alpha[..3], SERVICES[..3]);
    assert_eq!(v1alpha[3..], ["grpc.reflection.v1alpha.ServerReflection"]);
}

#[tokio::test]
async fn health_is_told_of_each_service_and_without_a_key() {
    let program = Program::start(settings()).await;
    let mut health: HealthClient<Channel> = HealthClient::new(program.channel());
    for service in ["", "b3lb.v1.Admin", "b3lb.v1.Placement"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer, HealthCheckResponse { status: ServingStatus::Serving.into() }, "{service}");
    }
}
