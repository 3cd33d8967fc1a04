//! The files of a trace: pcapng, cut by length. Only the owner may read them, nothing that is there is written over,
//! and no link is followed.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::proto::Direction;

/// What a packet takes in the file beside its octets, comments not counted.
const BLOCK: u64 = 64;

/// The files of one trace: `path` is written, `path.1` the one before it, and so on.
pub(super) struct Files {
    path: PathBuf,
    max_bytes: u64,
    count: usize,
    output: PcapNgWriter<Counting>,
    /// Packets in the current file.
    packets: u64,
}

impl Files {
    /// Makes the first file. None of the names may be taken.
    pub(super) fn create(path: PathBuf, max_bytes: u64, count: usize) -> io::Result<Self> {
        for number in 1..count {
            let name = numbered(&path, number);
            if name.symlink_metadata().is_ok() {
                let text = format!("{} exists, and is not written over", name.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
        }
        let output = begin(&path)?;
        Ok(Self {
            path,
            max_bytes,
            count,
            output,
            packets: 0,
        })
    }

    /// Adds a packet; begins the next file before it if this one would become too long.
    pub(super) fn packet(
        &mut self,
        at: SystemTime,
        direction: Direction,
        octets: &[u8],
        comment: Option<String>,
        dropped: u64,
    ) -> io::Result<()> {
        if self.packets > 0
            && self.output.get_ref().len + octets.len() as u64 + BLOCK > self.max_bytes
        {
            self.rotate(dropped)?;
        }
        let flags = match direction {
            Direction::Received => 1,
            Direction::Sent => 2,
        };
        let mut options = vec![EnhancedPacketOption::Flags(flags)];
        options.extend(comment.map(|text| EnhancedPacketOption::Comment(Cow::Owned(text))));
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: since_epoch(at),
            original_len: octets.len() as u32,
            data: Cow::Borrowed(octets),
            options,
        };
        self.output.write_pcapng_block(block).map_err(failed)?;
        self.packets += 1;
        Ok(())
    }

    /// Makes everything so far readable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.output.get_mut().flush()
    }

    /// Ends the current file, with the number of items that were dropped since the start of the trace.
    pub(super) fn end(&mut self, dropped: u64) -> io::Result<()> {
        // The crate writes this time as one little-endian number, the format wants the high half first.
        let now = since_epoch(SystemTime::now()).as_nanos() as u64;
        let mut options = vec![
            InterfaceStatisticsOption::IsbIfRecv(self.packets + dropped),
            InterfaceStatisticsOption::IsbIfDrop(dropped),
        ];
        if dropped > 0 {
            let text = format!("{dropped} messages or parts of messages were dropped");
            options.push(InterfaceStatisticsOption::Comment(Cow::Owned(text)));
        }
        let block = InterfaceStatisticsBlock {
            interface_id: 0,
            timestamp: now.rotate_left(32),
            options,
        };
        self.output.write_pcapng_block(block).map_err(failed)?;
        self.flush()
    }

    fn rotate(&mut self, dropped: u64) -> io::Result<()> {
        self.end(dropped)?;
        if self.count == 1 {
            std::fs::remove_file(&self.path)?;
        }
        for number in (1..self.count).rev() {
            let older = numbered(&self.path, number);
            let newer = match number {
                1 => self.path.clone(),
                _ => numbered(&self.path, number - 1),
            };
            match std::fs::rename(newer, older) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && number > 1 => {}
                result => result?,
            }
        }
        self.output = begin(&self.path)?;
        self.packets = 0;
        Ok(())
    }
}

fn numbered(path: &std::path::Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Makes a file with its headers.
fn begin(path: &std::path::Path) -> io::Result<PcapNgWriter<Counting>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    let file = Counting {
        file: BufWriter::new(options.open(path)?),
        len: 0,
    };
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(
            concat!("msrp-rs ", env!("CARGO_PKG_VERSION")),
        ))],
        ..SectionHeaderBlock::default()
    };
    let mut output = PcapNgWriter::with_section_header(file, section).map_err(failed)?;
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("msrp")),
            InterfaceDescriptionOption::IfDescription(Cow::Borrowed(
                "one MSRP message per segment, decrypted; TCP and IP headers are made up",
            )),
            // Nanoseconds.
            InterfaceDescriptionOption::IfTsResol(9),
        ],
    };
    output.write_pcapng_block(interface).map_err(failed)?;
    output.get_mut().flush()?;
    Ok(output)
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn failed(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Knows how long the file is.
struct Counting {
    file: BufWriter<File>,
    len: u64,
}

impl Write for Counting {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.file.write(octets)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
