//! Fields of requests, checked. What is refused is named together with what would be right; the value too, unless it is a secret.

use crate::grpc::view::CATCH_ALL;
use b3lb_proto::v1;
use bbb::checksum::Algorithm;
use std::sync::Arc;
use tonic::Status;
use url::Host;

/// A secret of this length in bytes has more entropy than its hash; anything longer was not meant.
const SECRET_MAX: usize = 256;

/// Bytes of a host: what DNS can name, and a port.
const HOST_MAX: usize = 253 + ":65535".len();

/// Bytes of a word that people give to something.
const NAME_MAX: usize = 64;

/// The one form of an instance's url.
pub(super) fn url(field: &str, text: &str) -> Result<String, Status> {
    bbb::instance_url(text).map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}

/// The one form of a tenant's host: in lower case, international names as they travel, default ports left out.
pub(super) fn host(field: &str, text: &str) -> Result<String, Status> {
    let invalid = || {
        Status::invalid_argument(format!(
            "{field}: {text:?} is no host; it would be like bbb.example.org or bbb.example.org:8443, or * for every host"
        ))
    };
    if text == CATCH_ALL {
        return Ok(text.to_owned());
    }
    if text.len() > HOST_MAX {
        let length = text.len();
        return Err(Status::invalid_argument(format!("{field} has {length} bytes; a host has at most {HOST_MAX}")));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !text.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let name = Host::parse(name).ok().filter(|name| !name.to_string().contains('*')).ok_or_else(invalid)?;
    let port = port.map(str::parse::<u16>).transpose().map_err(|_| invalid())?;
    match port {
        Some(0) => Err(invalid()),
        None | Some(80 | 443) => Ok(name.to_string()),
        Some(port) => Ok(format!("{name}:{port}")),
    }
}

/// How calls are signed; `None` if it is not given.
pub(super) fn algorithm(field: &str, number: i32) -> Result<Option<Algorithm>, Status> {
    Ok(match v1::ChecksumAlgorithm::try_from(number) {
        Ok(v1::ChecksumAlgorithm::Unspecified) => None,
        Ok(v1::ChecksumAlgorithm::Sha1) => Some(Algorithm::Sha1),
        Ok(v1::ChecksumAlgorithm::Sha256) => Some(Algorithm::Sha256),
        Ok(v1::ChecksumAlgorithm::Sha384) => Some(Algorithm::Sha384),
        Ok(v1::ChecksumAlgorithm::Sha512) => Some(Algorithm::Sha512),
        Err(_) => {
            let known = "SHA1 (1), SHA256 (2), SHA384 (3), SHA512 (4)";
            return Err(Status::invalid_argument(format!("{field} is {number}; it would be one of {known}")));
        }
    })
}

/// Words that tenants choose instances by, each once.
pub(super) fn tags(field: &str, texts: &[String]) -> Result<Vec<Arc<str>>, Status> {
    let mut tags: Vec<Arc<str>> = Vec::with_capacity(texts.len());
    for text in texts {
        name(field, text)?;
        if !tags.iter().any(|tag| **tag == **text) {
            tags.push(text.as_str().into());
        }
    }
    Ok(tags)
}

/// A word that people give to something.
pub(super) fn name(field: &str, text: &str) -> Result<(), Status> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !text.is_empty() && text.len() <= NAME_MAX && text.bytes().all(valid) {
        return Ok(());
    }
    let right = format!("it would be 1 to {NAME_MAX} letters, digits, `-`, `_` and `.`");
    Err(Status::invalid_argument(format!("{field}: {text:?} is no name; {right}")))
}

/// A secret must be one, and as it was meant: white space at its ends comes from copying.
pub(super) fn secret(field: &str, text: &str) -> Result<(), Status> {
    let wrong = match text {
        "" => "is empty",
        _ if text.trim() != text => "begins or ends with white space",
        _ if text.len() > SECRET_MAX => "is longer than 256 bytes",
        _ => return Ok(()),
    };
    Err(Status::invalid_argument(format!("{field} {wrong}")))
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_has_one_form() {
        let cases = [
            ("*", "*"),
            ("BBB.Example.org", "bbb.example.org"),
            ("bbb.example.org:8443", "bbb.example.org:8443"),
            ("bbb.example.org:443", "bbb.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]", "[::1]"),
            ("[::1]:8080", "[::1]:8080"),
        ];
        for (text, expected) in cases {
            assert_eq!(host("tenant.host", text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_by_name() {
        for text in
            ["", "https://bbb.example.org", "bbb.example.org/x", "a b", "a:0", "a:70000", "a:", "u@a", "*.a", "::1"]
        {
            let status = host("tenant.host", text).unwrap_err();
            assert!(status.message().starts_with(&format!("tenant.host: {text:?} is no host")), "{text}: {status}");
        }
        let long = host("tenant.host", &"a".repeat(260)).unwrap_err();
        assert_eq!(long.message(), "tenant.host has 260 bytes; a host has at most 259");
    }
}
