//! The port as proxies, operators and tools see it, with simulated instances behind it.

mod admin;
mod keys;
mod placement;
mod port;
mod recordings;
mod redis;
mod reflection;
mod rest;
mod table;
mod tls;
mod watch;

use crate::program::{Program, settings};
use b3lb_proto::v1::{AddInstanceRequest, Instance, PlaceRequest, PlaceResponse};
use b3lb_sim::instance::Instance as Simulated;
use b3lb_sim::options::Options;
use bbb::MeetingKey;
use tonic::{Response, Status};

/// As many simulated instances as a test takes, in the order of their urls.
async fn simulated<const N: usize>() -> [Simulated; N] {
    let mut instances = Vec::new();
    for _ in 0..N {
        instances.push(Simulated::local(Options::default()).await.unwrap());
    }
    instances.sort_by_key(Simulated::url);
    instances.try_into().unwrap()
}

/// An instance as an operator would add it.
fn instance(simulated: &Simulated) -> Instance {
    Instance { url: simulated.url(), secret: simulated.secret().reveal().to_owned(), ..Instance::default() }
}

/// The key of a meeting as it travels.
fn key(id: &str) -> Vec<u8> {
    MeetingKey::of(id.as_bytes()).as_bytes().to_vec()
}

/// The wish to place a meeting of the tenant that everyone belongs to.
fn wish(id: &str) -> PlaceRequest {
    PlaceRequest { tenant: "*".to_owned(), key: key(id), meeting_id: id.to_owned(), ..PlaceRequest::default() }
}

async fn place(program: &Program, wish: PlaceRequest) -> Result<PlaceResponse, Status> {
    program.placement().place(wish).await.map(Response::into_inner)
}

/// A control plane with these instances.
async fn program_with<'a>(instances: impl IntoIterator<Item = &'a Simulated>) -> Program {
    let program = Program::start(settings()).await;
    for simulated in instances {
        let request = AddInstanceRequest { instance: Some(instance(simulated)) };
        program.admin().add_instance(request).await.unwrap();
    }
    program
}
