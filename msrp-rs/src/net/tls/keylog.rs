//! The keys of connections, appended to a file in the format of `SSLKEYLOGFILE`, for tshark and Wireshark. Only where
//! the host asks for it: who has the file reads the connections.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustls::KeyLog;

use crate::error::{Error, Result};

/// A file of keys. Each line is one write, so that several configurations may share a file.
pub(super) struct KeyFile {
    path: PathBuf,
    file: File,
}

impl KeyFile {
    /// Opens or makes the file, mode 0600.
    ///
    /// # Errors
    /// `InvalidArgument` naming it: it cannot be written, is a link or no regular file, or others may read it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::invalid_argument(format!(
                "tls.keylog: cannot write {}: {error}",
                path.display()
            ))
        };
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // A pipe without a reader would block here; a regular file does not care.
            options
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        }
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is no regular file")));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if metadata.permissions().mode() & 0o077 != 0 {
                let text = "others may read or write it (its mode must be 0600)";
                return Err(failed(io::Error::other(text)));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(
            label.len() + 2 * (client_random.len() + secret.len()) + " \n".len() * 2,
        );
        line.push_str(label);
        for octets in [client_random, secret] {
            line.push(' ');
            for octet in octets {
                let _ = write!(line, "{octet:02x}");
            }
        }
        line.push('\n');
        // A full disk harms no connection.
        let _ = (&self.file).write_all(line.as_bytes());
    }
}

/// Its name alone.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyFile").field(&self.path).finish()
    }
}
