//! What the tests of the command share: folders, the ends of processes, and texts that other processes write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// Between two looks at what another process does.
const LOOK: Duration = Duration::from_millis(5);

/// A folder of its own for each test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("msrp-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until a process has ended, of which `what` is the name in the complaint.
pub(crate) fn wait_for(child: &mut Child, what: &str, deadline: Instant) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return status;
        }
        assert!(Instant::now() < deadline, "{what} did not end in time");
        std::thread::sleep(LOOK);
    }
}

/// The text of a file, when another process has written it.
pub(crate) async fn text_of(path: impl AsRef<Path>, patience: Duration) -> String {
    let text = tokio::time::timeout(patience, async {
        loop {
            match fs::read_to_string(&path) {
                Ok(text) if !text.is_empty() => break text,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    });
    text.await
        .unwrap_or_else(|_| panic!("nothing came to {}", path.as_ref().display()))
}
