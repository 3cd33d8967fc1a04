//! Texts and octets across the boundary: borrowed slices, and texts that the host owns.

use std::ffi::c_char;
use std::fmt;
use std::ptr;

use msrp_core::error::{Error, Result};
use zeroize::Zeroizing;

use crate::entry;

/// Octets or UTF-8 text, borrowed, not NUL-terminated.
///
/// In options: borrowed until the call returns; ptr may be NULL where len is 0. In what callbacks get:
/// borrowed until the callback returns. LIBMSRP_SLICE("literal or char *") makes one.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_slice {
    /// The first octet.
    pub ptr: *const u8,
    /// How many octets.
    pub len: usize,
}

impl libmsrp_slice {
    /// No text at all.
    pub(crate) const NONE: Self = Self {
        ptr: ptr::null(),
        len: 0,
    };

    /// Borrows a text for a callback.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            ptr: text.as_ptr(),
            len: text.len(),
        }
    }

    /// The text, or `None` when it is empty.
    ///
    /// # Safety
    /// As [`entry::octets`].
    pub(crate) unsafe fn text<'a>(self, name: &str) -> Result<Option<&'a str>> {
        // SAFETY: the caller's promise.
        let text = unsafe { entry::text(self.ptr, self.len, name) }?;
        Ok((!text.is_empty()).then_some(text))
    }
}

/// A header, an attribute of an SDP, or another pair of texts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_header {
    /// Its name.
    pub name: libmsrp_slice,
    /// Its value.
    pub value: libmsrp_slice,
}

impl libmsrp_header {
    /// Borrows headers for a callback.
    pub(crate) fn list(headers: &[(String, String)]) -> Vec<Self> {
        let header = |(name, value): &(String, String)| Self {
            name: libmsrp_slice::new(name),
            value: libmsrp_slice::new(value),
        };
        headers.iter().map(header).collect()
    }

    /// Copies headers of the host.
    ///
    /// # Safety
    /// NULL, or valid for reads of `count` headers, whose texts are as [`entry::octets`].
    pub(crate) unsafe fn read(
        headers: *const Self,
        count: usize,
        name: &str,
    ) -> Result<Vec<(String, String)>> {
        if count > 0 && headers.is_null() {
            return Err(Error::invalid_argument(format!(
                "{name} is NULL but its count is {count}"
            )));
        }
        if count > MAX_HEADERS {
            return Err(Error::invalid_argument(format!(
                "count {count} of {name} exceeds {MAX_HEADERS}"
            )));
        }
        let mut copies = Vec::new();
        for index in 0..count {
            // SAFETY: not NULL, and the host says that there are so many.
            let header = unsafe { headers.add(index).read() };
            // SAFETY: the caller's promise.
            let its_name = unsafe { header.name.text("the name of a header") }?;
            // SAFETY: the caller's promise.
            let value = unsafe { header.value.text("the value of a header") }?;
            let its_name = its_name
                .ok_or_else(|| Error::invalid_argument(format!("{name}[{index}] has no name")))?;
            copies.push((its_name.to_owned(), value.unwrap_or_default().to_owned()));
        }
        Ok(copies)
    }
}

/// A text that the host owns: what every function gives that makes a text. Ends with libmsrp_text_free(), which writes it
/// over; it does not depend on the engine that made it. Not changed after it was made, so any thread may read it.
pub struct libmsrp_text(
    /// With a NUL at its end.
    Zeroizing<Vec<u8>>,
);

impl fmt::Debug for libmsrp_text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "libmsrp_text({} octets)", self.octets().len())
    }
}

impl libmsrp_text {
    /// Gives `text` to the host.
    pub(crate) fn into_raw(text: impl Into<Zeroizing<String>>) -> *mut Self {
        let text = text.into();
        // The engine's texts are SDP, URIs, header values and digits, none of which can hold NUL; one that did would
        // be cut there.
        let end = text.find('\0').unwrap_or(text.len());
        // In one piece: what grows leaves copies behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(end + 1));
        octets.extend_from_slice(&text.as_bytes()[..end]);
        octets.push(0);
        Box::into_raw(Box::new(Self(octets)))
    }

    /// Without the NUL.
    fn octets(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, octets)| octets)
    }
}

/// The text, NUL-terminated UTF-8, valid until libmsrp_text_free(). NULL for NULL.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_text_ptr(text: *const libmsrp_text) -> *const c_char {
    // SAFETY: NULL or a text that was not freed, by this function's contract.
    unsafe { text.as_ref() }.map_or(ptr::null(), |text| text.0.as_ptr().cast())
}

/// Its length in octets, without the NUL. 0 for NULL.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_text_len(text: *const libmsrp_text) -> usize {
    // SAFETY: NULL or a text that was not freed, by this function's contract.
    unsafe { text.as_ref() }.map_or(0, |text| text.octets().len())
}

/// Ends a text, and writes over its octets: it may be a secret. NULL is allowed and does nothing.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child. Call it once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_text_free(text: *mut libmsrp_text) {
    if !text.is_null() {
        // SAFETY: made by `into_raw` and not freed before, by this function's contract.
        drop(unsafe { Box::from_raw(text) });
    }
}

/// More headers than any peer takes.
const MAX_HEADERS: usize = 1024;

/// The value of a header by its name without regard to case, where two are kept apart from the others.
pub(crate) fn header_named<'a>(
    name: &str,
    message_id: Option<&'a str>,
    content_type: Option<&'a str>,
    others: &'a [(String, String)],
) -> Option<&'a str> {
    if name.eq_ignore_ascii_case("Message-ID") {
        return message_id;
    }
    if name.eq_ignore_ascii_case("Content-Type") {
        return content_type;
    }
    others
        .iter()
        .find(|(its, _)| its.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
