//! Expires, Min-Expires and Max-Expires: whole seconds from now (RFC 4976 §4.6, §7).

use std::time::Duration;

use super::Fault;

/// The longest time that is told apart: 136 years, so that it can be added to any time.
const LONGEST: u64 = u32::MAX as u64;

/// Reads digits; a number beyond [`LONGEST`] is taken for that.
pub(super) fn parse_seconds(value: &[u8]) -> Result<Duration, Fault> {
    let is_digit = |octet: &u8| octet.is_ascii_digit();
    if let Some(at) = value.iter().position(|octet| !is_digit(octet)) {
        return Err(Fault::grammar(at, "expected a whole number of seconds"));
    }
    if value.is_empty() {
        return Err(Fault::grammar(0, "expected a number of seconds"));
    }
    let seconds = value.iter().fold(0_u64, |seconds, digit| {
        (seconds * 10 + u64::from(digit - b'0')).min(LONGEST)
    });
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use super::*;

    #[test]
    fn only_whole_seconds_are_read() {
        for (text, seconds) in [("0", 0), ("900", 900), ("007", 7), ("4294967295", LONGEST)] {
            assert_eq!(
                parse_seconds(text.as_bytes()),
                Ok(Duration::from_secs(seconds))
            );
        }
        let huge = "9".repeat(1000);
        assert_eq!(
            parse_seconds(huge.as_bytes()),
            Ok(Duration::from_secs(LONGEST))
        );
        for (text, offset) in [
            ("1.5", 1),
            ("-1", 0),
            ("", 0),
            ("+1", 0),
            ("1 0", 1),
            ("1s", 1),
        ] {
            assert_eq!(
                parse_seconds(text.as_bytes()).unwrap_err().offset(),
                offset,
                "{text}"
            );
        }
        covers!("R-002");
    }
}
