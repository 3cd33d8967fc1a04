//! The end of a relay, as it meets what begins.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::host::{RelayAnswer, RelayCredentials};
use super::*;
use crate::limits::Limits;
use crate::net::dial::{Check, Dialler};
use crate::net::resolve::{Names, Who, WhoServes};
use crate::net::socket::PeerSocket;
use crate::proto::IdSource;
use crate::proto::auth::Ha1;
use crate::role::relay::OfficeOptions;

const PATIENCE: Duration = Duration::from_secs(60);

/// There are no users.
struct Nobody;

impl RelayUsers for Nobody {
    fn credentials(&self, _: &RelayCredentials) -> RelayAnswer<Option<Ha1>> {
        RelayAnswer::Now(None)
    }
}

/// Everything is allowed.
struct Open;

impl RelayPolicy for Open {}

fn relay() -> Arc<Relay> {
    let limits = Limits::default();
    let names = Names::new(Who::Host, WhoServes::Host, &limits);
    let dialler = Dialler::new(&limits, names, Check::None);
    let context = Context::new(limits, IdSource::new([7; 32]), dialler);
    let name = "relay.example.com".parse().expect("a name");
    let parts = Parts {
        running: Running {
            networks: vec!["127.0.0.0/8".parse().expect("a network")],
            insecure_plain_auth: false,
            answer_timeout: PATIENCE,
            connections: 16,
            connections_per_address: 16,
            idle: None,
        },
        link_options: LinkOptions::default(),
        office: Office::new(OfficeOptions::new(name, 2855), [7; 32]).expect("good options"),
        tls: None,
        users: Arc::new(Nobody),
        policy: Arc::new(Open),
    };
    Relay::start(&context, parts)
}

/// A connection, and its other end.
async fn connection() -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let peer = TcpStream::connect(address).await.expect("connected");
    let (stream, _) = listener.accept().await.expect("accepted");
    let stream = PeerSocket::new(stream).expect("a socket");
    (Transport::tcp(stream), peer)
}

/// A connection comes, and all that was asked before its link is there said yes.
fn enter(relay: &Arc<Relay>, transport: Transport) {
    let connected = relay.context.enter();
    let gate = Arc::new(Gate::new(LinkId(connected.inbox.id())));
    let way = task::Way::Accepted;
    task::Task::spawn(relay, connected, transport, Peer::Client, gate, way);
}

#[tokio::test]
async fn what_comes_while_a_relay_ends_does_not_hold_it_up() {
    let relay = relay();
    let (first, _first) = connection().await;
    enter(&relay, first);
    // All that are there are told to close; another one was on its way then.
    relay.close();
    let (late, late_peer) = connection().await;
    enter(&relay, late);
    let gone = timeout(PATIENCE, relay.wait_disconnected()).await;
    gone.expect("no connection is left");
    late_peer.readable().await.expect("it is closed");
    assert_eq!(late_peer.try_read(&mut [0]).expect("in order"), 0);
    assert!(relay.places.lock().is_empty());
}

#[tokio::test]
async fn what_comes_after_a_relay_has_ended_is_closed() {
    let relay = relay();
    relay.drain(Instant::now()).await;
    let (late, late_peer) = connection().await;
    enter(&relay, late);
    let closed = timeout(PATIENCE, late_peer.readable()).await;
    closed.expect("in time").expect("it is closed");
    assert_eq!(late_peer.try_read(&mut [0]).expect("in order"), 0);
    assert_eq!(relay.figures().1, 0);
}
