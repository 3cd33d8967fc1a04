//! Read buffers: blocks of 64 KiB that are borrowed when a socket is readable, so that an idle connection
//! holds none, and taken back when nothing of them is referenced any more.

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Length of a block.
pub(crate) const BLOCK_LEN: usize = 64 * 1024;
/// The smallest rest of a block that is worth another read: so at most four reads share one block.
const REST_LEN: usize = 16 * 1024;
/// Blocks kept for later.
const KEPT: usize = 16;

/// Free blocks of an engine.
#[derive(Debug, Default)]
pub(crate) struct BlockPool {
    free: Mutex<Vec<BytesMut>>,
}

impl BlockPool {
    /// An empty block with room for at least a quarter of its length.
    pub(crate) fn borrow(&self) -> BytesMut {
        let free = self.free.lock().pop();
        let mut block = free.unwrap_or_else(|| BytesMut::with_capacity(BLOCK_LEN));
        // A rest grows back into a whole block when its other parts have gone meanwhile; else it is enough.
        let _ = block.try_reclaim(BLOCK_LEN);
        block
    }

    /// Takes back what is left of a block whose octets were split off: for later if they are gone, and if
    /// not, as long as there is room in the rest.
    pub(crate) fn give_back(&self, mut rest: BytesMut) {
        rest.clear();
        if rest.try_reclaim(BLOCK_LEN) || rest.capacity() >= REST_LEN {
            let mut free = self.free.lock();
            if free.len() < KEPT {
                free.push(rest);
            }
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
}
