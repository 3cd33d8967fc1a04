//! The boundary: what every function checks before it does anything.
//!
//! [`ffi_entry!`] turns panics and errors into numbers; the functions beside it turn pointers of the host
//! into references, or say which argument was wrong.

use std::any::Any;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::slice;
use std::time::Duration;

use msrp_core::error::{Error, ErrorKind, Result};

use crate::error::{fail, libmsrp_result};

/// The body of every function that can fail: an error becomes its number and the thread's last error text,
/// a panic becomes LIBMSRP_ERR_INTERNAL.
macro_rules! ffi_entry {
    ($body:block) => {
        $crate::entry::enter(|| -> ::msrp_core::error::Result<()> {
            $body
            #[allow(unreachable_code)]
            Ok(())
        })
    };
}
pub(crate) use ffi_entry;

/// See [`ffi_entry!`].
pub(crate) fn enter(body: impl FnOnce() -> Result<()>) -> libmsrp_result {
    // Unwind safe: what a panic can leave half done stands behind the core's own locks, and the engine
    // object's tables are changed by single calls.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => libmsrp_result::LibmsrpOk,
        Ok(Err(error)) => fail(&error),
        Err(panic) => fail(&Error::local(
            ErrorKind::Internal,
            format!("panic: {}", panic_text(panic.as_ref())),
        )),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// Borrows what `ptr` points to.
///
/// # Safety
/// NULL, or valid for reads for the lifetime that the caller chooses.
pub(crate) unsafe fn reference<'a, T>(ptr: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { ptr.as_ref() }.ok_or_else(|| is_null(name))
}

/// Borrows what `ptr` points to, for changing it.
///
/// # Safety
/// NULL, or valid for reads and writes, by nobody else, for the lifetime that the caller chooses.
pub(crate) unsafe fn exclusive<'a, T>(ptr: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { ptr.as_mut() }.ok_or_else(|| is_null(name))
}

/// A place for a result, written only on success.
#[derive(Debug)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Writes the result.
    pub(crate) fn set(self, value: T) {
        // SAFETY: `out` got a pointer that is valid for writes until the entry returns, and `Out` does not
        // leave the entry.
        unsafe { self.0.write(value) }
    }
}

/// Checks an out-parameter.
///
/// # Safety
/// NULL, or valid for writes until the entry returns.
pub(crate) unsafe fn out<T>(ptr: *mut T, name: &str) -> Result<Out<T>> {
    if ptr.is_null() {
        return Err(is_null(name));
    }
    Ok(Out(ptr))
}

/// Borrows octets. NULL is allowed where the length is 0.
///
/// # Safety
/// NULL, or valid for reads of `len` octets for the lifetime that the caller chooses.
pub(crate) unsafe fn octets<'a>(ptr: *const u8, len: usize, name: &str) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() {
        return Err(Error::invalid_argument(format!(
            "{name} is NULL but its length is {len}"
        )));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::invalid_argument(format!(
            "length {len} of {name} is larger than any object"
        )));
    }
    // SAFETY: not NULL, the length fits an object, and the caller promises the rest.
    Ok(unsafe { slice::from_raw_parts(ptr, len) })
}

/// Borrows UTF-8 text.
///
/// # Safety
/// As [`octets`].
pub(crate) unsafe fn text<'a>(ptr: *const u8, len: usize, name: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let octets = unsafe { octets(ptr, len, name) }?;
    std::str::from_utf8(octets).map_err(|error| {
        Error::invalid_argument(format!(
            "{name} is not UTF-8 at octet {}",
            error.valid_up_to()
        ))
    })
}

/// A file name, in whatever encoding the system has.
///
/// # Safety
/// As [`octets`].
pub(crate) unsafe fn path(ptr: *const u8, len: usize, name: &str) -> Result<PathBuf> {
    // SAFETY: the caller's promise.
    let octets = unsafe { octets(ptr, len, name) }?;
    if octets.is_empty() {
        return Err(Error::invalid_argument(format!("{name} is empty")));
    }
    Ok(PathBuf::from(OsStr::from_bytes(octets)))
}

/// Milliseconds; negative: no limit.
pub(crate) fn timeout(ms: i64) -> Option<Duration> {
    u64::try_from(ms).ok().map(Duration::from_millis)
}

/// An enumerator that came from C. A Rust enum may not hold a number that is none of its variants, so
/// structs and parameters hold `MaybeUninit` of the enum (which the header shows as the enum itself), and
/// this reads the number.
pub(crate) trait Enumerator: Copy + Sized + 'static {
    /// The variants.
    const ALL: &'static [Self];

    /// The number of a variant.
    fn number(self) -> i32;

    /// The variant of that number.
    fn from_c(value: MaybeUninit<Self>, name: &str) -> Result<Self> {
        const { assert!(size_of::<Self>() == size_of::<i32>()) };
        // SAFETY: of the same size and without padding, and C initialised it: parameters, return values and
        // members of a struct that was copied from the host's memory or is zero.
        let number = unsafe { value.as_ptr().cast::<i32>().read() };
        Self::ALL
            .iter()
            .copied()
            .find(|variant| variant.number() == number)
            .ok_or_else(|| Error::invalid_argument(format!("{name} {number} is unknown")))
    }
}

/// Implements [`Enumerator`] for a `#[repr(i32)]` enum.
macro_rules! enumerator {
    ($name:ident: $($variant:ident),+) => {
        impl $crate::entry::Enumerator for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn number(self) -> i32 {
                self as i32
            }
        }
    };
}
pub(crate) use enumerator;

fn is_null(name: &str) -> Error {
    Error::invalid_argument(format!("{name} is NULL"))
}
