//! What an operator has done to calls, checked.

use b3lb_proto::v1;
use bbb::parameters::{CallParameters, Parameters};
use tonic::Status;
use url::Url;

/// Parameters of one list; BigBlueButton knows fewer than a hundred for create.
const PARAMETERS_MAX: usize = 200;

/// Bytes of one value; a welcome message is the longest that there is.
const VALUE_MAX: usize = 8192;

/// Those that say which meeting a call is about and who sent it: nobody may change them under way.
const UNTOUCHABLE: [&str; 4] = ["checksum", "meetingID", "meta_b3lb-tenant", "meta_bigblueswarm-tenant"];

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
    for name in defaults.keys().chain(overrides.keys()).chain(removed) {
        if name.is_empty() || UNTOUCHABLE.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
            return refused(format!("{field}: {name:?} is no parameter that can be changed"));
        }
    }
    for (name, value) in defaults.iter().chain(overrides) {
        if value.len() > VALUE_MAX {
            return refused(format!("{field}: the value of {name:?} has more than {VALUE_MAX} bytes"));
        }
    }
    let sorted = |map: &std::collections::HashMap<String, String>| map.clone().into_iter().collect();
    Ok(CallParameters { defaults: sorted(defaults), overrides: sorted(overrides), removed: removed.clone() })
}

fn refused<T>(reason: String) -> Result<T, Status> {
    Err(Status::invalid_argument(reason))
}
