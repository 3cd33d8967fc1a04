//! The connection to the first relay of a session (RFC 4976 §5.1, §5.2): one that is there and on which the same user has
//! logged in, or a new one.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::registry::Entry;
use super::pool::{Key, Place, Shared};
use super::{Sharing, Source, relay, spawn, time};
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::Context;
use crate::net::driver::Keep;
use crate::net::inbox::Hold;
use crate::net::log::LogLevel;
use crate::net::login::Account;
use crate::net::tls::Tls;
use crate::wire::{Host, Uri};

/// A relay that is connected to.
pub(crate) struct Target<'a> {
    pub(crate) uri: &'a Uri,
    pub(crate) tls: Option<&'a Arc<Tls>>,
    /// The user there: connections of different ones are not shared.
    pub(crate) account: &'a Arc<Account>,
}

/// A connection to a relay. It stays open as long as this lives, if the relay and the network want it.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) hold: Hold,
    /// Our address on it.
    pub(crate) local: Option<IpAddr>,
    /// Others had it before.
    pub(crate) was_there: bool,
}

/// Connects the session to its relay.
///
/// # Errors
/// As [`relay`]; `Tls` for an address that is not of this machine where there is to be no TLS (RFC 4976 §9.2).
///
/// # Cancel safety
/// A dial that is given up leaves nothing behind.
pub(crate) async fn uplink(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    target: &Target<'_>,
    sharing: Sharing,
    source: &Arc<Source>,
) -> Result<Uplink> {
    let place =
        (sharing != Sharing::Alone).then(|| context.dialler.pool.place(key(target, source)));
    let reused = place.as_ref().filter(|_| sharing == Sharing::Shared);
    let _gate = match reused {
        Some(place) => Some(place.gate.lock().await),
        None => None,
    };
    if let Some(place) = reused
        && let Some(uplink) = shared(context, entry, target, source, place).await
    {
        return Ok(uplink);
    }
    let connected = context.enter();
    let (secured, address) = relay(context, &**entry, target.uri, source, target.tls).await?;
    if target.tls.is_none() && !address.ip().is_loopback() {
        let text = format!(
            "login at a relay without TLS is for loopback addresses, and {} is none (RFC 4976 §9.2)",
            address.ip()
        );
        return Err(Error::local(ErrorKind::Tls, text));
    }
    let inbox = Arc::clone(&connected.inbox);
    let local = secured.0.local_address().map(|local| local.ip());
    let Some(hold) = inbox.hold() else {
        let text = "connection to the relay was closed at once";
        return Err(Error::transport(ErrorKind::Connect, text));
    };
    let text = format_args!("dialled the relay at {address}");
    context.log.connection(LogLevel::Debug, inbox.id(), text);
    if let Some(place) = &place {
        place.share(Shared {
            inbox,
            address,
            local,
        });
    }
    let keep = Keep {
        idle: source.options().idle,
        unused: context.limits.relay_kept,
        account: Some(Arc::clone(target.account)),
    };
    spawn(connected, target.tls.cloned(), secured, keep);
    Ok(Uplink {
        hold,
        local,
        was_there: false,
    })
}

/// The one that is there, if the host lets the session use it.
async fn shared(
    context: &Context,
    entry: &Entry,
    target: &Target<'_>,
    source: &Source,
    place: &Place,
) -> Option<Uplink> {
    let Shared {
        inbox,
        address,
        local,
    } = place.shared()?;
    let check = &context.dialler.check;
    let questions = &context.dialler.questions;
    let asked = check.allows(questions, entry.mailbox(), target.uri.host(), address);
    let allowed = tokio::time::timeout(time(context, source), asked).await;
    if !allowed.unwrap_or(false) {
        return None;
    }
    let hold = inbox.hold()?;
    let text = format_args!("shared by another session");
    context.log.connection(LogLevel::Debug, inbox.id(), text);
    Some(Uplink {
        hold,
        local,
        was_there: true,
    })
}

fn key(target: &Target<'_>, source: &Arc<Source>) -> Key {
    let host: &Host = target.uri.host();
    Key {
        host: host.clone(),
        port: target.uri.port().unwrap_or_default(),
        via: None,
        tls: target.tls.map(|tls| Arc::as_ptr(tls).addr()),
        account: Some(target.account.number()),
        source: Arc::clone(source),
    }
}
