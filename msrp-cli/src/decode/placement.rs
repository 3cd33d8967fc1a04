//! The octets of a message, placed where their Byte-Range says (RFC 4975 §7.3.1), in bounded memory.
//!
//! Octets are stored one after the other as they come, in memory while they are few, else in a temporary file; a map
//! says which range of the message each stored run holds. So a hole costs nothing, however large, and a range that is
//! sent again replaces the earlier one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// The placed octets of one message, and the chunk being read, which counts only once it has ended.
#[derive(Debug, Default)]
pub(super) struct Placement {
    store: Store,
    /// Start in the message -> run. Runs do not overlap.
    runs: BTreeMap<u64, Run>,
    /// Octets in all runs.
    covered: u64,
    /// The chunk under way: its start in the message, and its run.
    chunk: Option<(u64, Run)>,
}

/// Octets that follow each other in the message and in the store.
#[derive(Debug, Clone, Copy)]
struct Run {
    len: u64,
    /// Where in the store.
    at: u64,
}

impl Placement {
    /// A chunk begins at `offset`, counted from 0.
    pub(super) fn begin(&mut self, offset: u64) {
        let at = self.store.len();
        self.chunk = Some((offset, Run { len: 0, at }));
    }

    /// The next octets of the chunk; `memory` says whether they may be held in memory.
    pub(super) fn push(&mut self, data: &[u8], memory: bool) -> io::Result<()> {
        if let Some((_, run)) = &mut self.chunk {
            self.store.append(data, memory)?;
            run.len += data.len() as u64;
        }
        Ok(())
    }

    /// The chunk has ended: it counts, and replaces what stood in its place. Gives the place after it.
    pub(super) fn commit(&mut self) -> u64 {
        let Some((start, run)) = self.chunk.take() else {
            return 0;
        };
        let end = start + run.len;
        if run.len > 0 {
            self.clear(start, end);
            self.insert(start, run);
        }
        end
    }

    /// The chunk is not valid: as if it had not come.
    pub(super) fn roll_back(&mut self) -> io::Result<()> {
        match self.chunk.take() {
            Some((_, run)) => self.store.truncate(run.at),
            None => Ok(()),
        }
    }

    /// As [`roll_back`](Self::roll_back), when no further chunk comes.
    pub(super) fn forget(&mut self) {
        self.chunk = None;
    }

    /// Octets of the message that are here.
    pub(super) fn len(&self) -> u64 {
        self.covered
    }

    /// Whether nothing is missing before the octets that are farthest from the start.
    pub(super) fn is_gapless(&self) -> bool {
        let last = self.runs.last_key_value();
        last.is_none_or(|(start, run)| start + run.len == self.covered)
    }

    /// Octets held in memory.
    pub(super) fn memory(&self) -> usize {
        match &self.store {
            Store::Memory(octets) => octets.len(),
            Store::File { .. } => 0,
        }
    }

    /// Gives the octets that are here, in their order.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        for run in self.runs.values() {
            self.store.read(run.at, run.len, &mut each)?;
        }
        Ok(())
    }

    /// Takes what stands in `start..end` out of the map.
    fn clear(&mut self, start: u64, end: u64) {
        let reaching = self.runs.range(..start).next_back();
        let reaching = reaching.filter(|(at, run)| *at + run.len > start);
        let first = reaching.map_or(start, |(at, _)| *at);
        let touched: Vec<u64> = self.runs.range(first..end).map(|(at, _)| *at).collect();
        for at in touched {
            let Some(run) = self.runs.remove(&at) else {
                continue;
            };
            self.covered -= run.len;
            if at < start {
                self.put(
                    at,
                    Run {
                        len: start - at,
                        ..run
                    },
                );
            }
            if at + run.len > end {
                self.put(end, run.after(end - at));
            }
        }
    }

    /// Puts a run into a free place, as part of the one before if it follows that in the store, too.
    fn insert(&mut self, start: u64, run: Run) {
        let before = self.runs.range_mut(..start).next_back();
        match before {
            Some((at, last)) if at + last.len == start && last.at + last.len == run.at => {
                last.len += run.len;
                self.covered += run.len;
            }
            _ => self.put(start, run),
        }
    }

    fn put(&mut self, start: u64, run: Run) {
        self.covered += run.len;
        self.runs.insert(start, run);
    }
}

impl Run {
    /// Without its first `len` octets.
    fn after(self, len: u64) -> Self {
        Self {
            len: self.len - len,
            at: self.at + len,
        }
    }
}

/// Octets one after the other.
#[derive(Debug)]
enum Store {
    Memory(Vec<u8>),
    File { file: File, len: u64 },
}

impl Default for Store {
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

impl Store {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(octets) => octets.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    fn append(&mut self, data: &[u8], memory: bool) -> io::Result<()> {
        if let Self::Memory(octets) = self {
            if memory && octets.len() + data.len() <= MEMORY_LEN {
                octets.extend_from_slice(data);
                return Ok(());
            }
            let mut file = temporary_file()?;
            file.write_all(octets)?;
            let len = octets.len() as u64;
            *self = Self::File { file, len };
        }
        if let Self::File { file, len } = self {
            file.seek(SeekFrom::Start(*len))?;
            file.write_all(data)?;
            *len += data.len() as u64;
        }
        Ok(())
    }

    fn truncate(&mut self, to: u64) -> io::Result<()> {
        match self {
            Self::Memory(octets) => octets.truncate(to as usize),
            Self::File { file, len } => {
                file.set_len(to)?;
                *len = to;
            }
        }
        Ok(())
    }

    fn read(&mut self, at: u64, len: u64, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
        match self {
            Self::Memory(octets) => {
                // A store in memory is shorter than `MEMORY_LEN`.
                each(&octets[at as usize..(at + len) as usize]);
                Ok(())
            }
            Self::File { file, .. } => {
                file.seek(SeekFrom::Start(at))?;
                let mut rest = file.take(len);
                let mut block = vec![0; READ_LEN];
                loop {
                    match rest.read(&mut block)? {
                        0 => return Ok(()),
                        len => each(&block[..len]),
                    }
                }
            }
        }
    }
}

/// A new file that nobody else can open by its name, and that is gone with us.
fn temporary_file() -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("msrp-decode-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => {
                // Where open files cannot be removed it stays behind: better than no answer.
                let _ = fs::remove_file(&path);
                return Ok(file);
            }
            // Left behind by a process that had our number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Octets of one message that are held in memory, at most.
const MEMORY_LEN: usize = 1024 * 1024;
/// Octets read from a file at once.
const READ_LEN: usize = 64 * 1024;
