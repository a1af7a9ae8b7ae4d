//! JSON Web Tokens (RFC 7519) as BigBlueButton signs them: with its secret, by HMAC.

use crate::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The same token, signed with another secret; `None` unless it was signed with `from`. What it says is not looked at, and no byte of it
/// changes.
pub fn resigned(token: &str, from: &Secret, to: &Secret) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    if payload.contains('.') || from.reveal().is_empty() {
        return None;
    }
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let algorithm = match &*header.alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    };
    let key = |secret: &Secret| hmac::Key::new(algorithm, secret.reveal().as_bytes());
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key(from), signed.as_bytes(), &signature).ok()?;
    let signature = hmac::sign(&key(to), signed.as_bytes());
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of jwt.io.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

    #[test]
    fn a_token_is_signed_with_another_secret() {
        let (from, to) = (Secret::new("your-256-bit-secret"), Secret::new("other"));
        let resigned = resigned(TOKEN, &from, &to).unwrap();
        assert_eq!(resigned.rsplit_once('.').unwrap().0, TOKEN.rsplit_once('.').unwrap().0);
        assert_eq!(super::resigned(&resigned, &to, &from).as_deref(), Some(TOKEN));
    }

    #[test]
    fn what_was_signed_by_nobody_known_is_refused() {
        let (from, to) = (Secret::new("your-256-bit-secret"), Secret::new("other"));
        assert_eq!(resigned(TOKEN, &to, &from), None);
        let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let payload = TOKEN.split('.').nth(1).unwrap();
        for token in [
            format!("{}.{payload}.", header(r#"{"alg":"none"}"#)),
            format!("{}.{payload}.AAAA", header(r#"{"alg":"RS256"}"#)),
            TOKEN.replacen("SflK", "SflJ", 1),
            format!("x.{TOKEN}"),
            "..".to_owned(),
            String::new(),
        ] {
            assert_eq!(resigned(&token, &from, &to), None, "{token}");
        }
    }
}
