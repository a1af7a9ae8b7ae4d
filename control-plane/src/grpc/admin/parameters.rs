//! What an operator has done to calls, checked.

use b3lb_proto::v1;
use bbb::parameters::{self, CallParameters, Parameters, Unchangeable};
use tonic::Status;
use url::Url;

/// Parameters of one list; BigBlueButton knows fewer than a hundred for create.
const PARAMETERS_MAX: usize = 200;

/// What is done to calls.
pub(super) fn parse(given: Option<&v1::Parameters>) -> Result<Parameters, Status> {
    let Some(given) = given else { return Ok(Parameters::default()) };
    if !given.slides.is_empty() && !Url::parse(&given.slides).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    {
        let slides = &given.slides;
        return refused(format!("tenant.parameters.slides: {slides:?} is no http or https url"));
    }
    Ok(Parameters {
        create: call("tenant.parameters.create", given.create.as_ref())?,
        join: call("tenant.parameters.join", given.join.as_ref())?,
        duration_max: given.duration_max,
        slides: given.slides.clone(),
    })
}

fn call(field: &str, given: Option<&v1::CallParameters>) -> Result<CallParameters, Status> {
    let Some(v1::CallParameters { defaults, overrides, removed }) = given else {
        return Ok(CallParameters::default());
    };
    let count = defaults.len().max(overrides.len()).max(removed.len());
    if count > PARAMETERS_MAX {
        return refused(format!("{field} has {count} parameters in one list; at most {PARAMETERS_MAX} go"));
    }
    let invalid = |error: Unchangeable| Status::invalid_argument(format!("{field}: {error}"));
    for (name, value) in defaults.iter().chain(overrides) {
        parameters::check_value(name, value).map_err(invalid)?;
    }
    for name in removed {
        parameters::check_name(name).map_err(invalid)?;
    }
    let sorted = |map: &std::collections::HashMap<String, String>| map.clone().into_iter().collect();
    Ok(CallParameters { defaults: sorted(defaults), overrides: sorted(overrides), removed: removed.clone() })
}

fn refused<T>(reason: String) -> Result<T, Status> {
    Err(Status::invalid_argument(reason))
}
