//! Build chores of this repository. There is one: the C header.
//!
//! `cargo run -p xtask -- header` writes `include/libmsrp.h` from the sources of `bindings-c`;
//! with `--check` it writes nothing and fails when the committed file differs.

mod header;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- header [--check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["header"] => header::write(),
        ["header", "--check"] => header::check(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}
