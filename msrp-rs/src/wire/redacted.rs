//! Text for logs: session-ids in MSRP URIs are cut (RFC 4975 §14.1: who knows a session-id can take
//! part in the session).

use std::fmt;

/// Shows a text with the session-id of each MSRP URI in it cut to at most four characters and an
/// ellipsis, and without the passwords in them. For logs, `Debug` output, error texts and metric labels; never for the
/// wire.
///
/// ```
/// use msrp::wire::Redacted;
/// let line = "To-Path: msrp://a.example:2855/iau39soe2843z;tcp";
/// assert_eq!(Redacted(line).to_string(), "To-Path: msrp://a.example:2855/iau3…;tcp");
/// ```
#[derive(Clone, Copy)]
pub struct Redacted<'a>(pub &'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find("://") {
            let (before, after) = rest.split_at(at + "://".len());
            f.write_str(before)?;
            rest = after;
            let scheme = before.trim_end_matches("://").as_bytes();
            if !ends_with(scheme, b"msrp") && !ends_with(scheme, b"msrps") {
                continue;
            }
            let is_delimiter = |c: char| c == '/' || c.is_whitespace() || "\"<>".contains(c);
            let slash = rest.find(is_delimiter).unwrap_or(rest.len());
            let (authority, after) = rest.split_at(slash);
            match password(authority.as_bytes()) {
                Some((start, end)) => {
                    write!(f, "{}…{}", &authority[..start], &authority[end..])?;
                }
                None => f.write_str(authority)?,
            }
            rest = after;
            if let Some(path) = rest.strip_prefix('/') {
                let len = path
                    .bytes()
                    .position(|octet| !is_session_id_octet(octet))
                    .unwrap_or(path.len());
                let (session_id, after) = path.split_at(len);
                write!(f, "/{}…", &session_id[..shown_len(len)])?;
                rest = after;
            }
        }
        f.write_str(rest)
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes `cover` over what [`Redacted`] would cut, so that the length stays.
#[cfg(all(feature = "net", not(loom)))]
pub(crate) fn mask_uris(text: &mut [u8], cover: u8) {
    const MARK: &[u8] = b"://";
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&text[from..], MARK) {
        let scheme = &text[from..from + at];
        let is_msrp = ends_with(scheme, b"msrp") || ends_with(scheme, b"msrps");
        from += at + MARK.len();
        if !is_msrp {
            continue;
        }
        let is_delimiter = |octet: &u8| b"/ \t\r\n\"<>".contains(octet);
        let rest = &text[from..];
        let len = rest.iter().position(is_delimiter).unwrap_or(rest.len());
        if let Some((start, end)) = password(&rest[..len]) {
            text[from + start..from + end].fill(cover);
        }
        from += len;
        if text.get(from) == Some(&b'/') {
            from += 1;
            let path = &mut text[from..];
            let is_over = |octet: &u8| !is_session_id_octet(*octet);
            let len = path.iter().position(is_over).unwrap_or(path.len());
            path[shown_len(len)..len].fill(cover);
            from += len;
        }
    }
}

/// Where an authority has a password: behind the first colon of what stands before the last `@`.
fn password(authority: &[u8]) -> Option<(usize, usize)> {
    let end = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', &authority[..end])?;
    Some((colon + 1, end))
}

/// One octet of `session-id` (RFC 4975 §9).
pub(super) fn is_session_id_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'=' | b'/')
}

/// Characters of a session-id of `len` that may be shown: four, and never more than half of it.
fn shown_len(len: usize) -> usize {
    (len / 2).min(4)
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_are_cut_wherever_they_stand() {
        for (text, shown) in [
            ("", ""),
            ("no uri", "no uri"),
            ("msrp://h:1;tcp", "msrp://h:1;tcp"),
            ("msrp://h:1/abcdefghij;tcp", "msrp://h:1/abcd…;tcp"),
            ("MSRPS://h:1/abcdefghij;tcp", "MSRPS://h:1/abcd…;tcp"),
            ("msrp://h:1/ab/cd==efgh", "msrp://h:1/ab/c…"),
            ("msrp://u;v@h:1/abcdefghij;tcp", "msrp://u;v@h:1/abcd…;tcp"),
            ("msrp://[::1]:1/abc;tcp", "msrp://[::1]:1/a…;tcp"),
            // A comma may stand in a host name (RFC 3986 §3.2.2).
            ("msrp://a,b:1/abcdefghij;tcp", "msrp://a,b:1/abcd…;tcp"),
            ("msrp://u:p:w@h:1/abc;tcp", "msrp://u:…@h:1/a…;tcp"),
            ("msrp://u:p", "msrp://u:p"),
            (
                "a=path:msrps://r:2/secretsecret;tcp msrp://h:1/secretsecret;tcp",
                "a=path:msrps://r:2/secr…;tcp msrp://h:1/secr…;tcp",
            ),
            ("see http://x/long/path/here", "see http://x/long/path/here"),
            ("msrp://ü/äbcdefghij", "msrp://ü/…äbcdefghij"),
        ] {
            assert_eq!(Redacted(text).to_string(), shown);
            assert_eq!(format!("{:?}", Redacted(text)), shown);
        }
    }
}
