//! How long a call may take: what the client says, at most a limit.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// Header in which gRPC clients say how long they wait.
const HEADER: &str = "grpc-timeout";

/// The time that a call has: that of its `grpc-timeout` header, at most `limit`.
#[must_use]
pub fn of(metadata: &MetadataMap, limit: Duration) -> Duration {
    metadata
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(parse)
        .map_or(limit, |asked| asked.min(limit))
}

/// One to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_header(value: &'static str) -> Duration {
        let mut metadata = MetadataMap::new();
        metadata.insert(HEADER, value.parse().unwrap());
        of(&metadata, Duration::from_secs(60))
    }

    #[test]
    fn takes_what_the_client_says() {
        assert_eq!(of_header("5S"), Duration::from_secs(5));
        assert_eq!(of_header("250m"), Duration::from_millis(250));
        assert_eq!(of_header("90000000u"), Duration::from_secs(60));
    }

    #[test]
    fn never_exceeds_the_limit() {
        assert_eq!(of_header("99999999H"), Duration::from_secs(60));
    }

    #[test]
    fn ignores_what_is_not_a_timeout() {
        for value in ["", "S", "5", "5s", "-5S", "123456789S"] {
            assert_eq!(of_header(value), Duration::from_secs(60), "{value}");
        }
        assert_eq!(
            of(&MetadataMap::new(), Duration::from_secs(7)),
            Duration::from_secs(7)
        );
    }
}
