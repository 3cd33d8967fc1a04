//! A middlebox as session border controllers are: it puts an address of its own into the `c=` and `m=` line of what
//! passes, leaves the rest, and carries the octets of whoever connects there to where those lines pointed before.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The address of all anchors: not the one at which the engines of a test are.
pub(crate) const ANCHOR: &str = "127.0.0.2";

/// One port of a middlebox. Its threads end with the connections.
pub(crate) struct Middlebox {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    octets: Vec<u8>,
}

impl Middlebox {
    /// Takes connections, and carries them on to this port at 127.0.0.1.
    pub(crate) fn new(target: u16) -> Self {
        let listener = TcpListener::bind((ANCHOR, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let noting = Arc::clone(&seen);
        std::thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                noting.lock().expect("not poisoned").connections += 1;
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let ends = (from.try_clone(), to.try_clone());
                    let noting = Arc::clone(&noting);
                    std::thread::spawn(move || {
                        carry(ends.0.expect("a clone"), ends.1.expect("a clone"), &noting);
                    });
                }
            }
        });
        Self { port, seen }
    }

    /// An SDP as it leaves the middlebox.
    pub(crate) fn anchor(&self, sdp: &str) -> String {
        let lines = sdp.lines().map(|line| {
            if line.starts_with("c=") {
                format!("c=IN IP4 {ANCHOR}\r\n")
            } else if let Some(rest) = line.strip_prefix("m=message ") {
                let (_, rest) = rest.split_once(' ').expect("a port");
                format!("m=message {} {rest}\r\n", self.port)
            } else {
                format!("{line}\r\n")
            }
        });
        lines.collect()
    }

    /// How many came so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().expect("not poisoned").connections
    }

    /// Whether these octets passed, in one direction or the other.
    pub(crate) fn has_seen(&self, text: &str) -> bool {
        let seen = self.seen.lock().expect("not poisoned");
        let mut windows = seen.octets.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, seen: &Mutex<Seen>) {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(len) if len > 0 => {
                let octets = &buffer[..len];
                seen.lock()
                    .expect("not poisoned")
                    .octets
                    .extend_from_slice(octets);
                if to.write_all(octets).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
