//! What the process has in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counting what is in use.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Octets, but for the last two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) live: usize,
    pub(crate) rss: usize,
    descriptors: usize,
    threads: usize,
}

impl Use {
    pub(crate) fn now() -> Self {
        trim();
        let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
        Self {
            live: LIVE.load(Ordering::Relaxed),
            rss: 1024 * rss.unwrap_or(0),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

/// Gives pages back that the allocator keeps for later: they say how much was in use at most, not what is.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "in use {:>6} KiB, RSS {:>6} KiB, {} descriptors, {} threads",
            self.live / 1024,
            self.rss / 1024,
            self.descriptors,
            self.threads
        )
    }
}

/// What has grown from the first third to the last, as a text; `None` if nothing has.
pub(crate) fn growth(uses: &[Use]) -> Option<String> {
    let third = uses.len().div_ceil(3);
    let most = |uses: &[Use], of: fn(&Use) -> usize| uses.iter().map(of).max().unwrap_or(0);
    let least = |uses: &[Use], of: fn(&Use) -> usize| uses.iter().map(of).min().unwrap_or(0);
    let (first, last) = (&uses[..third], &uses[uses.len() - third..]);
    // Tables keep their size, the allocator keeps pages: so much may differ by chance.
    for (name, of, spare) in [
        (
            "memory in use",
            (|of| of.live) as fn(&Use) -> usize,
            1 << 20,
        ),
        ("RSS", |of| of.rss, 32 << 20),
        ("descriptors", |of| of.descriptors, 0),
        ("threads", |of| of.threads, 4),
    ] {
        let (before, after) = (most(first, of), least(last, of));
        if after > before + spare {
            return Some(format!("{name} grows: {before}, later {after}"));
        }
    }
    None
}
