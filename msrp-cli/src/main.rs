//! The `msrp` command; see `msrp --help`.

use std::process::exit;

fn main() {
    exit(msrp_cli::run(std::env::args_os()));
}
