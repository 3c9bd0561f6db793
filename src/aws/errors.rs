//! What AWS's error codes mean, said once.
//!
//! Codes are taken as they stand on the wire. EC2 models no errors and spells the same one in several ways
//! (`InvalidSubnetID.NotFound`, `InvalidSubnetId.NotFound`, `NatGatewayNotFound`), so codes are compared without regard to case
//! and families by their ending (field guide 1.2; EC2 user guide, "Error codes for the Amazon EC2 API").
mod classes;
mod services;

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use self::classes::class_of;
use crate::resource::{Class, Fault};

/// Turns what the SDK gave for the operation `op` (`ec2:CreateSubnet`) into a fault: `.map_err(fault("ec2:CreateSubnet"))`.
pub fn fault<E>(op: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    move |error| {
        let request_id = error.request_id().or_else(|| error.as_service_error().and_then(|error| error.meta().request_id()));
        let request_id = request_id.map(str::to_owned);
        let answer = error.as_service_error().map(|error| error.meta().clone());
        let Some(answer) = answer else {
            let class = if lacks_credentials(&error) { Class::Denied } else { unanswered(&error) };
            return Fault { op: op.into(), class, code: None, message: Some(scrub(&chain(&error))), request_id };
        };
        let (code, message) = (answer.code().unwrap_or_default(), answer.message().unwrap_or_default());
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let message = if code.eq_ignore_ascii_case("SignatureDoesNotMatch") {
            // AWS repeats the signed headers here, and the session token is one of them.
            "the secret key does not belong to the access key, or the clock is wrong".to_owned()
        } else if code.is_empty() && message.is_empty() {
            // Whoever answers so is hardly AWS.
            format!("HTTP status {status} without an error code")
        } else {
            scrub(message)
        };
        Fault {
            op: op.into(),
            class: class_of(op, code, &message, status),
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            message: Some(message).filter(|message| !message.is_empty()),
            request_id,
        }
    }
}

/// A refusal that AWS put into the body of an answer that succeeded as a whole.
#[must_use]
pub fn refused(op: &'static str, code: &str, message: &str, request_id: Option<&str>) -> Fault {
    let class = class_of(op, code, message, 400);
    Fault { op: op.into(), class, code: Some(code.to_owned()), message: Some(scrub(message)), request_id: request_id.map(str::to_owned) }
}

/// "Not found" as an ordinary answer: the value, or nothing when it is not there.
///
/// # Errors
/// Every other fault.
pub fn maybe<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.class == Class::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The class of a request that was refused before it was sent, or that has no readable answer.
fn unanswered<E>(error: &SdkError<E, HttpResponse>) -> Class {
    match error {
        // The SDK could not even build the request: a required field is missing, and nothing was sent.
        SdkError::ConstructionFailure(_) => Class::Bug,
        _ => Class::Unclear,
    }
}

fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<CredentialsError>() {
            return true;
        }
        at = error.source();
    }
    false
}

/// The whole chain of causes: the outermost alone says "dispatch failure".
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(error) = at {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        at = error.source();
    }
    text
}

/// Access key ids and session tokens never reach a log; the encoded part of a denial is of no use to a reader.
fn scrub(message: &str) -> String {
    const CUTS: [&str; 2] = ["Encoded authorization failure message", "x-amz-security-token"];
    let lower = message.to_ascii_lowercase();
    let end = CUTS.iter().filter_map(|cut| lower.find(&cut.to_ascii_lowercase())).min().unwrap_or(message.len());
    let is_key = |word: &str| word.len() >= 16 && ["AKIA", "ASIA"].iter().any(|prefix| word.starts_with(prefix));
    let mut out = String::new();
    for piece in message[..end].split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_key(word) {
            out.push_str("(access key)");
            out.push_str(&piece[word.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_carries_a_credential() {
        assert_eq!(scrub("the key AKIAIOSFODNN7EXAMPLE, is unknown"), "the key (access key), is unknown");
        assert_eq!(scrub("not allowed. Encoded authorization failure message: abc"), "not allowed.");
        assert_eq!(scrub("headers: X-Amz-Security-Token:secret"), "headers:");
        assert_eq!(scrub("plain ASIAN text"), "plain ASIAN text");
    }
}
