//! The incremental frame parser: an octet stream in, heads, body slices and end-lines out (RFC 4975
//! §5.1, §7.1, §9).
//!
//! Framing depends on the octets alone, never on how the transport cuts them. Each octet is searched
//! once; what a block cannot decide is carried as a few counters, or, for a header section that
//! straddles blocks, as a bounded copy. Body octets are slices of the blocks pushed.
//!
//! What a frame means is decided in `proto`; so is what follows from a [`Fault`](super::Fault) inside
//! a sound frame. A [`ParseError`] is the end of the stream.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::end_line::{Continuation, EndLineMatcher, HYPHENS, MAX_END_LINE_LEN, parse_end_line};
use super::head::{Head, HeadBuilder, PROTOCOL};
use super::work::examined;
use crate::error::Error;
use crate::mutant::{self, Mutant};

/// Bounds on what a peer can make the parser hold (RFC 4975 §14.5). Beyond one of them the stream
/// ends with a [`ParseError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserLimits {
    /// Octets of a start line, without its CRLF. Default 1 KiB.
    pub start_line: usize,
    /// Octets of a header line, without its CRLF. Default 8 KiB.
    pub header_line: usize,
    /// Octets of all header lines of a frame, each with its CRLF. Default 16 KiB.
    pub header_section: usize,
    /// Header lines of a frame. Default 64.
    pub headers: usize,
    /// URIs of one path. Default 64.
    pub path_uris: usize,
    /// Octets of the body of anything but a SEND request. Default 10 KiB, the RFC's own bound for
    /// requests (§7.1).
    pub non_send_body: u64,
}

impl Default for ParserLimits {
    fn default() -> Self {
        Self {
            start_line: 1024,
            header_line: 8 * 1024,
            header_section: 16 * 1024,
            headers: 64,
            path_uris: 64,
            non_send_body: 10 * 1024,
        }
    }
}

/// A piece of a frame. Each frame gives one `Head`, any number of `Body`, one `End`.
#[derive(Clone)]
pub enum Frame {
    /// The header section is over.
    Head(Head),
    /// The next octets of the body; never empty. A slice of a pushed block, or a copy of at most 75
    /// octets that had to be held back.
    Body(Bytes),
    /// The end-line.
    End(Continuation),
}

impl fmt::Debug for Frame {
    /// Shows the length of a body, not its octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head) => head.fmt(f),
            Self::Body(body) => write!(f, "Body({} octets)", body.len()),
            Self::End(flag) => write!(f, "End({flag:?})"),
        }
    }
}

/// The stream cannot be read on: the framing is broken, or a bound was exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at octet {offset}")]
pub struct ParseError {
    /// 0-based place in the stream of the octet that does not fit.
    pub offset: u64,
    /// 0-based place in the stream where the frame that holds it starts; between frames, where one
    /// should have started.
    pub frame_offset: u64,
    /// What was expected there.
    pub reason: Cow<'static, str>,
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::protocol(error.offset, error.to_string())
    }
}

/// Parses one direction of one connection.
///
/// ```
/// use bytes::Bytes;
/// use msrp::wire::{Frame, Parser, ParserLimits};
///
/// let mut parser = Parser::new(ParserLimits::default());
/// parser.push(Bytes::from_static(
///     b"MSRP a1b2c3d4 200 OK\r\nTo-Path: msrp://a.example:1/s;tcp\r\n\
///       From-Path: msrp://b.example:2/t;tcp\r\n-------a1b2c3d4$\r\n",
/// ));
/// while let Some(frame) = parser.next()? {
///     if let Frame::Head(head) = frame {
///         assert_eq!(head.transaction_id().as_str(), "a1b2c3d4");
///     }
/// }
/// parser.finish()?;
/// # Ok::<(), msrp::wire::ParseError>(())
/// ```
pub struct Parser {
    limits: ParserLimits,
    /// Blocks after the current one.
    blocks: VecDeque<Bytes>,
    /// The block being read; let go as soon as it is read.
    block: Bytes,
    /// The next octet of `block`.
    pos: usize,
    /// Place in the stream of the first octet of `block`.
    block_offset: u64,
    state: State,
    /// The frame being read; while `state` is in its head, also how far that got.
    section: Section,
    end_line: EndLineMatcher,
    /// Parsed and not yet taken.
    ready: VecDeque<Frame>,
    failure: Option<ParseError>,
}

impl fmt::Debug for Parser {
    /// Without the octets that wait: they are the peer's (RFC 4975 §14.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser")
            .field("limits", &self.limits)
            .field("ready", &self.ready.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

enum State {
    /// Between frames: CRLFs seen since the last one, and whether a CR waits for its LF.
    Between {
        crlfs: usize,
        cr: bool,
    },
    StartLine,
    Headers(HeadBuilder),
    Body {
        /// Place in the stream of its first octet.
        start: u64,
        /// Octets that it may still have.
        left: u64,
    },
}

/// Bare CRLFs between two frames that are skipped; more are a fault.
const MAX_CRLFS_BETWEEN: usize = 16;

const BETWEEN: State = State::Between {
    crlfs: 0,
    cr: false,
};

impl Parser {
    /// A parser at the start of a stream.
    pub fn new(limits: ParserLimits) -> Self {
        Self {
            limits,
            blocks: VecDeque::new(),
            block: Bytes::new(),
            pos: 0,
            block_offset: 0,
            state: BETWEEN,
            section: Section::new(0, 0),
            end_line: EndLineMatcher::new(),
            ready: VecDeque::new(),
            failure: None,
        }
    }

    /// Gives the parser the next octets of the stream. They are held until [`Self::next`] has read
    /// them; slices of them go out as bodies. After a [`ParseError`] they are dropped.
    pub fn push(&mut self, block: Bytes) {
        if !block.is_empty() && self.failure.is_none() {
            self.blocks.push_back(block);
        }
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
        self.ready.shrink_to_fit();
    }

    /// Whether it stands as one at the start of a stream does: between two frames, with nothing read ahead.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(
            self.state,
            State::Between {
                crlfs: 0,
                cr: false
            }
        ) && self.failure.is_none()
            && !self.has_pending()
    }

    /// Goes on in another stream, at this offset. Only a fresh one may.
    pub(crate) fn resume(&mut self, offset: u64) {
        debug_assert!(self.is_fresh());
        self.block = Bytes::new();
        self.pos = 0;
        self.block_offset = offset;
    }

    /// The next piece of a frame, or `None` if more octets are needed first.
    ///
    /// # Errors
    /// A [`ParseError`] after everything that came before it; then the same one at every call.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and goes on after None"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, ParseError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            if let Some(error) = &self.failure {
                return Err(error.clone());
            }
            if !self.has_octets() {
                return Ok(None);
            }
            if let Err(error) = self.step() {
                self.fail(error);
            }
        }
    }

    /// Says whether the stream may end here. To be called when [`Self::next`] has given `None`.
    ///
    /// # Errors
    /// A [`ParseError`] if the stream ends inside a frame, or if [`Self::next`] gave one.
    pub fn finish(&self) -> Result<(), ParseError> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let frame_offset = self.section.frame_offset;
        let (frame_offset, reason) = match self.state {
            State::Between { cr: false, .. } => return Ok(()),
            State::Between { cr: true, .. } => (self.offset() - 1, "expected LF after CR"),
            State::StartLine => (frame_offset, "expected a start line"),
            State::Headers(_) => (frame_offset, "expected a header section"),
            State::Body { .. } => (frame_offset, "expected an end-line"),
        };
        Err(ParseError {
            offset: self.offset(),
            frame_offset,
            reason: format!("{reason}, not the end of the stream,").into(),
        })
    }

    /// Whether a frame is under way, or octets or frames wait to be taken by [`Self::next`].
    pub fn has_pending(&self) -> bool {
        !matches!(self.state, State::Between { cr: false, .. })
            || !self.ready.is_empty()
            || !self.blocks.is_empty()
            || self.pos < self.block.len()
    }

    /// Octets of the stream read so far.
    pub fn offset(&self) -> u64 {
        self.block_offset + self.pos as u64
    }

    /// Makes `block` the next one with unread octets, if there is one.
    fn has_octets(&mut self) -> bool {
        if self.pos == self.block.len() {
            if matches!(self.state, State::StartLine | State::Headers(_)) {
                self.section.keep(&self.block);
            }
            self.block_offset += self.pos as u64;
            self.pos = 0;
            self.block = self.blocks.pop_front().unwrap_or_default();
        }
        self.pos < self.block.len()
    }

    /// Reads on in the current block, which has unread octets.
    fn step(&mut self) -> Result<(), ParseError> {
        if let State::Between { .. } = self.state {
            return self.between();
        }
        if let State::Body { .. } = self.state {
            return self.body();
        }
        // Line by line, until the head or the block is over.
        while matches!(self.state, State::StartLine | State::Headers(_)) {
            let section = &mut self.section;
            match section.next_line(&self.block, &mut self.pos, &self.limits)? {
                None => break,
                Some(line) if section.is_start_line() => self.start_line(line)?,
                Some(line) => self.header_line(line)?,
            }
        }
        Ok(())
    }

    fn between(&mut self) -> Result<(), ParseError> {
        let State::Between { crlfs, cr } = &mut self.state else {
            return Ok(());
        };
        let octet = self.block[self.pos];
        let offset = self.block_offset + self.pos as u64;
        let error = |frame_offset, reason| ParseError {
            offset,
            frame_offset,
            reason: Cow::Borrowed(reason),
        };
        match octet {
            b'\n' if *cr => {
                *cr = false;
                *crlfs += 1;
            }
            _ if *cr => return Err(error(offset - 1, "expected LF after CR")),
            b'\r' if *crlfs == MAX_CRLFS_BETWEEN && !mutant::on(Mutant::EmptyLinesUnbounded) => {
                return Err(error(
                    offset,
                    "expected a start line, after 16 empty lines,",
                ));
            }
            b'\r' => *cr = true,
            _ => {
                self.section = Section::new(offset, self.pos);
                self.state = State::StartLine;
                return Ok(());
            }
        }
        self.pos += 1;
        examined(1);
        Ok(())
    }

    fn start_line(&mut self, line: Range<usize>) -> Result<(), ParseError> {
        let section = &mut self.section;
        let text = &section.octets(&self.block)[line];
        let builder = HeadBuilder::new(text, section.frame_offset, self.limits.path_uris)
            .map_err(|(at, reason)| section.error(at, reason))?;
        section.headers = section.scanned;
        section.line = section.scanned;
        self.state = State::Headers(builder);
        Ok(())
    }

    /// Takes a line of the header section: a header, the empty line, or the end-line.
    fn header_line(&mut self, line: Range<usize>) -> Result<(), ParseError> {
        let State::Headers(builder) = &mut self.state else {
            return Ok(());
        };
        let section = &mut self.section;
        let octets = section.octets(&self.block);
        let text = &octets[line.clone()];
        if text.is_empty() {
            self.end_head(None);
        } else if text.starts_with(HYPHENS) {
            // No header name starts with a hyphen, so this can be nothing else.
            let flag = parse_end_line(text, builder.transaction_id()).map_err(|at| {
                section.error(line.start + at, "expected the end-line of this frame")
            })?;
            self.end_head(Some(flag));
        } else {
            let section_end = section.end(&self.limits);
            if section.scanned > section_end {
                return Err(section.error(section_end, SECTION_TOO_LONG));
            }
            if builder.line_count() == self.limits.headers && !mutant::on(Mutant::HeadersUnbounded)
            {
                return Err(section.error(line.start, "expected no more headers"));
            }
            builder
                .header_line(octets, line)
                .map_err(|at| section.error(at, "expected no more URIs in the path"))?;
            section.line = section.scanned;
        }
        Ok(())
    }

    /// The header section is over: with an end-line if there is a flag, else with an empty line.
    fn end_head(&mut self, flag: Option<Continuation>) {
        let State::Headers(builder) = std::mem::replace(&mut self.state, BETWEEN) else {
            return;
        };
        if flag.is_none() {
            self.end_line.begin(builder.transaction_id());
            self.state = State::Body {
                start: self.offset(),
                left: if builder.is_send() {
                    u64::MAX
                } else {
                    self.limits.non_send_body
                },
            };
        }
        let octets = self.section.take_octets(&self.block);
        let head = builder.finish(octets, flag.is_none());
        self.ready.push_back(Frame::Head(head));
        self.ready.extend(flag.map(Frame::End));
    }

    fn body(&mut self) -> Result<(), ParseError> {
        let scan = self.end_line.scan(&self.block, self.pos);
        self.pos = scan.next;
        self.body_octets(scan.released)?;
        if !scan.body.is_empty() {
            self.body_octets(self.block.slice(scan.body))?;
        }
        if let Some(flag) = scan.end {
            self.ready.push_back(Frame::End(flag));
            self.state = BETWEEN;
        }
        Ok(())
    }

    /// Gives out octets of a body, up to its bound.
    fn body_octets(&mut self, mut octets: Bytes) -> Result<(), ParseError> {
        let State::Body { start, left } = &mut self.state else {
            return Ok(());
        };
        let mut error = None;
        if octets.len() as u64 > *left {
            octets.truncate(*left as usize);
            error = Some(ParseError {
                offset: *start + self.limits.non_send_body,
                frame_offset: self.section.frame_offset,
                reason: "expected the end of a body that is not of a SEND".into(),
            });
        }
        *left -= octets.len() as u64;
        if !octets.is_empty() {
            self.ready.push_back(Frame::Body(octets));
        }
        error.map_or(Ok(()), Err)
    }

    /// Ends the stream and lets go of all that is held.
    fn fail(&mut self, error: ParseError) {
        self.failure = Some(error);
        self.state = BETWEEN;
        self.blocks.clear();
        self.block_offset += self.pos as u64;
        self.pos = 0;
        self.block = Bytes::new();
    }
}

/// A frame whose head is arriving. Places are relative to the frame's first octet.
struct Section {
    /// Place in the stream of the frame's first octet.
    frame_offset: u64,
    /// Where the frame starts in the current block, as long as `carry` is empty.
    start: usize,
    /// The octets so far, once they straddle blocks: a copy, at most the bounds and an end-line.
    carry: BytesMut,
    /// Octets searched for LF.
    scanned: usize,
    /// Where the current line starts.
    line: usize,
    /// Where the header lines start; 0 in the start line.
    headers: usize,
}

const SECTION_TOO_LONG: &str = "expected the end of the header section";

impl Section {
    fn new(frame_offset: u64, start: usize) -> Self {
        Self {
            frame_offset,
            start,
            carry: BytesMut::new(),
            scanned: 0,
            line: 0,
            headers: 0,
        }
    }

    /// Searches the unread octets of `block` for the end of the current line. Gives the line without
    /// its CRLF, or `None` if the block ended first.
    fn next_line(
        &mut self,
        block: &Bytes,
        pos: &mut usize,
        limits: &ParserLimits,
    ) -> Result<Option<Range<usize>>, ParseError> {
        let mut unread = &block[*pos..];
        self.check_protocol(unread)?;

        let (max, expected) = match self.headers {
            0 => (limits.start_line, "expected the end of the start line"),
            _ => (limits.header_line, "expected the end of the header line"),
        };
        let line_end = self.line.saturating_add(max);
        let section_end = self.end(limits);
        // The search ends where the LF must be at last, so that what is found does not depend on how
        // the octets were cut. After the last header line an end-line has to fit.
        let line_window = line_end.saturating_add(2);
        let section_window = section_end.saturating_add(MAX_END_LINE_LEN);
        let window = line_window.min(section_window);

        unread = &unread[..unread.len().min(window - self.scanned)];
        let lf = memchr(b'\n', unread);
        let len = lf.map_or(unread.len(), |at| at + 1);
        examined(len);
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(&unread[..len]);
        }
        *pos += len;
        self.scanned += len;

        if lf.is_none() {
            return match self.scanned == window {
                false => Ok(None),
                true if window == line_window => Err(self.error(line_end, expected)),
                true => Err(self.error(section_end, SECTION_TOO_LONG)),
            };
        }
        let lf = self.scanned - 1;
        if lf == self.line
            || (self.octets(block)[lf - 1] != b'\r' && !mutant::on(Mutant::BareLineFeed))
        {
            return Err(self.error(lf, "expected CR before LF"));
        }
        Ok(Some(self.line..lf - 1))
    }

    fn is_start_line(&self) -> bool {
        self.headers == 0
    }

    /// Checks the first octets of the frame as they come, so that junk is seen at its first octet.
    fn check_protocol(&self, unread: &[u8]) -> Result<(), ParseError> {
        let expected = PROTOCOL.get(self.scanned..).unwrap_or_default();
        let differ = |a: &u8, b: &u8| {
            a != b && !(mutant::on(Mutant::ProtocolCase) && a.eq_ignore_ascii_case(b))
        };
        match expected.iter().zip(unread).position(|(a, b)| differ(a, b)) {
            Some(at) => Err(self.error(self.scanned + at, "expected a start line with \"MSRP \"")),
            None => Ok(()),
        }
    }

    /// The first octet beyond the header section.
    fn end(&self, limits: &ParserLimits) -> usize {
        match self.headers {
            0 => usize::MAX,
            start => start.saturating_add(limits.header_section),
        }
    }

    /// Copies the octets so far out of `block`, which is about to go.
    fn keep(&mut self, block: &[u8]) {
        if self.carry.is_empty() {
            self.carry.extend_from_slice(&block[self.start..]);
        }
    }

    /// The octets so far.
    fn octets<'a>(&'a self, block: &'a [u8]) -> &'a [u8] {
        if self.carry.is_empty() {
            &block[self.start..self.start + self.scanned]
        } else {
            &self.carry
        }
    }

    /// The octets before the current line; nothing is left of the section.
    fn take_octets(&mut self, block: &Bytes) -> Bytes {
        if self.carry.is_empty() {
            block.slice(self.start..self.start + self.line)
        } else {
            std::mem::take(&mut self.carry).freeze().slice(..self.line)
        }
    }

    fn error(&self, at: usize, reason: &'static str) -> ParseError {
        ParseError {
            offset: self.frame_offset + at as u64,
            frame_offset: self.frame_offset,
            reason: Cow::Borrowed(reason),
        }
    }
}

#[cfg(test)]
#[path = "parser_tests/mod.rs"]
mod tests;
