//! Gives the shared library its soname.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number is LIBMSRP_ABI_VERSION.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmsrp.so.0");
    }
}
