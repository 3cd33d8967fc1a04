//! The command as a process.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::wait_for;

/// Generous: reached only when something hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running command; killed if the test fails.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_msrp"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the command starts"))
    }

    /// Gives it all of its standard input.
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        let mut stdin = self.0.stdin.take().expect("not fed yet");
        stdin.write_all(octets).expect("it reads");
    }

    /// Waits for the end: exit code, standard output, standard error. For commands that write little.
    pub(crate) fn finish(mut self) -> (Option<i32>, String, String) {
        drop(self.0.stdin.take());
        let status = wait_for(&mut self.0, "the command", Instant::now() + DEADLINE);
        let (mut out, mut err) = (String::new(), String::new());
        let stdout = self.0.stdout.as_mut().map(|s| s.read_to_string(&mut out));
        let stderr = self.0.stderr.as_mut().map(|s| s.read_to_string(&mut err));
        assert!(stdout.is_none_or(|r| r.is_ok()) && stderr.is_none_or(|r| r.is_ok()));
        (status.code(), out, err)
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let signal = format!("-{name}");
        let sent = Command::new("kill").args([&signal, &pid]).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors say that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
