//! Which library this is.

use std::ffi::{CStr, c_char};

/// The number of the binary interface that this header describes; libmsrp_abi_version() tells the library's.
pub const LIBMSRP_ABI_VERSION: u32 = 0;

/// The version of the library, as `major.minor.patch`. LIBMSRP_VERSION_STRING is the header's.
///
/// Never NULL, static. Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn libmsrp_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The number of the binary interface, which is also in the soname. A program that was built with another
/// LIBMSRP_ABI_VERSION does not work with this library.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn libmsrp_abi_version() -> u32 {
    LIBMSRP_ABI_VERSION
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version holds no NUL"),
    };
