//! The data plane: a stateless proxy that verifies, routes, re-signs and forwards BigBlueButton API calls.
//!
//! ```text
//! frontends ──▶ listeners ─▶ worker ─▶ client ─▶ proxy ─▶ upstream ──▶ instances
//!                (one each per core)              │ ▲
//!                          control: Place, Find,  │ │ routes: the table
//!                                   Report        ▼ │
//!                                          control planes ──Watch──▶ follow
//! ```
//!
//! - [`run()`]: the whole proxy on its [`Listeners`];
//! - `table`: what is routed by, one immutable value; `routes`: how workers read it and who may replace it;
//! - `follow`: one control plane's stream, and the move to another; `wire`: what it says in our own types;
//! - `control`: what is asked of and told to control planes;
//! - `worker`: a thread; `client`: a frontend's connection; `proxy`: the life of a `call`;
//! - `upstream`: connections to instances; `headers`: what passes; `body`: what is answered; `failure`: and what if not;
//! - `callback`: what instances tell frontends by themselves;
//! - `admin`, `meters`, `tally`, `trace`, `access`: what operators see.

mod access;
mod admin;
mod body;
mod call;
mod callback;
mod client;
mod clock;
mod control;
mod failure;
mod follow;
mod headers;
mod listeners;
mod meters;
mod proxy;
mod routes;
mod run;
mod table;
mod tally;
mod trace;
mod under_way;
mod upstream;
mod wire;
mod worker;

pub use listeners::Listeners;
pub use run::{check, run, run_beside};
