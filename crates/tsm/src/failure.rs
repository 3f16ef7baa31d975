//! Errors on a terminal: what went wrong, and what to do next.

use std::process::ExitCode;

use tonic::Status;

/// Asks for this exit status; a context of the error that says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitWith(pub u8);

impl std::fmt::Display for ExitWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

/// The exit status of an error: 1 unless it asks for another one.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<ExitWith>() {
        Some(ExitWith(status)) => ExitCode::from(*status),
        None => ExitCode::FAILURE,
    }
}

/// Advice for a stable reason of the servers.
#[must_use]
pub fn advice(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "DOUBLE_ISSUANCE" => {
            "The person has a live credential or an open application. Revoke the credential \
             (`tsm list credentials`, `tsm revoke ID`) or cancel the application (`tsm list \
             applications`, `tsm cancel ID`) first."
        }
        "CARD_IN_USE" => {
            "Another application or credential holds this card, or the card still has to follow a \
             change. Cancel that application, or bring the card's phone in reach."
        }
        "REPLAYED_APPLICATION" => {
            "This signed application was used before. Let the citizen sign a new one with a new nonce."
        }
        "SIGNATURE_INVALID" | "CMS_MALFORMED" => {
            "The signed application was damaged or is not CMS SignedData with attached content. \
             Sign it again: `openssl cms -sign -binary -nodetach -outform DER`."
        }
        "CHAIN_UNTRUSTED" => {
            "The signing certificate does not come from a trusted authority (trust_anchors in the \
             configuration of sp-tsm)."
        }
        "SIGNING_CERT_EXPIRED" => "The citizen needs a valid signing certificate.",
        "CARD_UNREACHABLE" => {
            "No phone holds this card now. Start it (`uicc-sim attach`), then repeat the command."
        }
        "CARRIER_UNREACHABLE" => {
            "The operator's server (mno-tsm) does not answer sp-tsm. Start it, then repeat the command."
        }
        "APPLICATION_STALE" => {
            "Let the citizen sign a new application (max_age_s in the configuration of sp-tsm)."
        }
        "SERVICE_UNKNOWN" | "PACKAGE_UNKNOWN" => {
            "Register package and service first (`tsm dev register DIR`), then repeat the command."
        }
        "APPLICATION_UNKNOWN" => "`tsm list applications` shows all of them.",
        "CREDENTIAL_UNKNOWN" => "`tsm list credentials` shows all of them.",
        "WRONG_STATE" => {
            "`tsm show credential ID` or `tsm show application ID` shows where it stands."
        }
        "CARD_BUSY" => "Another worker uses the card. Repeat the command in a moment.",
        "CARD_UNKNOWN" => {
            "Register the card first: `tsm card register FILE` or `tsm dev register DIR`."
        }
        "CARD_PROFILE_UNKNOWN" => {
            "`tsm list profiles` shows all of them; `tsm profile put` describes a new one."
        }
        "IMPORT_UNKNOWN" => "`tsm list imports` shows all of them.",
        "IMPORT_BUSY" => {
            "Another command is importing the same delivery, or one that broke off is just ending. \
             Repeat the command in a moment."
        }
        "NUMBER_IN_USE" => "`tsm card find --msisdn NUMBER` shows the card that has it.",
        "SUBSCRIPTION_UNKNOWN" => "`tsm subscription start ICCID --msisdn NUMBER` begins one.",
        "INSUFFICIENT_SE_MEMORY" => {
            "The SIM has too little free memory. Free some, or use another SIM."
        }
        "SE_NOT_ELIGIBLE" => "The SIM can not take the service; the detail says why.",
        "TENANT_FORBIDDEN" => "This certificate's tenant or role may not do this.",
        _ => return None,
    })
}

/// The text of an error with its causes, and advice where there is some.
#[must_use]
pub fn explain(error: &anyhow::Error) -> String {
    let mut lines = Vec::new();
    let mut reason = None;
    // What asks for an exit status says nothing.
    let silent = usize::from(error.downcast_ref::<ExitWith>().is_some());
    for cause in error.chain().skip(silent) {
        match cause.downcast_ref::<Status>() {
            Some(status) => {
                reason = tsm_server::status::reason_of(status);
                lines.push(describe(status, reason.as_deref()));
                break;
            }
            None => lines.push(cause.to_string()),
        }
    }
    lines.dedup();
    let mut text = lines.join(": ");
    if let Some(advice) = reason.as_deref().and_then(advice) {
        text.push_str("\n  ");
        text.push_str(advice);
    }
    text
}

fn describe(status: &Status, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{reason}: {}", status.message()),
        None if status.code() == tonic::Code::Unavailable => {
            format!(
                "the server does not answer ({}); is it running?",
                status.message()
            )
        }
        None => format!("{}: {}", status.code(), status.message()),
    }
}
