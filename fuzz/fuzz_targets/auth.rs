#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| msrp_fuzz::harness::auth::run(data));
