//! A wire that can stand still and be cut.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Passes connections on until it is cut or dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Proxy {
    /// To `target`; stands still for `stall` once, at the start of each connection.
    pub(crate) async fn new(target: SocketAddr, stall: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            // Dropped with the task, and with it the connections.
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(pass(near, target, stall));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, task })
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        self.task.abort();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut near: TcpStream, target: SocketAddr, stall: Duration) {
    tokio::time::sleep(stall).await;
    if let Ok(mut far) = TcpStream::connect(target).await {
        // How it ends is seen by both ends.
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    }
}
