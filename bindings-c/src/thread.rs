//! LIBMSRP_DISPATCH_THREAD: one thread of the engine that runs the callbacks.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

/// What the callback thread waits for.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    work: bool,
    stop: bool,
}

impl Signal {
    /// There is work.
    pub(crate) fn work(&self) {
        self.state.lock().work = true;
        self.changed.notify_one();
    }

    fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_one();
    }

    /// Waits for work; false when the thread has to end. The flag is cleared before the work is looked at, so
    /// that work which comes meanwhile is seen the next time.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.work && !state.stop {
            self.changed.wait(&mut state);
        }
        state.work = false;
        !state.stop
    }
}

/// The running callback thread.
#[derive(Debug)]
pub(crate) struct CallbackThread {
    signal: Arc<Signal>,
    handle: JoinHandle<()>,
}

impl CallbackThread {
    /// Starts a thread that calls `process` whenever there is work.
    pub(crate) fn start(
        signal: Arc<Signal>,
        process: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let waiting = signal.clone();
        let handle = std::thread::Builder::new()
            .name("msrp-callbacks".into())
            .spawn(move || {
                while waiting.wait() {
                    process();
                }
            })?;
        Ok(Self { signal, handle })
    }

    /// Ends the thread after the callback that it is in.
    pub(crate) fn join(self) {
        self.signal.stop();
        // A panic of the thread was reported by the function that panicked.
        let _ = self.handle.join();
    }
}
