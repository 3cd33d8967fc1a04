//! What a stream says about content: `accept-types`, `accept-wrapped-types` and `max-size` (RFC 4975 §8.6).

use super::super::accept::{MANDATORY_TYPES, entries, overlap};
use super::super::builder::parse_max_size;
use super::super::{MAX_MEDIA_RANGES, excerpt};
use super::stream::Stream;
use super::{Findings, rules};
use crate::wire::MediaRange;

impl Stream<'_, '_> {
    /// The entries of a list that can be read; `None` if there is no such attribute.
    pub(super) fn types(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Vec<MediaRange>> {
        let mut list: Option<Vec<MediaRange>> = None;
        for (line, value) in self.attributes(name) {
            let number = line.number;
            if list.is_some() {
                let text = format!("a second attribute {name}: both are one list");
                self.tell(findings, &rules::TYPES_SPLIT, number, text);
            }
            let list = list.get_or_insert_default();
            let read: Vec<_> = entries(value).map(MediaRange::parse).collect();
            let unreadable = read.iter().filter(|entry| entry.is_err()).count();
            if unreadable > 0 {
                let text = format!("attribute {name}: {unreadable} entries cannot be read");
                self.tell(findings, &rules::TYPES_ENTRY, number, text);
            }
            if value.starts_with([' ', '\t'])
                || value.ends_with([' ', '\t'])
                || value.contains("  ")
            {
                let text = format!("attribute {name} has more spaces than one between entries");
                self.tell(findings, &rules::TYPES_SPACES, number, text);
            }
            list.extend(read.into_iter().flatten());
            if list.len() > MAX_MEDIA_RANGES {
                let text = format!("attribute {name} has {} entries", list.len());
                self.tell(findings, &rules::TYPES_LIMIT, number, text);
                list.truncate(MAX_MEDIA_RANGES);
            }
        }
        list
    }

    pub(super) fn content(
        &self,
        accepted: Option<Vec<MediaRange>>,
        wrapped: Option<Vec<MediaRange>>,
        findings: &mut Findings,
    ) {
        let Some(accepted) = accepted else {
            let text = "attribute accept-types is missing";
            self.tell(findings, &rules::TYPES_MISSING, self.section.number, text);
            return;
        };
        let line = self.line_of("accept-types");
        if accepted.is_empty() {
            let text = "accept-types is empty: nothing can be sent to this side";
            self.tell(findings, &rules::TYPES_EMPTY, line, text);
        }
        let takes = |name: &&str| {
            let Ok(range) = MediaRange::parse(name) else {
                return false;
            };
            accepted.iter().any(|entry| overlap(entry, &range))
        };
        let absent: Vec<&str> = MANDATORY_TYPES
            .iter()
            .filter(|name| !takes(name))
            .copied()
            .collect();
        if !absent.is_empty() && !accepted.is_empty() {
            let text = format!("accept-types lacks {}", absent.join(", "));
            self.tell(findings, &rules::TYPES_MANDATORY, line, text);
        }
        let Some(wrapped) = wrapped else {
            return;
        };
        let line = self.line_of("accept-wrapped-types");
        if let Some(again) = wrapped.iter().find(|entry| accepted.contains(entry)) {
            let text = format!("{:?} is in accept-types, too", excerpt(again.as_str()));
            self.tell(findings, &rules::WRAPPED_AGAIN, line, text);
        }
        let holds_others = |entry: &MediaRange| {
            let text = entry.as_str().to_ascii_lowercase();
            text.starts_with("message/") || text.starts_with("multipart/") || text.starts_with('*')
        };
        if !wrapped.is_empty() && !accepted.iter().any(holds_others) {
            let text = "accept-types has no type that could hold these";
            self.tell(findings, &rules::WRAPPED_ALONE, line, text);
        }
    }

    pub(super) fn max_size(&self, findings: &mut Findings) {
        let mut first = None;
        for (line, value) in self.attributes("max-size") {
            let number = line.number;
            let Some(size) = parse_max_size(value) else {
                let text = "max-size is no number, and ignored";
                self.tell(findings, &rules::MAX_SIZE, number, text);
                continue;
            };
            if first.is_some() {
                let text = "a second max-size attribute";
                self.tell(findings, &rules::ATTRIBUTE_REPEATED, number, text);
                continue;
            }
            first = Some(size);
            if size == 0 {
                let text = "max-size is 0";
                self.tell(findings, &rules::MAX_SIZE_ZERO, number, text);
            }
        }
    }
}
