//! What can be wrong with an instance.

use crate::params::Params;
use std::time::Duration;

/// A fault, which every call meets while it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Connections are refused, and those that exist are cut.
    Down,
    /// Each answer comes this much later, and is right.
    Slow(Duration),
    /// Calls are taken and never answered.
    Hang,
    /// An HTML page with this status, such as 500 of the application or 502 of the nginx before it. The call is not carried out.
    Status(u16),
    /// 200, and bytes that are no document.
    Garbage,
    /// The first half of the right answer, after which the connection is cut.
    Truncated,
    /// A redirect to this address.
    Redirect(String),
}

/// A text that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoFault {
    #[error("kind is one of none, down, slow, hang, status, garbage, truncated and redirect")]
    Kind,
    #[error("kind={0} needs {1}")]
    Needs(&'static str, &'static str),
}

impl Fault {
    /// The fault that a query like `kind=slow&ms=200` names, if any, and for how long; without `for_ms` it lasts until the next one.
    pub(crate) fn parse(params: &Params) -> Result<(Option<Self>, Option<Duration>), NoFault> {
        let number = |name: &str| params.given(name).and_then(|value| value.parse().ok());
        let lasting = number("for_ms").map(Duration::from_millis);
        let fault = match params.first("kind").unwrap_or_default() {
            "none" => return Ok((None, None)),
            // Nobody could end it by a call.
            "down" if lasting.is_none() => return Err(NoFault::Needs("down", "for_ms")),
            "down" => Self::Down,
            "slow" => Self::Slow(number("ms").map(Duration::from_millis).ok_or(NoFault::Needs("slow", "ms"))?),
            "hang" => Self::Hang,
            "status" => {
                let status = number("status").and_then(|status| u16::try_from(status).ok());
                let status = status.filter(|status| (200..=599).contains(status));
                Self::Status(status.ok_or(NoFault::Needs("status", "status between 200 and 599"))?)
            }
            "garbage" => Self::Garbage,
            "truncated" => Self::Truncated,
            "redirect" => {
                let location = params.given("location").ok_or(NoFault::Needs("redirect", "location"))?;
                Self::Redirect(location.to_owned())
            }
            _ => return Err(NoFault::Kind),
        };
        Ok((Some(fault), lasting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_by_a_query() {
        let parse = |query| Fault::parse(&Params::of(query, ""));
        let second = Some(Duration::from_secs(1));
        assert_eq!(parse("kind=none"), Ok((None, None)));
        assert_eq!(parse("kind=down&for_ms=1000"), Ok((Some(Fault::Down), second)));
        assert_eq!(parse("kind=slow&ms=200"), Ok((Some(Fault::Slow(Duration::from_millis(200))), None)));
        assert_eq!(parse("kind=status&status=502&for_ms=1000"), Ok((Some(Fault::Status(502)), second)));
        assert_eq!(parse("kind=down"), Err(NoFault::Needs("down", "for_ms")));
        assert_eq!(parse("kind=status&status=9"), Err(NoFault::Needs("status", "status between 200 and 599")));
        assert_eq!(parse("kind=tired"), Err(NoFault::Kind));
    }
}
