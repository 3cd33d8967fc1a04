//! Hides what is secret in a frame, octet for octet: lengths stay, so that framing, Byte-Range and sequence numbers
//! stay true.
//!
//! Session-ids are cut as in logs, credentials, content and the values of headers that the engine does not know are
//! written over.

use memchr::memmem;

use crate::wire::{HeaderName, mask_uris};

/// What stands in place of a secret.
const COVER: u8 = b'x';

/// The end of a header section that has a body after it.
const BODY: &[u8] = b"\r\n\r\n";

/// Masks a frame, or the part of one that begins it if `first` and ends it if `last`.
pub(super) fn mask(octets: &mut [u8], first: bool, last: bool) {
    let end = if last { end_line(octets) } else { octets.len() };
    let octets = &mut octets[..end];
    let body = match first {
        true => memmem::find(octets, BODY).map_or(octets.len(), |at| at + BODY.len()),
        false => 0,
    };
    let (head, body) = octets.split_at_mut(body);
    // The first line is the start line.
    let mut rest = match memmem::find(head, b"\r\n") {
        Some(at) => &mut head[at + 2..],
        None => &mut [],
    };
    while !rest.is_empty() {
        let len = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let (line, after) = rest.split_at_mut(len);
        header(line);
        rest = after.get_mut(2..).unwrap_or_default();
    }
    body.fill(COVER);
}

/// Where the end-line of a whole frame begins: with the CRLF before it where there is a body.
fn end_line(octets: &[u8]) -> usize {
    let line_end = octets.len().saturating_sub(2);
    memmem::rfind(&octets[..line_end], b"\r\n").unwrap_or(octets.len())
}

fn header(line: &mut [u8]) {
    let Some(colon) = memchr::memchr(b':', line) else {
        cover(line);
        return;
    };
    let (name, value) = line.split_at_mut(colon + 1);
    let name = HeaderName::parse(&name[..colon]);
    match name {
        Some(
            HeaderName::ToPath
            | HeaderName::FromPath
            | HeaderName::UsePath
            | HeaderName::MessageId
            | HeaderName::ByteRange
            | HeaderName::SuccessReport
            | HeaderName::FailureReport
            | HeaderName::Status
            | HeaderName::Expires
            | HeaderName::MinExpires
            | HeaderName::MaxExpires,
        ) => mask_uris(value, COVER),
        Some(HeaderName::ContentType) => {
            // Parameters are the host's own, as a file's name.
            let type_len = memchr::memchr(b';', value).unwrap_or(value.len());
            cover(&mut value[type_len..]);
        }
        _ => cover(value),
    }
}

/// Writes over everything but blanks and the signs that structure a value.
fn cover(value: &mut [u8]) {
    for octet in value {
        if !matches!(
            octet,
            b' ' | b'\t' | b';' | b',' | b'=' | b'"' | b':' | b'\r' | b'\n'
        ) {
            *octet = COVER;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered_and_lengths_kept() {
        for (frame, masked) in [
            (
                "MSRP a1b2 SEND\r\nTo-Path: msrps://r:1/relaysecret;tcp msrp://h:2/session+secret;tcp\r\n\
                 From-Path: msrp://u:pw@h:3/abcdefghijk;tcp\r\nMessage-ID: 12345\r\nByte-Range: 1-9/9\r\n\
                 Content-Disposition: attachment; filename=\"plan.pdf\"\r\nX-Note: topsecret\r\n\
                 Content-Type: text/plain; name=plan\r\n\r\nsecret\r\n1\r\n-------a1b2$\r\n",
                "MSRP a1b2 SEND\r\nTo-Path: msrps://r:1/relaxxxxxxx;tcp msrp://h:2/sessxxxxxxxxxx;tcp\r\n\
                 From-Path: msrp://u:xx@h:3/abcdxxxxxxx;tcp\r\nMessage-ID: 12345\r\nByte-Range: 1-9/9\r\n\
                 Content-Disposition: xxxxxxxxxx; xxxxxxxx=\"xxxxxxxx\"\r\nX-Note: xxxxxxxxx\r\n\
                 Content-Type: text/plain; xxxx=xxxx\r\n\r\nxxxxxxxxx\r\n-------a1b2$\r\n",
            ),
            (
                "MSRP a1b2 AUTH\r\nTo-Path: msrp://r:1/abcdefgh;tcp\r\nFrom-Path: msrp://h:2/abcdefgh;tcp\r\n\
                 Authorization: Digest username=\"bob\", response=\"0123\"\r\n-------a1b2$\r\n",
                "MSRP a1b2 AUTH\r\nTo-Path: msrp://r:1/abcdxxxx;tcp\r\nFrom-Path: msrp://h:2/abcdxxxx;tcp\r\n\
                 Authorization: xxxxxx xxxxxxxx=\"xxx\", xxxxxxxx=\"xxxx\"\r\n-------a1b2$\r\n",
            ),
            (
                "MSRP a1b2 200 OK\r\nTo-Path: msrp://r:1/abcdefgh;tcp\r\nFrom-Path: msrp://h:2/abcdefgh;tcp\r\n\
                 -------a1b2$\r\n",
                "MSRP a1b2 200 OK\r\nTo-Path: msrp://r:1/abcdxxxx;tcp\r\nFrom-Path: msrp://h:2/abcdxxxx;tcp\r\n\
                 -------a1b2$\r\n",
            ),
        ] {
            let mut octets = frame.as_bytes().to_vec();
            mask(&mut octets, true, true);
            assert_eq!(String::from_utf8_lossy(&octets), masked);
        }
    }

    #[test]
    fn parts_of_a_long_frame_are_masked_alone() {
        let mut first =
            b"MSRP a1b2 SEND\r\nTo-Path: msrp://h:2/abcdefgh;tcp\r\n\r\nsec\r\n-------".to_vec();
        mask(&mut first, true, false);
        assert!(first.ends_with(b"\r\n\r\nxxxxxxxxxxxx"), "{first:?}");
        let mut middle = b"To-Path: secret\r\n\r\n".to_vec();
        mask(&mut middle, false, false);
        assert_eq!(middle, b"x".repeat(19));
        let mut last = b"secret\r\n\r\n-------a1b2+\r\n".to_vec();
        mask(&mut last, false, true);
        assert_eq!(last, b"xxxxxxxx\r\n-------a1b2+\r\n");
        // What is no frame at all is covered, too.
        for junk in [&b""[..], b"\r\n", b"\r\n\r\n", b"x"] {
            for (first, last) in [(true, true), (true, false), (false, true), (false, false)] {
                mask(&mut junk.to_vec(), first, last);
            }
        }
    }
}
