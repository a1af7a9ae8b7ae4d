//! What operators ask, and how they are answered.

mod import;
mod instances;
mod meetings;
mod status;
mod tenants;

use tonic::{Code, Response, Status};

/// The refusal of a call, as its code and its words.
fn refusal<T>(result: Result<Response<T>, Status>) -> (Code, String) {
    let status = result.err().expect("it was not refused");
    (status.code(), status.message().to_owned())
}
