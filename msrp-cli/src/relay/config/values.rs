//! The values of a configuration: what is out of range or no such thing is refused where it stands.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use msrp::wire::Host;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Count<MIN, MAX> {
    /// For tables of this process, which are smaller than its memory.
    pub(crate) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Whole<MIN, MAX> {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
                match (MIN..=MAX).contains(&value) {
                    true => Ok(value),
                    false => Err(E::custom(format_args!(
                        "{value} is not allowed: a whole number from {MIN} to {MAX}"
                    ))),
                }
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
                match u64::try_from(value) {
                    Ok(value) => self.visit_u64(value),
                    Err(_) => Err(E::custom(format_args!(
                        "{value} is not allowed: a whole number from {MIN} to {MAX}"
                    ))),
                }
            }
        }

        deserializer.deserialize_u64(Whole::<MIN, MAX>).map(Self)
    }
}

/// A time in seconds, from `MIN` to `MAX`; parts of seconds are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds<const MIN: u64, const MAX: u64>(pub(crate) Duration);

impl<const MIN: u64, const MAX: u64> Seconds<MIN, MAX> {
    pub(crate) const fn new(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Seconds<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Time<MIN, MAX> {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "seconds, {MIN} to {MAX}")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Duration, E> {
                within(value as f64, value, MIN, MAX)
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Duration, E> {
                within(value as f64, value, MIN, MAX)
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Duration, E> {
                within(value, format_args!("{value:?}"), MIN, MAX)
            }
        }

        deserializer.deserialize_any(Time::<MIN, MAX>).map(Self)
    }
}

fn within<E: Error>(
    seconds: f64,
    shown: impl fmt::Display,
    min: u64,
    max: u64,
) -> Result<Duration, E> {
    let allowed = Duration::from_secs(min)..=Duration::from_secs(max);
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if allowed.contains(&time) => Ok(time),
        _ => Err(E::custom(format_args!(
            "{shown} is not allowed: seconds, {min} to {max}"
        ))),
    }
}

/// A text that means a `T`; its own error says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parsed<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parsed<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
                value.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Parsed(PhantomData)).map(Self)
    }
}

/// The name of a host, or its address, as it stands in URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostName(pub(crate) Host);

impl HostName {
    /// Whether it means the same everywhere: neither an address nor a name of one label (RFC 4976 §4.2).
    pub(crate) fn is_qualified(&self) -> bool {
        match &self.0 {
            Host::Name(name) => name.trim_end_matches('.').contains('.'),
            Host::V4(_) | Host::V6(_) => false,
        }
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = Host::parse(text);
        let host =
            host.map_err(|_| format!("\"{text}\" is no host name; a port is not part of it"));
        host.map(Self)
    }
}

/// A realm: what users know their password for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm(pub(crate) String);

impl FromStr for Realm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        super::super::users::check_name("realm", text)?;
        Ok(Self(text.to_owned()))
    }
}

/// The name of a file, from the folder of the configuration on unless it is absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName(pub(crate) PathBuf);

impl FromStr for FileName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("the name of a file is empty"),
            _ => Ok(Self(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_qualified_names_mean_the_same_everywhere() {
        for (text, is_qualified) in [
            ("relay.example.com", true),
            ("localhost", false),
            ("localhost.", false),
            ("127.0.0.1", false),
            ("[::1]", false),
        ] {
            let name: HostName = text.parse().expect(text);
            assert_eq!(name.is_qualified(), is_qualified, "{text}");
        }
        for text in ["", "a:2855", "a b", "[::1", "\u{e4}.example"] {
            text.parse::<HostName>().expect_err(text);
        }
    }
}
