//! Whole SDP texts: offers and answers of several streams, and those that follow in the same dialog (RFC 3264 §5, §6, §8).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::builder::parse_address;
use super::media::MediaDescription;
use super::origin::{Connection, Origin};
use super::session::{MediaLine, SessionDescription};
use super::{MAX_MEDIA_LINES, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Host;

impl SessionDescription {
    /// A whole minimal SDP that offers these streams, one `m=` line each, in their order.
    ///
    /// # Errors
    /// `InvalidArgument` without any stream, `Limit` for more than [`MAX_MEDIA_LINES`].
    pub fn offer(streams: &[&MediaDescription], origin: &Origin) -> Result<String> {
        check_count(streams.len())?;
        if streams.is_empty() {
            return Err(Error::invalid_argument(
                "an offer needs at least one stream",
            ));
        }
        Ok(offer(streams, origin))
    }

    /// The next offer of the side whose last SDP, offer or answer, is this one (RFC 3264 §8).
    ///
    /// Each stream takes the `m=` line at its 0-based index: one of MSRP, or one that was disabled by port 0, whatever it
    /// was for; indices from the number of lines on are new lines, which go last. MSRP lines that no stream takes are
    /// disabled with port 0; lines of other media and the session part stay as they are, octet for octet. If nothing
    /// changed, the text is this one with the same version in its `o=` line, else the version is one higher.
    ///
    /// # Errors
    /// `InvalidArgument` if an index is given twice, names a line of another medium that is in use, or leaves a gap;
    /// `Limit` for more than [`MAX_MEDIA_LINES`]; `InvalidSdp` if this has no `o=` line with a version that can be raised.
    ///
    /// ```
    /// # fn main() -> msrp::Result<()> {
    /// use msrp::sdp::{MediaDescription, SessionDescription};
    ///
    /// let stream = MediaDescription::parse(
    ///     "m=message 2855 TCP/MSRP *\r\nc=IN IP4 192.0.2.1\r\n\
    ///      a=path:msrp://192.0.2.1:2855/s;tcp\r\na=accept-types:*\r\n",
    ///     None,
    /// )?;
    /// let last = SessionDescription::parse(
    ///     "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    ///      m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n",
    /// )?;
    /// let offer = last.reoffer(&[(1, &stream)])?;
    /// assert!(offer.contains("o=- 7 2 IN IP4 192.0.2.1\r\n"));
    /// assert!(offer.contains("m=audio 4000 RTP/AVP 0\r\nm=message 2855 TCP/MSRP *\r\n"));
    /// // Said again, nothing changes.
    /// assert_eq!(SessionDescription::parse(&offer)?.reoffer(&[(1, &stream)])?, offer);
    /// # Ok(()) }
    /// ```
    pub fn reoffer(&self, streams: &[(usize, &MediaDescription)]) -> Result<String> {
        let lines: Vec<_> = self.media_lines().collect();
        let mut taken = by_index(streams)?;
        let count = taken
            .last_key_value()
            .map_or(0, |(index, _)| index.saturating_add(1))
            .max(lines.len());
        check_count(count)?;
        let mut sections = String::new();
        let address = self.session_address().map(parse_address);
        for index in 0..count {
            let line = lines.get(index);
            match (taken.remove(&index), line) {
                (Some(_), Some(line)) if line.port != 0 && !line.is_msrp() => {
                    return Err(Error::invalid_argument(format!(
                        "m= line at index {index} is in use for {}: a stream cannot take it \
                         (RFC 3264 §8.1)",
                        super::excerpt(line.media)
                    )));
                }
                (Some(stream), _) => {
                    stream.write(&mut sections, address.as_ref(), self.has_direction());
                }
                (None, Some(line)) if line.port != 0 && line.is_msrp() => {
                    disable(&mut sections, line);
                }
                (None, Some(line)) => {
                    sections.push_str(line.text);
                    if !line.text.ends_with('\n') {
                        sections.push_str("\r\n");
                    }
                }
                (None, None) => {
                    return Err(Error::invalid_argument(format!(
                        "no stream takes the new m= line at index {index}: new lines go last, \
                         without a gap (RFC 3264 §8.1)"
                    )));
                }
            }
        }
        if !self.is_whole() {
            return Ok(sections);
        }
        self.next_version(|origin| {
            let mut text = String::new();
            for line in self.head().lines() {
                let line = if line.starts_with("o=") { origin } else { line };
                let _ = write!(text, "{line}\r\n");
            }
            text + &sections
        })
    }

    /// The answer to this offer in which each line of `streams` is accepted with the description
    /// beside its 0-based index, and all others are refused with port 0: as many `m=` lines as the
    /// offer, in its order, `t=` copied, `o=` our own (RFC 3264 §6). For `m=` blocks only their
    /// answers, without a session part.
    ///
    /// # Errors
    /// `InvalidArgument` if an index is out of range or given twice.
    pub fn answer(
        &self,
        streams: &[(usize, &MediaDescription)],
        origin: &Origin,
    ) -> Result<String> {
        let taken = self.answered(streams)?;
        Ok(self.compose(&taken, &origin_line(origin), Some(origin.address())))
    }

    /// As [`answer`](Self::answer), by the side whose last SDP in the same dialog, offer or answer, was `last`: the `o=`
    /// line is that of `last`, with a version one higher if the text differs from it in anything (RFC 3264 §8).
    ///
    /// # Errors
    /// As `answer`, and `InvalidSdp` if `last` has no `o=` line with a version that can be raised.
    pub fn answer_after(
        &self,
        streams: &[(usize, &MediaDescription)],
        last: &Self,
    ) -> Result<String> {
        let taken = self.answered(streams)?;
        if !self.is_whole() {
            return Ok(self.compose(&taken, "", None));
        }
        let first = taken.values().find_map(|stream| stream.address.clone());
        let address = first.or_else(|| last.session_address().map(parse_address));
        last.next_version(|origin| self.compose(&taken, origin, address.as_ref()))
    }

    /// The refused lines around the one at `index`, for an offer that keeps them (RFC 3264 §8); `None` if there are none,
    /// or this is no whole SDP.
    #[cfg_attr(
        not(feature = "net"),
        expect(dead_code, reason = "only engines make later offers")
    )]
    pub(crate) fn refused_lines(&self, index: usize) -> Option<RefusedLines> {
        if !self.is_whole() || self.media_lines().len() < 2 {
            return None;
        }
        let mut lines = RefusedLines::default();
        for (at, line) in self.media_lines().enumerate() {
            match at.cmp(&index) {
                Ordering::Less => disable(&mut lines.before, &line),
                Ordering::Equal => {}
                Ordering::Greater => disable(&mut lines.after, &line),
            }
        }
        Some(lines)
    }

    /// The answer that refuses every stream of this offer with port 0 (RFC 3264 §6).
    pub fn refuse(&self, origin: &Origin) -> String {
        let none = BTreeMap::new();
        self.compose(&none, &origin_line(origin), Some(origin.address()))
    }

    /// The `m=` line that refuses the stream at the 0-based index, or disables it in a later offer, for a host that
    /// builds its own SDP; with its line end.
    ///
    /// # Errors
    /// `InvalidArgument` if the index is out of range.
    pub fn refused_media(&self, index: usize) -> Result<String> {
        let line = self.media_line(index)?;
        let mut text = String::new();
        disable(&mut text, &line);
        Ok(text)
    }

    fn answered<'a>(
        &self,
        streams: &[(usize, &'a MediaDescription)],
    ) -> Result<BTreeMap<usize, &'a MediaDescription>> {
        let taken = by_index(streams)?;
        match taken.last_key_value() {
            Some((&index, _)) if index >= self.media_lines().len() => Err(self.out_of_range(index)),
            _ => Ok(taken),
        }
    }

    /// The answer with these streams, under this `o=` line.
    fn compose(
        &self,
        taken: &BTreeMap<usize, &MediaDescription>,
        origin: &str,
        address: Option<&Host>,
    ) -> String {
        let mut out = String::new();
        // In `m=` blocks alone each has its own address.
        let mut session_address = None;
        if self.is_whole() {
            let times: String = self
                .head()
                .split_inclusive('\n')
                .filter(|line| line.starts_with("t=") || line.starts_with("r="))
                .collect();
            let times = if times.is_empty() { FOREVER } else { &times };
            session_address = address;
            write_session_part(&mut out, origin, address, times);
        }
        for (index, line) in self.media_lines().enumerate() {
            match taken.get(&index) {
                Some(stream) => stream.write(&mut out, session_address, false),
                None => disable(&mut out, &line),
            }
        }
        out
    }

    /// The text that `compose` makes of an `o=` line: under the line of this description if it is the same text, else
    /// under the next version.
    fn next_version(&self, compose: impl Fn(&str) -> String) -> Result<String> {
        let line = self.head().lines().find(|line| line.starts_with("o="));
        let line = line.ok_or_else(|| invalid("last SDP has no o= line to go on from"))?;
        let same = compose(line);
        let text = || self.media_lines().flat_map(|line| line.text.lines());
        let is_same = same.lines().filter(|line| !line.is_empty()).eq(self
            .head()
            .lines()
            .chain(text())
            .filter(|line| !line.is_empty()));
        if is_same {
            return Ok(same);
        }
        let mut fields: Vec<&str> = line.split(' ').collect();
        let raised = fields
            .get(2)
            .and_then(|version| version.parse::<i64>().ok())
            .filter(|version| *version >= 0)
            .and_then(|version| version.checked_add(1))
            .map(|version| version.to_string())
            .ok_or_else(|| {
                invalid("o= line of the last SDP has no version that can be raised (RFC 3264 §8)")
            })?;
        fields[2] = &raised;
        Ok(compose(&fields.join(" ")))
    }
}

/// Lines of streams that are refused or over, each with port 0, around one that is not.
#[derive(derive_more::Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct RefusedLines {
    #[debug(skip)]
    before: String,
    #[debug(skip)]
    after: String,
}

/// A whole minimal SDP with these streams, of which there is one at least.
pub(super) fn offer(streams: &[&MediaDescription], origin: &Origin) -> String {
    offer_among(streams, origin, None)
}

/// The same, between the lines of other streams.
pub(crate) fn offer_among(
    streams: &[&MediaDescription],
    origin: &Origin,
    others: Option<&RefusedLines>,
) -> String {
    let first = streams.first();
    let address = first.map_or_else(
        || origin.address(),
        |first| {
            first
                .address
                .as_ref()
                .unwrap_or_else(|| first.path.last().host())
        },
    );
    let mut out = String::new();
    write_session_part(&mut out, &origin_line(origin), Some(address), FOREVER);
    out.push_str(others.map_or("", |others| &others.before));
    for stream in streams {
        stream.write(&mut out, Some(address), false);
    }
    out.push_str(others.map_or("", |others| &others.after));
    out
}

/// `v=`, `o=`, `s=`, `c=` and the given `t=` lines. The session name is `-` (RFC 3264 §5).
fn write_session_part(out: &mut String, origin: &str, address: Option<&Host>, times: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = write!(out, "v=0\r\n{origin}\r\ns=-\r\n");
    if let Some(address) = address {
        let _ = write!(out, "c={}\r\n", Connection(address));
    }
    out.push_str(times);
}

/// The line of a stream that is refused or disabled.
fn disable(out: &mut String, line: &MediaLine<'_>) {
    let formats = line.formats.trim_end();
    let _ = write!(out, "m={} 0 {} {formats}\r\n", line.media, line.protocol);
}

fn origin_line(origin: &Origin) -> String {
    format!("o={origin}")
}

fn by_index<'a>(
    streams: &[(usize, &'a MediaDescription)],
) -> Result<BTreeMap<usize, &'a MediaDescription>> {
    let mut taken = BTreeMap::new();
    for &(index, stream) in streams {
        if taken.insert(index, stream).is_some() {
            return Err(Error::invalid_argument(format!(
                "media index {index} is given to two streams"
            )));
        }
    }
    Ok(taken)
}

fn check_count(count: usize) -> Result<()> {
    if count > MAX_MEDIA_LINES {
        return Err(Error::local(
            ErrorKind::Limit,
            format!("SDP of {count} m= lines exceeds the limit of {MAX_MEDIA_LINES}"),
        ));
    }
    Ok(())
}

/// The time line of a description without bounds in time (RFC 8866 §5.9).
const FOREVER: &str = "t=0 0\r\n";
