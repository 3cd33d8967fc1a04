//! What a message is made of: octets, a file, or a reader.
//!
//! Octets and files are handed to the facade as they are; a reader is copied into a stream by `stream`.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use tokio::io::AsyncRead;

/// The content of a message to be sent.
///
/// Octets, strings and vectors convert by themselves: `session.send("hello", options)`. They are held, not copied: up
/// to 64 KiB they count against the session's send window, beyond that they take one of its transfer slots
/// (`Limits::transfers`). A file is read by the engine, a reader by a task on the caller's runtime; both take a slot.
///
/// Where the source is a loop of the caller's own, [`Session::stream`](crate::Session::stream) fits better.
pub struct Body(pub(super) Source);

pub(super) enum Source {
    Bytes(Bytes),
    File(PathBuf),
    Reader {
        reader: Pin<Box<dyn AsyncRead + Send>>,
        len: Option<u64>,
    },
}

impl Body {
    /// The octets of a file, as many as it has when it is sent. It is opened by the call that sends it and read by the
    /// engine; if reading fails, the message ends with `#` and
    /// [`Transfer::acknowledged`](crate::Transfer::acknowledged) gives the reason.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// What `reader` gives until its end. With `len`, the receiver learns the length at the start and the reader
    /// must give exactly so many octets. If reading fails, the message ends with `#` and
    /// [`Transfer::acknowledged`](crate::Transfer::acknowledged) gives the reason.
    pub fn reader(reader: impl AsyncRead + Send + 'static, len: Option<u64>) -> Self {
        Self(Source::Reader {
            reader: Box::pin(reader),
            len,
        })
    }
}

impl fmt::Debug for Body {
    // Bodies stay out of logs (RFC 4975 §14.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Bytes(bytes) => write!(f, "Body({} octets)", bytes.len()),
            Source::File(_) => f.write_str("Body(file)"),
            Source::Reader { len: Some(len), .. } => write!(f, "Body(reader of {len} octets)"),
            Source::Reader { len: None, .. } => f.write_str("Body(reader)"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Source::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(octets: Vec<u8>) -> Self {
        Bytes::from(octets).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(octets: &'static [u8]) -> Self {
        Bytes::from_static(octets).into()
    }
}
