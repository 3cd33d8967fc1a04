//! Where connections come from.

use std::sync::Arc;

use crate::net::tls::Tls;
use crate::net::tls::certificate::PeerProof;
use crate::proto::SessionKey;

/// Where a connection came from, and what the peer showed on it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) way: Way,
    /// The peer's certificate, DER.
    pub(crate) certificate: Option<Vec<u8>>,
    /// What the handshake has proven of it.
    pub(crate) proof: PeerProof,
}

/// Who made a connection.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// The peer came to this listener.
    Accepted {
        /// The listener.
        listener: u64,
        /// Whether it speaks TLS.
        secure: bool,
    },
    /// We dialled, with this TLS configuration.
    Dialled(Option<Arc<Tls>>),
    /// The host handed it over for this session.
    Adopted {
        /// The session.
        session: SessionKey,
        /// Whether the peer connected.
        inbound: bool,
        /// Whether it is TLS.
        secure: bool,
    },
}

impl Way {
    /// Whether we connected to the peer.
    pub(crate) fn is_outbound(&self) -> bool {
        match self {
            Self::Accepted { .. } => false,
            Self::Dialled(_) => true,
            Self::Adopted { inbound, .. } => !inbound,
        }
    }
}
