//! Where a session is reached: the listener and the authority of its URI (RFC 4975 §6, RFC 4145 §4.1).
//!
//! Binding and accepting are the business of `listeners`; what goes into SDP from here is put there by `negotiation`.

use std::net::SocketAddr;
use std::sync::Arc;

use super::lifecycle::Core;
use super::listeners::{Listener, find_listener, ports};
use super::options::{ClientAuth, SessionOptions, SetupPreference};
use super::relays::Behind;
use super::trust::trust;
use super::validate;
use crate::error::{Error, Result};
use crate::net::listener::Speaks;
use crate::net::sockopt::SocketOptions;
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
    /// The place of a new session.
    pub(super) fn find(core: &Core, options: &SessionOptions) -> Result<Self> {
        Self::open(core, options, None)
    }

    /// Of a session behind relays: it listens nowhere, and its URI is only a name.
    pub(super) fn behind(core: &Core, options: &SessionOptions, behind: &Behind) -> Result<Self> {
        validate::advertise(options.advertise.as_ref())?;
        let (host, port) = match &options.advertise {
            Some((host, port)) => (host.parse()?, *port),
            None => (options.host.parse()?, options.port),
        };
        let port = if port == 0 { DISCARD_PORT } else { port };
        Ok(Self {
            number: core.shared.context.number(),
            authority: (host, port),
            tls: behind.tls().cloned(),
            own: None,
            shared: false,
            bound: None,
        })
    }

    /// The next place of a session that has this TLS configuration, or none.
    pub(super) fn find_next(
        core: &Core,
        options: &SessionOptions,
        tls: Option<&Arc<Tls>>,
    ) -> Result<Self> {
        let place = Self::open(core, options, Some(tls))?;
        if place.tls.is_some() != tls.is_some() {
            return Err(Error::invalid_argument(
                "the session is made for TLS or without, and the listener differs",
            ));
        }
        Ok(place)
    }

    fn open(
        core: &Core,
        options: &SessionOptions,
        known: Option<Option<&Arc<Tls>>>,
    ) -> Result<Self> {
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
            let of_listener = listener.tls(&core.shared.context.log);
            if options.secure && of_listener.is_none() {
                return Err(Error::invalid_argument(
                    "secure: the listener does not speak TLS",
                ));
            }
            let tls = match (&options.tls, &of_listener) {
                (_, Some(of_listener)) if known.is_some() => {
                    let tls = known.flatten().cloned();
                    if let Some(tls) = &tls {
                        check_clients(tls, of_listener, options.setup)?;
                    }
                    tls
                }
                (Some(config), Some(of_listener)) if config != of_listener.config() => {
                    let tls = core.trust.get(config)?.last();
                    check_clients(&tls, of_listener, options.setup)?;
                    Some(tls)
                }
                _ => of_listener,
            };
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
        let tls = match known {
            Some(tls) => tls.cloned(),
            None => {
                let configured = options.secure.then(|| trust(core, options.tls.as_ref()));
                configured.transpose()?.map(|configured| configured.last())
            }
        };
        if tls.as_ref().is_some_and(|tls| !tls.has_identity()) {
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
        // What its SDP tells must stay true.
        let speaks = tls.clone().map_or(Speaks::Plain, Speaks::Fixed);
        let sockets = SocketOptions::of_connection(&options.connection);
        let at = (options.host.as_str(), ports(core, options.port, None));
        let own = Listener::open(core, at, speaks, advertise, sockets)?;
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

/// What a session asks of peers that connect, its listener must have asked: which session they come for is known only
/// when the handshake is over.
fn check_clients(tls: &Tls, of_listener: &Tls, setup: SetupPreference) -> Result<()> {
    let (config, asked) = (tls.config(), of_listener.config());
    if tls.is_pinned() {
        if !of_listener.is_pinned() {
            return Err(Error::invalid_argument(
                "tls.verify is fingerprint: the listener's must be too, or it asks no peer for a certificate",
            ));
        }
        if setup != SetupPreference::Active && !tls.shows_as(of_listener) {
            return Err(Error::invalid_argument(
                "tls.verify is fingerprint, and the listener shows another certificate than tls.cert, which the SDP \
                 names: make the session without a listener",
            ));
        }
    } else if config.client_auth != ClientAuth::None
        && !(tls.trusts_as(of_listener)
            || (
                config.client_auth,
                &config.ca,
                &config.fingerprints,
                config.verify,
            ) == (
                asked.client_auth,
                &asked.ca,
                &asked.fingerprints,
                asked.verify,
            ))
    {
        return Err(Error::invalid_argument(
            "tls.client_auth: the listener's client_auth, ca, fingerprints and verify must be the same, as it asks \
             before the session is known",
        ));
    }
    Ok(())
}
