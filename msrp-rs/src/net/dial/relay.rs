//! Reaching the relay that a session logs in to (RFC 4976 §8): one of its servers, the next one if that fails.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::service::{self, Authority, Search, Server};
use super::{Client, Peer, Secured, Source, time};
use crate::error::{Error, ErrorKind, Result};
use crate::net::context::Context;
use crate::net::tls::Tls;
use crate::wire::Uri;

/// Failures that a text names.
const NAMED: usize = 4;

/// A new connection to the relay of `uri`, on this client's behalf, and the address that it was dialled at.
///
/// It is made as [`at_server`] says; a certificate of ours is not shown. What it carries is the caller's; the URI that the
/// relay then gives is one of this connection, never a reason to connect again.
///
/// # Errors
/// `InvalidUri` for a URI that needs a port, or is `msrps` with a host that is no TLS name; `Tls` if there is no
/// configuration for `msrps`, or every server failed in that; `Connect` for the rest.
///
/// # Cancel safety
/// A dial that is given up leaves nothing behind.
pub(crate) async fn relay(
    context: &Context,
    client: &impl Client,
    uri: &Uri,
    source: &Source,
    tls: Option<&Arc<Tls>>,
) -> Result<(Secured, SocketAddr)> {
    let tls = match (uri.is_secure(), tls) {
        (true, None) => {
            let text = "the relay is msrps and the session has no TLS configuration";
            return Err(Error::local(ErrorKind::Tls, text));
        }
        (true, some) => some,
        (false, _) => None,
    };
    at_server(context, client, uri.into(), source, &Unnamed(tls)).await
}

/// What makes a connection to a server usable.
pub(crate) trait Secure: Sync {
    /// What becomes of it.
    type Made: Send;

    /// The TLS handshake, if there is to be one.
    ///
    /// # Cancel safety
    /// The connection is given up.
    fn secure(
        &self,
        context: &Context,
        peer: Peer<'_>,
        stream: TcpStream,
    ) -> impl Future<Output = Result<Self::Made>> + Send;
}

/// Without a certificate of ours.
struct Unnamed<'a>(Option<&'a Arc<Tls>>);

impl Secure for Unnamed<'_> {
    type Made = Secured;

    async fn secure(
        &self,
        context: &Context,
        peer: Peer<'_>,
        stream: TcpStream,
    ) -> Result<Secured> {
        peer.secure(context, stream, self.0, || None, false).await
    }
}

/// Connects to a server of a relay, and gives what `secure` makes of the connection, with the address.
///
/// With an explicit port: to that host and port. Without: to the servers that the service records of the name list, in
/// their order, until one can be used; to the name itself at port 2855 where it has no records. Whichever server it is, the
/// peer is named as in the URI. The servers share the time for a connection, [`Limits::connect`] or the source's, in equal
/// parts of what is left; the time of `secure` is its own.
///
/// # Errors
/// `InvalidUri` for a URI that needs a port; `Connect`; what `secure` gave, if that was the only server.
///
/// # Cancel safety
/// A dial that is given up leaves nothing behind.
///
/// [`Limits::connect`]: crate::Limits::connect
pub(crate) async fn at_server<S: Secure>(
    context: &Context,
    client: &impl Client,
    relay: Authority<'_>,
    source: &Source,
    secure: &S,
) -> Result<(S::Made, SocketAddr)> {
    let (servers, domain) = match Search::of(relay)? {
        Search::At(server) => (vec![server], None),
        Search::Service(name) => (find(context, client, &name).await?, Some(name)),
    };
    let deadline = Instant::now() + time(context, source);
    let mut failures = Vec::new();
    for (index, Server { host, port }) in servers.iter().enumerate() {
        let peer = Peer {
            named: (relay.host, *port),
            host,
            port: *port,
        };
        let parts = u32::try_from(servers.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / parts;
        let dialled = async {
            // Under way until the connection can be used.
            let reached = peer.reach(context, client, source, share).await?;
            let secured = secure.secure(context, peer, reached.stream).await?;
            Ok((secured, reached.address))
        };
        match dialled.await {
            Ok(dialled) => return Ok(dialled),
            Err(error) => failures.push((peer.to_string(), error)),
        }
    }
    Err(sum_up(domain.as_deref(), failures))
}

/// The servers of a domain, in order.
async fn find(context: &Context, client: &impl Client, domain: &str) -> Result<Vec<Server>> {
    let records = client.records(context, &service::name_of(domain)).await?;
    let seed = context.ids(crate::proto::IdSource::seed);
    let failed = |text| Error::transport(ErrorKind::Connect, text);
    service::servers(domain, records, context.limits.addresses, seed).map_err(failed)
}

/// Why no server would do.
fn sum_up(domain: Option<&str>, mut failures: Vec<(String, Error)>) -> Error {
    let (Some(domain), true) = (domain, failures.len() != 1) else {
        let only = failures.pop().map(|(_, error)| error);
        return only.unwrap_or_else(|| Error::transport(ErrorKind::Connect, "no server is known"));
    };
    let all_tls = failures
        .iter()
        .all(|(_, error)| error.kind == ErrorKind::Tls);
    let kind = if all_tls {
        ErrorKind::Tls
    } else {
        ErrorKind::Connect
    };
    let texts: Vec<String> = failures
        .iter()
        .take(NAMED)
        .map(
            |(server, error)| match error.context.contains(server.as_str()) {
                true => error.context.clone(),
                false => format!("{server}: {}", error.context),
            },
        )
        .collect();
    let more = match failures.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let text = format!(
        "no server of relay {domain} can be used: {}{more}",
        texts.join("; ")
    );
    Error::transport(kind, text)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
