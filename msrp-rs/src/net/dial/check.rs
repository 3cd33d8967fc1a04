//! The host's word on what is dialled: an SDP can aim us at a third party (RFC 4975 §14.5).

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::super::mailbox::Mailbox;
use super::super::question::Questions;
use crate::proto::SessionKey;
use crate::wire::Host;

/// A function of the host: the session, the host in its remote path, and the address.
pub(crate) type Function = Arc<dyn Fn(SessionKey, &Host, SocketAddr) -> bool + Send + Sync>;

/// Who says whether an address may be dialled.
pub(crate) enum Check {
    /// Nobody: every address may.
    None,
    /// A function in Rust.
    Function(Function),
    /// The session's host, by an event.
    Host,
}

impl Check {
    /// Whether the session may be connected to `address`. No bound on the time is set here.
    ///
    /// # Cancel safety
    /// Nobody waits for the answer any more.
    pub(super) async fn allows(
        &self,
        questions: &Questions,
        mailbox: &Arc<Mailbox>,
        host: &Host,
        address: SocketAddr,
    ) -> bool {
        match self {
            Self::None => true,
            Self::Function(function) => {
                let ask = || function(mailbox.key(), host, address);
                // A panic in it is no word for the address.
                catch_unwind(AssertUnwindSafe(ask)).unwrap_or(false)
            }
            Self::Host => questions.leave(mailbox, address).await,
        }
    }
}
