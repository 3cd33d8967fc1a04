//! Structs that may grow: they begin with their size, so that a program and a library of different
//! versions understand each other.

use std::mem;
use std::ptr;

use msrp_core::error::{Error, Result};

/// A struct whose first member is `size_t struct_size` and whose other members mean the default when they
/// are zero.
///
/// # Safety
/// `repr(C)`, `struct_size: usize` first, and valid when all octets are zero.
pub(crate) unsafe trait Sized: Copy {}

/// Declares structs as [`Sized`].
macro_rules! sized {
    ($($name:ty),+ $(,)?) => {
        $(
            // SAFETY: repr(C), begins with `struct_size`, and its other members are integers, pointers,
            // optional functions or `MaybeUninit`: all valid as zero.
            unsafe impl $crate::sized::Sized for $name {}
        )+
    };
}
pub(crate) use sized;

/// Copies a struct of the host: shorter (older) ones are filled with zeros, of longer (newer) ones the part
/// that is unknown here has to be zero. NULL is all defaults.
///
/// # Safety
/// NULL, or valid for reads of as many octets as its `struct_size` says.
pub(crate) unsafe fn read<T: Sized>(from: *const T, name: &str) -> Result<T> {
    // SAFETY: `Sized` promises that zero is valid.
    let mut value: T = unsafe { mem::zeroed() };
    if from.is_null() {
        return Ok(value);
    }
    // SAFETY: not NULL, and the struct begins with its size.
    let size = unsafe { struct_size(from, name) }?;
    // SAFETY: the host's struct has `size` octets, `value` has `size_of::<T>()`; they do not overlap.
    unsafe {
        ptr::copy_nonoverlapping(
            from.cast::<u8>(),
            (&raw mut value).cast::<u8>(),
            size.min(size_of::<T>()),
        );
    }
    for at in size_of::<T>()..size {
        // SAFETY: inside the host's struct.
        if unsafe { from.cast::<u8>().add(at).read() } != 0 {
            return Err(Error::invalid_argument(format!(
                "{name} asks for something that this version does not know (octet {at} of {size})"
            )));
        }
    }
    Ok(value)
}

/// Copies a struct to the host, as much as the host's `struct_size` has room for. `struct_size` stays.
///
/// # Safety
/// Valid for reads and writes of as many octets as its `struct_size` says.
pub(crate) unsafe fn write<T: Sized>(to: *mut T, value: &T, name: &str) -> Result<()> {
    // SAFETY: the caller's promise.
    let size = unsafe { struct_size(to, name) }?;
    let head = size_of::<usize>();
    // SAFETY: both structs have at least `head` octets and at most the number that is copied.
    unsafe {
        ptr::copy_nonoverlapping(
            ptr::from_ref(value).cast::<u8>().add(head),
            to.cast::<u8>().add(head),
            size.min(size_of::<T>()) - head,
        );
    }
    Ok(())
}

/// # Safety
/// Valid for reads of a `usize`.
unsafe fn struct_size<T>(of: *const T, name: &str) -> Result<usize> {
    // SAFETY: the caller's promise.
    let size = unsafe { of.cast::<usize>().read() };
    if !(size_of::<usize>()..=LARGEST).contains(&size) {
        return Err(Error::invalid_argument(format!(
            "struct_size {size} of {name} is no size of it; begin with its _INIT macro"
        )));
    }
    Ok(size)
}

/// No struct of any version is larger; a larger size was never set.
const LARGEST: usize = 4096;
