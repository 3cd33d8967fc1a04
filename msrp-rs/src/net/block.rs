//! Read buffers: blocks of 64 KiB that are borrowed when a socket is readable, so that an idle connection
//! holds none, and used again when nothing of them is referenced any more: memory that is new to the process
//! costs a page fault for each 4 KiB.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Length of a block.
pub(crate) const BLOCK_LEN: usize = 64 * 1024;
/// The smallest rest of a block that is worth another read: so at most four reads share one block.
const REST_LEN: usize = 16 * 1024;
/// Blocks with room that are kept for later.
const KEPT: usize = 16;
/// Full blocks that are remembered; what is beyond is freed by whoever has the last of it.
const REMEMBERED: usize = 16;
/// How many full blocks are looked at before a new one is made.
const LOOKS: usize = 4;

/// The blocks of an engine; at most 2 MiB of them have no other owner.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// With room.
    free: Vec<BytesMut>,
    /// Full, and somebody had octets of them; the oldest first.
    full: VecDeque<BytesMut>,
}

impl BlockPool {
    /// An empty block with room for at least a quarter of its length.
    pub(crate) fn borrow(&self) -> BytesMut {
        let mut blocks = self.blocks.lock();
        if let Some(mut block) = blocks.free.pop() {
            drop(blocks);
            // A rest grows back into a whole block when its other parts have gone meanwhile; else it is enough.
            let _ = block.try_reclaim(BLOCK_LEN);
            return block;
        }
        for _ in 0..LOOKS.min(blocks.full.len()) {
            let Some(mut block) = blocks.full.pop_front() else {
                break;
            };
            if block.try_reclaim(BLOCK_LEN) {
                return block;
            }
            // One that is held for long does not stand before the others.
            blocks.full.push_back(block);
        }
        drop(blocks);
        BytesMut::with_capacity(BLOCK_LEN)
    }

    /// Takes back what is left of a block whose octets were split off.
    pub(crate) fn give_back(&self, mut rest: BytesMut) {
        rest.clear();
        let has_room = rest.try_reclaim(BLOCK_LEN) || rest.capacity() >= REST_LEN;
        let mut blocks = self.blocks.lock();
        if !has_room {
            blocks.full.push_back(rest);
            if blocks.full.len() > REMEMBERED {
                blocks.full.pop_front();
            }
        } else if blocks.free.len() < KEPT {
            blocks.free.push(rest);
        }
    }
}

/// Splits what was read off a block.
pub(crate) fn split(block: &mut BytesMut) -> Bytes {
    block.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_when_its_octets_are_gone_and_at_most_four_reads_share_it() {
        let pool = BlockPool::default();
        let mut held = Vec::new();
        for _ in 0..8 {
            let mut block = pool.borrow();
            assert!(block.capacity() >= REST_LEN);
            block.extend_from_slice(&[7; REST_LEN]);
            held.push(split(&mut block));
            pool.give_back(block);
        }
        let starts: Vec<usize> = held.iter().map(|bytes| bytes.as_ptr() as usize).collect();
        for four in starts.chunks(4) {
            assert!(four.windows(2).all(|pair| pair[1] - pair[0] == REST_LEN));
        }
        drop(held);
        let mut block = pool.borrow();
        block.extend_from_slice(b"abc");
        let (start, octets) = (block.as_ptr() as usize, split(&mut block));
        drop(octets);
        pool.give_back(block);
        assert_eq!(pool.borrow().as_ptr() as usize, start);
    }

    /// A read that fills a block.
    fn fill(pool: &BlockPool) -> Bytes {
        let mut block = pool.borrow();
        block.resize(BLOCK_LEN, 7);
        let octets = split(&mut block);
        pool.give_back(block);
        octets
    }

    #[test]
    fn full_blocks_are_used_again_once_their_octets_are_gone() {
        let pool = BlockPool::default();
        // A stalled consumer keeps some; the others let go of theirs one read later.
        let stalled: Vec<Bytes> = (0..LOOKS - 1).map(|_| fill(&pool)).collect();
        let mut last = fill(&pool);
        let mut starts = vec![last.as_ptr()];
        for _ in 0..100 {
            let next = fill(&pool);
            assert!(stalled.iter().all(|held| held.as_ptr() != next.as_ptr()));
            if !starts.contains(&next.as_ptr()) {
                starts.push(next.as_ptr());
            }
            last = next;
        }
        drop(last);
        assert!(starts.len() <= LOOKS, "{} blocks were made", starts.len());
        assert!(stalled.iter().flatten().all(|&octet| octet == 7));
    }

    #[test]
    fn no_more_full_blocks_are_remembered_than_said() {
        let pool = BlockPool::default();
        let held: Vec<Bytes> = (0..4 * REMEMBERED).map(|_| fill(&pool)).collect();
        assert_eq!(pool.blocks.lock().full.len(), REMEMBERED);
        drop(held);
        for _ in 0..4 * REMEMBERED {
            drop(fill(&pool));
        }
        let blocks = pool.blocks.lock();
        assert!(blocks.full.len() <= REMEMBERED && blocks.free.len() <= KEPT);
    }
}
