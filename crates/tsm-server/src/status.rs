//! Errors of the domain as gRPC status, and back.
//!
//! Every refusal carries a `google.rpc.ErrorInfo` with a stable reason in the
//! domain `tsm`; what can be tried again carries a `RetryInfo`, a wrong field a
//! `BadRequest`. Class to code is decided in one place, [`code_of`].

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tsm_core::error::{Class, Failure, Reason};

/// Domain of our reasons in `ErrorInfo`.
pub const DOMAIN: &str = "tsm";
/// Reason of a call whose certificate names nobody.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// When to try again after a failure that passes by itself.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The gRPC code of a class, refined for the few reasons that have a code of their own.
#[must_use]
pub fn code_of(class: Class, reason: Reason) -> Code {
    match (class, reason) {
        (_, Reason::TenantForbidden | Reason::PermissionDenied | Reason::RelayForbidden) => {
            Code::PermissionDenied
        }
        (_, Reason::ExpiredRequest) => Code::DeadlineExceeded,
        (_, Reason::Overload) => Code::ResourceExhausted,
        (_, Reason::AlreadyExists | Reason::DoubleIssuance) => Code::AlreadyExists,
        (Class::Retry, _) => Code::Unavailable,
        (Class::Conflict, _) => Code::Aborted,
        (Class::NotFound, _) => Code::NotFound,
        (Class::Refused, _) => Code::FailedPrecondition,
        (Class::Invalid, _) => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// The status of a failure. Detail of an internal one goes to the log only.
#[must_use]
pub fn of<F: Failure + 'static>(failure: &F) -> Status {
    let (class, reason) = (failure.class(), failure.reason());
    if class == Class::Internal {
        let error: &(dyn std::error::Error + 'static) = failure;
        tracing::error!(
            error,
            reason = reason.as_str(),
            "a call failed inside this server"
        );
        return build(
            Code::Internal,
            class,
            reason.as_str(),
            "internal error; the server's log says more",
        );
    }
    build(
        code_of(class, reason),
        class,
        reason.as_str(),
        &failure.to_string(),
    )
}

/// A status of our own making.
#[must_use]
pub fn refusal(reason: Reason, message: &str) -> Status {
    let class = reason.class();
    build(code_of(class, reason), class, reason.as_str(), message)
}

/// A field of the request is missing or malformed.
#[must_use]
pub fn invalid_field(field: &str, problem: &str) -> Status {
    let mut details = info(Reason::InvalidArgument.as_str());
    details.add_bad_request_violation(field, problem);
    Status::with_error_details(
        Code::InvalidArgument,
        format!("{field}: {problem}"),
        details,
    )
}

/// Our own fault: `error` goes to the log, the caller only learns that it happened.
#[must_use]
pub fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, "a call failed inside this server");
    build(
        Code::Internal,
        Class::Internal,
        Reason::Internal.as_str(),
        "internal error; the server's log says more",
    )
}

/// The caller is not known.
pub(crate) fn unauthenticated(reason: &str, message: &str) -> Status {
    Status::with_error_details(Code::Unauthenticated, message, info(reason))
}

/// The stable reason of a status that one of our servers made; `None` when it
/// was made elsewhere, for example by the transport.
#[must_use]
pub fn reason_of(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.domain == DOMAIN).then_some(info.reason)
}

/// What a client should make of a status, ours or the transport's.
#[must_use]
pub fn class_of(status: &Status) -> Class {
    if let Some(reason) = reason_of(status).as_deref().and_then(Reason::parse) {
        return reason.class();
    }
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
            Class::Retry
        }
        Code::Aborted | Code::AlreadyExists => Class::Conflict,
        Code::NotFound => Class::NotFound,
        Code::PermissionDenied | Code::FailedPrecondition | Code::Unauthenticated => Class::Refused,
        Code::InvalidArgument | Code::OutOfRange => Class::Invalid,
        _ => Class::Internal,
    }
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

fn build(code: Code, class: Class, reason: &str, message: &str) -> Status {
    let mut details = info(reason);
    if class == Class::Retry {
        details.set_retry_info(Some(RETRY_DELAY));
    }
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests {
    use tsm_core::ports::{LinkError, StoreError};

    use super::*;

    #[test]
    fn every_reason_comes_back() {
        for reason in Reason::ALL {
            let status = refusal(*reason, "no");
            assert_eq!(reason_of(&status).as_deref(), Some(reason.as_str()));
            assert_eq!(class_of(&status), reason.class());
            assert_ne!(status.code(), Code::Ok);
            assert_ne!(status.code(), Code::Unknown);
        }
    }

    #[test]
    fn tells_what_can_be_tried_again() {
        let status = of(&LinkError::NotAttached);
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_details_retry_info().is_some());
        assert_eq!(reason_of(&status).as_deref(), Some("CARD_UNREACHABLE"));
    }

    #[test]
    fn shows_no_internal_detail() {
        let status = of(&StoreError::Failed("/var/lib/tsm: disk full".to_owned()));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("disk"), "{}", status.message());
        assert_eq!(reason_of(&status).as_deref(), Some("INTERNAL"));
    }

    #[test]
    fn names_the_wrong_field() {
        let status = invalid_field("iccid", "has 3 digits");
        assert_eq!(status.code(), Code::InvalidArgument);
        let request = status.get_details_bad_request().unwrap();
        assert_eq!(request.field_violations[0].field, "iccid");
    }

    #[test]
    fn knows_nothing_of_a_status_made_elsewhere() {
        let status = Status::unavailable("tcp connect error");
        assert_eq!(reason_of(&status), None);
        assert_eq!(class_of(&status), Class::Retry);
    }
}
