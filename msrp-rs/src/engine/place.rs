//! Where a session is reached: the listener and the authority of its URI (RFC 4975 §6, RFC 4145 §4.1).
//!
//! Binding and accepting are the business of `listeners`; what goes into SDP from here is put there by `negotiation`.

use std::net::SocketAddr;
use std::sync::Arc;

use super::lifecycle::Core;
use super::listeners::{Listener, find_listener};
use super::options::SessionOptions;
use super::trust::trust;
use super::validate;
use crate::error::{Error, Result};
use crate::net::tls::Tls;
use crate::wire::Host;

/// The port of a session that listens nowhere (RFC 4145 §4.1).
const DISCARD_PORT: u16 = 9;

/// Where a session is reached.
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) authority: (Host, u16),
    pub(super) tls: Option<Arc<Tls>>,
    /// The session's own listener.
    pub(super) own: Option<Listener>,
    shared: bool,
    /// Where it listens, on this machine.
    pub(super) bound: Option<SocketAddr>,
}

impl Place {
    pub(super) fn find(core: &Core, options: &SessionOptions) -> Result<Self> {
        validate::advertise(options.advertise.as_ref())?;
        let wildcard = || {
            Error::invalid_argument(
                "a wildcard address cannot stand in a path: give advertise=(host, port)",
            )
        };
        let from_path = options.connection.source_port_from_path;
        if let Some(handle) = options.listener {
            let listener = find_listener(core, handle)?;
            if from_path {
                listener.share_port()?;
            }
            if options.secure && listener.tls.is_none() {
                return Err(Error::invalid_argument(
                    "secure: the listener does not speak TLS",
                ));
            }
            let tls = match &options.tls {
                Some(config) if listener.tls.is_some() => Some(core.trust.get(config)?),
                _ => listener.tls.clone(),
            };
            let is_pinned =
                |tls: &Option<Arc<Tls>>| tls.as_ref().is_some_and(|tls| tls.is_pinned());
            if is_pinned(&tls) && !is_pinned(&listener.tls) {
                return Err(Error::invalid_argument(
                    "tls.verify is fingerprint: the listener's must be too, or it asks no peer for a certificate",
                ));
            }
            let authority = match &options.advertise {
                Some((host, 0)) => Some((host.parse()?, listener.address.port())),
                Some((host, port)) => Some((host.parse()?, *port)),
                None => listener.authority.clone(),
            };
            return Ok(Self {
                number: listener.number,
                authority: authority.ok_or_else(wildcard)?,
                tls,
                own: None,
                shared: true,
                bound: Some(listener.address),
            });
        }
        let tls = options
            .secure
            .then(|| trust(core, options.tls.as_ref()))
            .transpose()?;
        if tls.as_ref().is_some_and(|tls| tls.server().is_none()) {
            // Without a certificate a session can only connect.
            if from_path {
                return Err(Error::invalid_argument(
                    "connection.source_port_from_path: the session listens nowhere, since it has no certificate",
                ));
            }
            let host = match &options.advertise {
                Some((host, _)) => host.parse()?,
                None => options.host.parse()?,
            };
            let number = core.shared.context.number();
            return Ok(Self {
                number,
                authority: (host, DISCARD_PORT),
                tls,
                own: None,
                shared: false,
                bound: None,
            });
        }
        let advertise = options.advertise.as_ref();
        let own = Listener::open(core, &options.host, options.port, tls.clone(), advertise)?;
        let authority = own.authority.clone().ok_or_else(wildcard)?;
        if from_path {
            own.share_port()?;
        }
        Ok(Self {
            number: own.number,
            authority,
            tls,
            bound: Some(own.address),
            own: Some(own),
            shared: false,
        })
    }

    pub(super) fn listens(&self) -> bool {
        self.shared || self.own.is_some()
    }
}
