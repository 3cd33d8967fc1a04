//! A wire with faults: what comes in at its port goes on to another one, in small pieces and through small buffers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use socket2::{Domain, Socket, Type};

/// Most octets that go on at once.
const PIECE: usize = 3000;
/// What the kernel is asked to keep; it doubles and rounds this.
const BUFFER: usize = 4096;

/// The port, and the switch of the wire. Its threads end with the connections.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    held: Arc<(Mutex<bool>, Condvar)>,
}

fn socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(BUFFER).expect("set");
    socket.set_send_buffer_size(BUFFER).expect("set");
    socket
}

impl Proxy {
    /// Takes one connection and goes on to the port that `target` will be told.
    pub(crate) fn new(target: std::sync::mpsc::Receiver<u16>) -> Self {
        let listener = socket();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        listener.bind(&any.into()).expect("a port");
        listener.listen(1).expect("listens");
        let port = listener.local_addr().expect("bound");
        let port = port.as_socket().expect("an address").port();
        let held: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let hold = Arc::clone(&held);
        std::thread::spawn(move || {
            let Ok(target) = target.recv() else { return };
            let (near, _) = listener.accept().expect("a connection");
            let far = socket();
            let target: SocketAddr = ([127, 0, 0, 1], target).into();
            far.connect(&target.into()).expect("connected");
            let (near, far) = (TcpStream::from(near), TcpStream::from(far));
            let back = (far.try_clone(), near.try_clone());
            let back_hold = Arc::clone(&hold);
            std::thread::spawn(move || {
                copy(
                    back.0.expect("a clone"),
                    back.1.expect("a clone"),
                    &back_hold,
                );
            });
            copy(near, far, &hold);
        });
        Self { port, held }
    }

    /// Nothing goes on while this is set.
    pub(crate) fn hold(&self, hold: bool) {
        *self.held.0.lock().expect("not poisoned") = hold;
        self.held.1.notify_all();
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, hold: &(Mutex<bool>, Condvar)) {
    let mut piece = [0; PIECE];
    loop {
        {
            let held = hold.0.lock().expect("not poisoned");
            drop(hold.1.wait_while(held, |held| *held).expect("not poisoned"));
        }
        match from.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(len) => {
                if to.write_all(&piece[..len]).is_err() {
                    break;
                }
            }
        }
    }
    // One of them is over already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
