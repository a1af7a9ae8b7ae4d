//! The gRPC interface of B3LB, package `b3lb.v1`, generated from two files:
//!
//! - `placement.proto`: what a proxy needs (`Watch`, `Place`, `Find`, `Report`);
//! - `admin.proto`: what an operator needs (instances, tenants, meetings, the pool).
//!
//! No logic lives here; the control plane and the data plane turn these types into their own at their edges.

/// The generated types, clients and servers of `b3lb.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    tonic::include_proto!("b3lb.v1");
}

/// The encoded `FileDescriptorSet` of both files, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("descriptors");

/// What there is to call of the service `Admin`.
pub const ADMIN_METHODS: &[&str] = include!(concat!(env!("OUT_DIR"), "/admin_methods.rs"));
