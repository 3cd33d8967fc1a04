//! One incoming message: its octets put together from chunks, in any order (RFC 4975 §7.3.1).
//!
//! Octets in order are handed on at once. Octets ahead of a gap are kept until it is filled; the session bounds
//! them. Where a range comes twice the later octets win: among kept ones silently, for octets already handed on as
//! a replacement that the consumer may apply.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::ranges::RangeSet;
use super::work::steps;
use super::{MessageHead, MessageKey};
use crate::mutant::{self, Mutant};

/// A message that is not complete yet.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) key: MessageKey,
    pub(super) head: Arc<MessageHead>,
    /// Of the request, for REPORTs.
    pub(super) from_path: Bytes,
    /// Octets of its first chunk's header section.
    pub(super) header_len: usize,
    /// Whether any chunk asked for a success REPORT.
    pub(super) success_report: bool,
    /// Whether the consumer was told of it.
    pub(super) begun: bool,
    /// What came.
    received: RangeSet,
    /// What came in chunks that asked for a success REPORT (a breach of §7.1.1 if not all do).
    pub(super) confirmable: RangeSet,
    /// Fixed by the chunk with `$`.
    length: Option<u64>,
    /// Octets handed on.
    position: u64,
    /// Octets ahead of `position`, by their offset; they do not overlap.
    ahead: BTreeMap<u64, BytesMut>,
    ahead_len: usize,
    /// When the last octets came, as the time of `Transactions::elapsed`.
    pub(super) last_chunk: Duration,
}

impl Incoming {
    pub(super) fn new(
        key: MessageKey,
        head: Arc<MessageHead>,
        from_path: Bytes,
        header_len: usize,
        now: Duration,
    ) -> Self {
        Self {
            key,
            head,
            from_path,
            header_len,
            success_report: false,
            begun: false,
            received: RangeSet::default(),
            confirmable: RangeSet::default(),
            length: None,
            position: 0,
            ahead: BTreeMap::new(),
            ahead_len: 0,
            last_chunk: now,
        }
    }

    /// The length, once the chunk with `$` came.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether nothing of it came yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.position == 0
            && self.length.is_none()
            && self.ahead.is_empty()
            && self.received.count() == 0
            && !self.begun
    }

    /// Whether it would be longer than `end` for the consumer already, and its length is not fixed.
    pub(super) fn reaches_beyond(&self, end: u64) -> bool {
        self.length.is_none() && self.position > end
    }

    /// Where the last of the octets that came in ended chunks ends.
    pub(super) fn received_end(&self) -> u64 {
        self.received.iter().last().map_or(0, |(_, end)| end)
    }

    /// Octets kept ahead of a gap.
    pub(super) fn ahead_len(&self) -> usize {
        self.ahead_len
    }

    /// Whether what is kept of it is in more pieces than so many gaps explain.
    pub(super) fn is_scattered(&self, gaps: usize) -> bool {
        self.received.count() > gaps
            || self.confirmable.count() > gaps
            || self.ahead.len() > gaps.saturating_add(self.ahead_len / KEPT_PIECE)
    }

    /// Whether octets at `offset` would have to be kept.
    pub(super) fn is_ahead(&self, offset: u64) -> bool {
        offset > self.position
    }

    /// Takes octets at `offset`, which the caller checked against `length`, and hands on what is now in order:
    /// `deliver(offset, octets)`.
    pub(super) fn place(
        &mut self,
        offset: u64,
        mut data: Bytes,
        mut deliver: impl FnMut(u64, Bytes),
    ) {
        if data.is_empty() {
            return;
        }
        if offset < self.position {
            let again = usize::try_from(self.position - offset)
                .unwrap_or(usize::MAX)
                .min(data.len());
            let again = data.split_to(again);
            if !mutant::on(Mutant::FirstOctetsWin) {
                deliver(offset, again);
            }
            if data.is_empty() {
                return;
            }
            self.place(self.position, data, deliver);
        } else if offset == self.position {
            self.position += data.len() as u64;
            deliver(offset, data);
            self.drop_ahead(offset, self.position);
            while let Some(next) = self.ahead.first_entry() {
                steps(1);
                if *next.key() != self.position {
                    break;
                }
                let data = next.remove();
                self.ahead_len -= data.len();
                let offset = self.position;
                self.position += data.len() as u64;
                deliver(offset, data.freeze());
            }
        } else {
            self.keep(offset, &data);
        }
    }

    /// Keeps octets that are ahead of a gap. Copies: a slice would hold its whole input block for as long as the gap
    /// lasts. They may come in any pieces, so what follows a kept piece is joined to it.
    fn keep(&mut self, mut offset: u64, mut octets: &[u8]) {
        self.drop_ahead(offset, offset + octets.len() as u64);
        self.ahead_len += octets.len();
        while !octets.is_empty() {
            steps(1);
            let before = self.ahead.range_mut(..offset).next_back();
            let len = match before {
                Some((start, piece))
                    if start + piece.len() as u64 == offset && piece.len() < KEPT_PIECE =>
                {
                    let len = octets.len().min(KEPT_PIECE - piece.len());
                    piece.extend_from_slice(&octets[..len]);
                    len
                }
                _ => {
                    let len = octets.len().min(KEPT_PIECE);
                    self.ahead.insert(offset, BytesMut::from(&octets[..len]));
                    len
                }
            };
            octets = &octets[len..];
            offset += len as u64;
        }
    }

    /// A chunk of `start..end` ended.
    pub(super) fn chunk_done(&mut self, start: u64, end: u64, confirmable: bool, now: Duration) {
        self.last_chunk = now;
        self.received.insert(start, end);
        if confirmable {
            self.confirmable.insert(start, end);
        }
    }

    /// The chunk with `$` ended at `end`: that is the length. Octets beyond it were never part of the message.
    pub(super) fn fix_length(&mut self, end: u64) {
        if self.length.is_some() {
            return;
        }
        self.length = Some(end);
        self.drop_ahead(end, u64::MAX);
        self.received.truncate(end);
        self.confirmable.truncate(end);
    }

    /// Whether every octet is here.
    pub(super) fn is_complete(&self) -> bool {
        self.length.is_some_and(|length| {
            (self.position >= length && self.received.covers(length))
                || mutant::on(Mutant::GapsIgnored)
        })
    }

    /// Cuts `start..end` out of what is kept ahead.
    fn drop_ahead(&mut self, start: u64, end: u64) {
        let mut cut = Vec::new();
        for (&offset, data) in self.ahead.range(..end).rev() {
            steps(1);
            if offset + data.len() as u64 <= start {
                break;
            }
            cut.push(offset);
        }
        for offset in cut {
            let Some(mut data) = self.ahead.remove(&offset) else {
                continue;
            };
            self.ahead_len -= data.len();
            let data_end = offset + data.len() as u64;
            if data_end > end {
                let cut = usize::try_from(end - offset).expect("inside the piece");
                let tail = BytesMut::from(&data[cut..]);
                self.ahead_len += tail.len();
                self.ahead.insert(end, tail);
            }
            if offset < start {
                data.truncate(usize::try_from(start - offset).expect("inside the piece"));
                self.ahead_len += data.len();
                if data.len() < data.capacity() / 2 {
                    data = BytesMut::from(&data[..]);
                }
                self.ahead.insert(offset, data);
            }
        }
    }
}

/// Longest piece that is kept ahead of a gap. Short in unit tests, so that small messages are in many pieces.
const KEPT_PIECE: usize = if cfg!(test) { 8 } else { 16 * 1024 };

#[cfg(test)]
mod tests {
    use msrp_conformance::covers;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::{FailureReport, MessageId};

    fn incoming() -> Incoming {
        let head = MessageHead {
            message_id: MessageId::new("abcd").expect("an ident"),
            content_type: "text/plain".into(),
            headers: Vec::new(),
            total: None,
            success_report: false,
            failure_report: FailureReport::Yes,
        };
        Incoming::new(
            MessageKey(1),
            Arc::new(head),
            Bytes::new(),
            0,
            Duration::ZERO,
        )
    }

    #[test]
    fn octets_that_come_one_by_one_are_kept_together() {
        let many = if cfg!(miri) { 200 } else { 1000 };
        let mut incoming = incoming();
        for n in 0..many {
            incoming.place(
                10 + n as u64,
                Bytes::from_static(b"x"),
                |_, _| unreachable!(),
            );
        }
        assert_eq!(
            (incoming.ahead.len(), incoming.ahead_len),
            (many / KEPT_PIECE, many)
        );
        let room: usize = incoming.ahead.values().map(BytesMut::capacity).sum();
        assert!(room <= 2 * many, "{room}");
        // What is left of pieces that were cut holds no more than its octets, or twice as many.
        for n in (0..many as u64).filter(|n| n % KEPT_PIECE as u64 != 0) {
            incoming.drop_ahead(10 + n, 10 + n + 1);
        }
        let room: usize = incoming.ahead.values().map(BytesMut::capacity).sum();
        assert_eq!(incoming.ahead_len, many / KEPT_PIECE);
        assert!(room <= 2 * incoming.ahead_len, "{room}");
        assert!(!incoming.is_scattered(many / KEPT_PIECE) && incoming.is_scattered(many / 10));
        covers!("T-63");
    }

    proptest! {
        #[test]
        fn rfc4975_7_3_1_last_octets_win_in_any_order(
            chunks in prop::collection::vec((0u64..50, 1usize..20), 1..30),
            length in 1u64..60,
        ) {
            let mut incoming = incoming();
            let mut model: Vec<Option<u8>> = vec![None; 80];
            let mut content: Vec<Option<u8>> = vec![None; 80];
            let mut chunks = chunks;
            // Fill every gap at the end, so that the message becomes complete.
            chunks.extend((0..length).step_by(7).map(|start| (start, 7)));
            incoming.fix_length(length);
            for (nth, (start, len)) in chunks.into_iter().enumerate() {
                let end = (start + len as u64).min(length);
                if start >= end { continue }
                let data = Bytes::from(vec![nth as u8; (end - start) as usize]);
                for p in start..end { model[p as usize] = Some(nth as u8); }
                incoming.place(start, data, |offset, data| {
                    for (i, octet) in data.iter().enumerate() { content[offset as usize + i] = Some(*octet); }
                });
                incoming.chunk_done(start, end, true, Duration::ZERO);
                prop_assert_eq!(incoming.ahead_len, incoming.ahead.values().map(BytesMut::len).sum::<usize>());
            }
            prop_assert!(incoming.is_complete());
            prop_assert_eq!(incoming.ahead_len(), 0);
            prop_assert_eq!(&content[..length as usize], &model[..length as usize]);
            prop_assert_eq!(&content[length as usize..], &vec![None; 80 - length as usize][..]);
            covers!("C-151", "C-153");
        }
    }
}
