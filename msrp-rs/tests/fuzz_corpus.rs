//! Every input of the fuzzers' corpus (`tests/corpus/fuzz`), through the same functions: seeds, what the fuzzers kept,
//! and what they found.

mod harness;
mod support;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn files(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/fuzz");
    let folder = fs::read_dir(root.join(target)).expect("a corpus for each target");
    let mut files: Vec<_> = folder
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

#[test]
fn inputs_that_fuzzers_know_keep_every_promise() {
    for (name, run) in harness::TARGETS {
        let files = files(name);
        assert!(files.len() >= 10, "{name} has {} inputs", files.len());
        for file in files {
            let data = fs::read(&file).expect("a readable file");
            let tried = catch_unwind(AssertUnwindSafe(|| run(&data)));
            assert!(tried.is_ok(), "{} fails", file.display());
        }
    }
}

#[test]
fn inputs_that_are_cut_or_empty_keep_every_promise() {
    for (name, run) in harness::TARGETS {
        run(b"");
        for file in files(name).iter().step_by(7) {
            let data = fs::read(file).expect("a readable file");
            for eighth in 1..8 {
                run(&data[..data.len() * eighth / 8]);
            }
        }
    }
}
