//! The users of a relay: a file as `htdigest` makes it, one line `user:realm:hex` for each user and algorithm.
//!
//! The digits are H(A1), 32 of MD5 or 64 of SHA-256 (RFC 2617 §3.2.2.2, RFC 7616 §3.4.2). Who has them can log in, so
//! nothing here shows them.

mod file;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use msrp::{Algorithm, Ha1};

pub(crate) use file::{Changed, Unusable, UsersFile, read};

/// Longest name of a user or realm, in octets.
const LONGEST: usize = 255;

/// What is known of the users of one realm.
#[derive(Default)]
pub(crate) struct Users {
    by_name: HashMap<Box<str>, Secrets>,
    elsewhere: usize,
}

/// Of one user.
#[derive(Default)]
struct Secrets {
    md5: Option<Known>,
    sha256: Option<Known>,
}

struct Known {
    ha1: Ha1,
    line: usize,
}

/// A line that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Users {
    /// Reads the content of a file. Empty lines and those that begin with `#` say nothing; lines of other realms are
    /// counted.
    ///
    /// # Errors
    /// Every line that cannot be used. Their texts hold neither names nor digits.
    pub(crate) fn parse(text: &str, realm: &str) -> Result<Self, Vec<BadLine>> {
        let mut users = Self::default();
        let mut bad = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if let Err(text) = users.take(content, line, realm) {
                bad.push(BadLine { line, text });
            }
        }
        match bad.is_empty() {
            true => Ok(users),
            false => Err(bad),
        }
    }

    fn take(&mut self, content: &str, line: usize, own_realm: &str) -> Result<(), String> {
        let mut fields = content.split(':');
        let (Some(user), Some(realm), Some(digits), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("expected user:realm:digits, with no other colon".into());
        };
        check_name("user", user)?;
        check_name("realm", realm)?;
        let ha1 = Ha1::from_hex(digits).map_err(|_| {
            "expected 32 hexadecimal digits (MD5) or 64 (SHA-256) behind the realm".to_owned()
        })?;
        if realm != own_realm {
            self.elsewhere += 1;
            return Ok(());
        }
        let algorithm = ha1.algorithm();
        let secrets = match self.by_name.entry(user.into()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Secrets::default()),
        };
        let secret = secrets.of(algorithm);
        if let Some(known) = secret {
            return Err(format!(
                "the user has a line of {} already, line {}",
                name(algorithm),
                known.line
            ));
        }
        *secret = Some(Known { ha1, line });
        Ok(())
    }

    /// The secret of a user.
    pub(crate) fn find(&self, user: &str, algorithm: Algorithm) -> Option<Ha1> {
        let secrets = self.by_name.get(user)?;
        let known = match algorithm {
            Algorithm::Md5 => &secrets.md5,
            Algorithm::Sha256 => &secrets.sha256,
        };
        known.as_ref().map(|known| known.ha1.clone())
    }

    /// The users who are not in `now`, or have another password there: a secret differs, or none is left of the same
    /// algorithm. Secrets that come beside one that stays, and those that go, are of the same password.
    pub(crate) fn changed<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a str> {
        let stays = |name: &str, old: &Secrets| {
            let new = now.by_name.get(name)?;
            let same = [(&old.md5, &new.md5), (&old.sha256, &new.sha256)]
                .into_iter()
                .filter_map(|(old, new)| old.as_ref().zip(new.as_ref()))
                .map(|(old, new)| old.ha1.to_hex() == new.ha1.to_hex());
            same.reduce(|one, other| one && other)
        };
        let users = self.by_name.iter();
        let changed = users.filter(move |(name, old)| stays(name, old) != Some(true));
        changed.map(|(name, _)| &**name)
    }

    /// How many users there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many lines are of other realms.
    pub(crate) fn elsewhere(&self) -> usize {
        self.elsewhere
    }

    /// How many users have no secret for this algorithm, and a line of one of them.
    pub(crate) fn without(&self, algorithm: Algorithm) -> Option<(usize, usize)> {
        let missing = self.by_name.values().filter_map(|secrets| {
            let (wanted, other) = match algorithm {
                Algorithm::Md5 => (&secrets.md5, &secrets.sha256),
                Algorithm::Sha256 => (&secrets.sha256, &secrets.md5),
            };
            match (wanted, other) {
                (None, Some(other)) => Some(other.line),
                _ => None,
            }
        });
        missing.fold(None, |found, line| match found {
            None => Some((1, line)),
            Some((count, first)) => Some((count + 1, line.min(first))),
        })
    }
}

impl Secrets {
    fn of(&mut self, algorithm: Algorithm) -> &mut Option<Known> {
        match algorithm {
            Algorithm::Md5 => &mut self.md5,
            Algorithm::Sha256 => &mut self.sha256,
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.by_name.len())
    }
}

/// Says whether a text can be the name of a user or a realm in a file of users.
pub(crate) fn check_name(what: &str, text: &str) -> Result<(), String> {
    let wrong = match text {
        "" => "is empty".to_owned(),
        text if text.len() > LONGEST => {
            format!("has {} octets, allowed are {LONGEST}", text.len())
        }
        text if text.contains(':') => "holds a colon, which separates the fields".into(),
        text if text.contains(char::is_control) => "holds a control character".into(),
        _ => return Ok(()),
    };
    Err(format!("the {what} {wrong}"))
}

/// What an algorithm is called.
pub(crate) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha256 => "SHA-256",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "08e1e037ea8ebfee628c1cae9ad3ee0c";
    const SHA256: &str = "c82c452d42f723963c5c3c9d9136841e99bdcda4d0c4024d2f4f6672ce02db64";

    #[test]
    fn users_have_a_line_for_each_algorithm() {
        let text = format!(
            "# users\r\nalice:here:{MD5}\r\n\nbob:here:{}\nalice:here:{SHA256}\nalice:there:{MD5}\n",
            SHA256.to_uppercase()
        );
        let users = Users::parse(&text, "here").expect("users");
        assert_eq!((users.len(), users.elsewhere()), (2, 1));
        let digits = |user, algorithm| {
            let ha1 = users.find(user, algorithm)?;
            Some(ha1.to_hex().to_string())
        };
        assert_eq!(digits("alice", Algorithm::Md5).as_deref(), Some(MD5));
        assert_eq!(digits("alice", Algorithm::Sha256).as_deref(), Some(SHA256));
        assert_eq!(digits("bob", Algorithm::Md5), None);
        assert_eq!(digits("bob", Algorithm::Sha256).as_deref(), Some(SHA256));
        assert_eq!(digits("carol", Algorithm::Md5), None);
        assert_eq!(users.without(Algorithm::Md5), Some((1, 4)));
        assert_eq!(users.without(Algorithm::Sha256), None);
        assert_eq!(format!("{users:?}"), "2 users");

        assert_eq!(users.changed(&users).count(), 0);
        assert_eq!(users.changed(&Users::default()).count(), 2);
    }

    #[test]
    fn who_has_another_password_is_changed_and_who_has_another_line_is_not() {
        let other = |digits: &str| digits.replace('0', "1");
        let (other_md5, other_sha256) = (&other(MD5), &other(SHA256));
        for (before, now, is_changed) in [
            (vec![MD5], vec![MD5], false),
            (vec![MD5], vec![other_md5], true),
            // A line comes, and a line goes.
            (vec![MD5], vec![MD5, SHA256], false),
            (vec![SHA256], vec![MD5, SHA256], false),
            (vec![MD5, SHA256], vec![SHA256], false),
            (vec![MD5, SHA256], vec![MD5], false),
            // What is left says that it is another one, or nothing.
            (vec![MD5], vec![other_md5, SHA256], true),
            (vec![MD5, SHA256], vec![other_md5, SHA256], true),
            (vec![MD5, SHA256], vec![MD5, other_sha256], true),
            (vec![MD5, SHA256], vec![other_sha256], true),
            (vec![MD5], vec![SHA256], true),
            (vec![MD5], vec![], true),
        ] {
            let users = |digits: &[&str]| {
                let lines = digits.iter().map(|digits| format!("alice:here:{digits}\n"));
                let text = lines.collect::<String>() + "carol:here:" + MD5;
                Users::parse(&text, "here").expect("users")
            };
            let (old, new) = (users(&before), users(&now));
            let changed: Vec<_> = old.changed(&new).collect();
            let expected: &[&str] = if is_changed { &["alice"] } else { &[] };
            assert_eq!(changed, expected, "{before:?} to {now:?}");
        }
    }

    #[test]
    fn every_bad_line_is_named() {
        let long = "u".repeat(LONGEST + 1);
        let text = format!(
            "alice:here:{MD5}\n\
             alice:here\n\
             alice:here:{MD5}:x\n\
             :here:{MD5}\n\
             bob::{MD5}\n\
             bob:here:{}\n\
             bob:here:{}g\n\
             alice:here:{MD5}\n\
             b\u{7}b:here:{MD5}\n\
             {long}:here:{MD5}\n\
             bob:here:{MD5} \n\
             alice:other:nothing\n",
            &MD5[1..],
            &MD5[1..],
        );
        let bad = Users::parse(&text, "here").expect_err("bad lines");
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, (2..=12).collect::<Vec<_>>());
        assert_eq!(bad[6].text, "the user has a line of MD5 already, line 1");
        for bad in bad {
            assert!(!bad.text.contains(&MD5[1..]), "{}", bad.text);
        }
    }
}
