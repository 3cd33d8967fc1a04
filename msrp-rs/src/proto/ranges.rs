//! Sets of octet positions, kept as sorted ranges that do not touch.
//!
//! Used for what was received of a message (RFC 4975 §7.3.1) and for what REPORTs confirmed (§7.1.3). Positions are
//! 0-based, ends exclusive. How many ranges there may be is bounded by the users.

use super::work::steps;

/// A set of positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    /// Adds `start..end`. Empty ranges are ignored.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        if let Some(last) = self.ranges.last_mut()
            && start >= last.0
            && start <= last.1
        {
            // The common case: octets in order.
            last.1 = last.1.max(end);
            return;
        }
        let first = self.ranges.partition_point(|&(_, e)| e < start);
        let after = self.ranges.partition_point(|&(s, _)| s <= end);
        steps(self.ranges.len() - first);
        if first == after {
            self.ranges.insert(first, (start, end));
        } else {
            let merged = (
                start.min(self.ranges[first].0),
                end.max(self.ranges[after - 1].1),
            );
            self.ranges.splice(first..after, [merged]);
        }
    }

    /// Whether every position below `end` is in the set.
    pub(super) fn covers(&self, end: u64) -> bool {
        end == 0 || matches!(self.ranges.first(), Some(&(0, e)) if e >= end)
    }

    /// How many separate ranges there are.
    pub(super) fn count(&self) -> usize {
        self.ranges.len()
    }

    /// Takes out everything from `end` on.
    pub(super) fn truncate(&mut self, end: u64) {
        self.ranges.retain(|&(s, _)| s < end);
        if let Some(last) = self.ranges.last_mut() {
            last.1 = last.1.min(end);
        }
    }

    /// What of the ranges lies in `start..end`, in order.
    pub(super) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.ranges.partition_point(|&(_, e)| e <= start);
        self.ranges[first..]
            .iter()
            .take_while(move |&&(s, _)| s < end)
            .map(move |&(s, e)| (s.max(start), e.min(end)))
    }

    /// The ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.ranges.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_positions(inserts in prop::collection::vec((0u64..60, 0u64..12), 0..40), cut in 0u64..80) {
            let mut set = RangeSet::default();
            let mut model = std::collections::BTreeSet::new();
            for (start, len) in inserts {
                set.insert(start, start + len);
                model.extend(start..start + len);
            }
            let positions: Vec<u64> = set.iter().flat_map(|(s, e)| s..e).collect();
            prop_assert_eq!(&positions, &model.iter().copied().collect::<Vec<_>>());
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|w| w[0].1 < w[1].0));
            for end in 0..80 {
                prop_assert_eq!(set.covers(end), (0..end).all(|p| model.contains(&p)));
            }
            set.truncate(cut);
            prop_assert_eq!(
                set.iter().flat_map(|(s, e)| s..e).collect::<Vec<_>>(),
                model.iter().copied().filter(|p| *p < cut).collect::<Vec<_>>()
            );
        }
    }
}
