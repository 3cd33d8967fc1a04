//! Handles: 8 bits engine, 24 bits slot, 32 bits generation (sessions, listeners) or number within the session
//! (messages, transfers). 0 is never a handle.
//!
//! The tables behind them stand in `slots`.

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);
    };
}

handle!(
    /// Names a session.
    SessionHandle
);
handle!(
    /// Names an outgoing message of a session.
    TransferHandle
);
handle!(
    /// Names an incoming message of a session.
    MessageHandle
);
handle!(
    /// Names a listener.
    ListenerHandle
);
handle!(
    /// Names a relay.
    RelayHandle
);
handle!(
    /// Names a question of the engine to its host.
    QueryHandle
);
