//! What a relay is told by signals.

use std::io;

/// What its operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGTERM, SIGINT: that it ends.
    End,
    /// SIGHUP: that it reads users and certificates again.
    Reload,
    /// SIGUSR1: that it says how things are.
    Status,
}

/// The signals that are caught.
#[cfg(unix)]
pub(crate) struct Signals([(tokio::signal::unix::Signal, Wish); 4]);

#[cfg(unix)]
impl Signals {
    /// From here on signals are caught.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            (signal(SignalKind::terminate())?, Wish::End),
            (signal(SignalKind::interrupt())?, Wish::End),
            (signal(SignalKind::hangup())?, Wish::Reload),
            (signal(SignalKind::user_defined1())?, Wish::Status),
        ]))
    }

    /// Waits for the next one.
    ///
    /// # Cancel safety
    /// No signal is lost.
    pub(crate) async fn next(&mut self) -> Wish {
        std::future::poll_fn(|context| {
            for (signal, wish) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*wish);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Only Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Wish {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Wish::End,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Signals {
    /// Waits for the next wish that it ends.
    pub(crate) async fn end(&mut self) {
        while self.next().await != Wish::End {}
    }
}
