//! What the engine's tests share: a host that takes events until something is true, and raw peers that
//! speak hand-made frames over plain sockets.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod middlebox;
pub(crate) mod names;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod relay;
pub(crate) mod tls;
pub(crate) mod tls_peer;

pub(crate) use raw::RawPeer;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use msrp::engine::{
    Domain, Engine, EngineOptions, Event, ListenOptions, ListenerHandle, LogLevel, SendBody,
    SendOptions, SessionHandle, SessionOptions, SessionState, TransferHandle, Wake,
};
use msrp::error::Error;
use msrp::limits::Limits;
use msrp::proto::{CloseReason, MessageEnd};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An engine with one consumer.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) domain: Domain,
    woken: Arc<(Mutex<bool>, Condvar)>,
    /// Sessions whose content is not consumed.
    pub(crate) stalled: Mutex<Vec<SessionHandle>>,
    seen: Mutex<Seen>,
}

/// What the consumer has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: Vec<(SessionHandle, Event)>,
    /// Whole messages by session, in the order of their ends.
    pub(crate) messages: HashMap<SessionHandle, Vec<Received>>,
    open: HashMap<u64, Received>,
    pub(crate) ended: bool,
}

/// A message as the consumer put it together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: MessageEnd,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::from_options(EngineOptions {
            limits,
            ..EngineOptions::default()
        })
    }

    pub(crate) fn from_options(options: EngineOptions) -> Self {
        let engine = Engine::new(options).expect("an engine");
        let woken = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Arc::clone(&woken);
        let wake = move || {
            // A test that fails while it waits must not take the engine with it.
            *signal.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            signal.1.notify_all();
        };
        let domain = engine
            .domain(Wake::Callback(Arc::new(wake)))
            .expect("a domain");
        let stalled = Mutex::default();
        Self {
            engine,
            domain,
            woken,
            stalled,
            seen: Mutex::default(),
        }
    }

    pub(crate) fn session(&self) -> SessionHandle {
        self.session_with(SessionOptions::default())
    }

    pub(crate) fn session_with(&self, options: SessionOptions) -> SessionHandle {
        self.engine
            .session(&self.domain, options)
            .expect("a session")
    }

    /// Sends text.
    pub(crate) fn send(&self, session: SessionHandle, text: &str) -> TransferHandle {
        self.try_send(session, text.as_bytes().to_vec())
            .expect("admitted")
    }

    pub(crate) fn try_send(
        &self,
        session: SessionHandle,
        body: Vec<u8>,
    ) -> Result<TransferHandle, Error> {
        let body = SendBody::Bytes(body.into());
        let admitted = self.engine.send(session, SendOptions::default(), body)?;
        Ok(admitted.transfer)
    }

    /// Takes events until `done` says so of what was seen.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.take();
            if done(&self.seen.lock().expect("not poisoned")) {
                return;
            }
            let woken = self.woken.0.lock().expect("not poisoned");
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited too long for: {what}; stats {:?}",
                self.engine.stats()
            );
            let (mut woken, _) = self
                .woken
                .1
                .wait_timeout_while(woken, left.min(Duration::from_millis(200)), |woken| !*woken)
                .expect("not poisoned");
            *woken = false;
        }
    }

    /// Takes what is there now.
    pub(crate) fn take(&self) {
        let mut batch = Vec::new();
        loop {
            let more = self.domain.next_batch(256, 256 * 1024, &mut batch);
            let mut seen = self.seen.lock().expect("not poisoned");
            for (session, event) in batch.drain(..) {
                let stalled = self
                    .stalled
                    .lock()
                    .expect("not poisoned")
                    .contains(&session);
                self.note(&mut seen, session, &event, stalled);
                seen.events.push((session, event));
            }
            if !more {
                return;
            }
        }
    }

    fn note(&self, seen: &mut Seen, session: SessionHandle, event: &Event, stalled: bool) {
        let consume = |credit: usize| {
            if !stalled {
                // The session may have ended meanwhile.
                let _ = self.engine.consume(session, credit);
            }
        };
        match event {
            Event::Message {
                message,
                head,
                body,
                credit,
            } => {
                consume(*credit);
                let _ = self.engine.taken(session, &[*message]);
                seen.messages.entry(session).or_default().push(Received {
                    content_type: head.content_type.clone(),
                    body: body.to_vec(),
                    end: MessageEnd::Complete(body.len() as u64),
                });
            }
            Event::MessageBegin {
                message,
                head,
                credit,
            } => {
                consume(*credit);
                let content_type = head.content_type.clone();
                let end = MessageEnd::Idle;
                let received = Received {
                    content_type,
                    body: Vec::new(),
                    end,
                };
                seen.open.insert(message.0, received);
            }
            Event::MessageBody {
                message,
                offset,
                data,
            } => {
                let open = seen.open.get_mut(&message.0).expect("begun");
                let offset = usize::try_from(*offset).expect("small");
                assert!(offset <= open.body.len(), "a hole");
                open.body.truncate(offset);
                open.body.extend_from_slice(data);
                consume(data.len());
            }
            Event::MessageEnd { message, end } => {
                let mut open = seen.open.remove(&message.0).expect("begun");
                open.end = end.clone();
                let _ = self.engine.taken(session, &[*message]);
                seen.messages.entry(session).or_default().push(open);
            }
            Event::EngineClosed => {
                assert_eq!(session, SessionHandle(0));
                seen.ended = true;
            }
            _ => {}
        }
    }

    /// Forgets what was seen.
    pub(crate) fn forget(&self) {
        *self.seen.lock().expect("not poisoned") = Seen::default();
    }

    pub(crate) fn seen<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.seen.lock().expect("not poisoned"))
    }

    #[track_caller]
    pub(crate) fn wait_opened(&self, session: SessionHandle) {
        self.wait("opened", |seen| {
            assert!(
                seen.closed(session).is_none(),
                "closed: {:?}",
                seen.closed(session)
            );
            seen.has(session, |event| matches!(event, Event::Opened))
        });
        assert_eq!(self.engine.state(session), Ok(SessionState::Open));
    }

    /// Waits for the end of a session.
    #[track_caller]
    pub(crate) fn wait_closed(&self, session: SessionHandle) -> Closed {
        self.wait("closed", |seen| seen.closed(session).is_some());
        self.seen(|seen| seen.closed(session)).expect("just seen")
    }

    /// Waits until `session` has so many messages.
    #[track_caller]
    pub(crate) fn wait_messages(&self, session: SessionHandle, count: usize) -> Vec<Received> {
        self.wait("messages", |seen| {
            seen.messages
                .get(&session)
                .is_some_and(|messages| messages.len() >= count)
        });
        self.seen(|seen| seen.messages[&session].clone())
    }

    #[track_caller]
    pub(crate) fn wait_event(
        &self,
        session: SessionHandle,
        what: &str,
        is: impl Fn(&Event) -> bool,
    ) {
        self.wait(what, |seen| seen.has(session, &is));
    }

    /// As `wait_acknowledged`, while `other` takes its events too.
    #[track_caller]
    pub(crate) fn wait_acknowledged_with(&self, other: &Self, transfer: TransferHandle) {
        other.take();
        self.wait_acknowledged(transfer);
        other.take();
    }

    #[track_caller]
    pub(crate) fn wait_acknowledged(&self, transfer: TransferHandle) {
        self.wait("acknowledged", |seen| {
            seen.events.iter().any(|(_, event)| match event {
                Event::Failed {
                    transfer: failed,
                    error,
                } if *failed == transfer => {
                    panic!("failed: {error:?}")
                }
                Event::Acknowledged { transfer: done } => *done == transfer,
                _ => false,
            })
        });
    }
}

/// A session's end.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) reason: CloseReason,
    pub(crate) error: Option<Error>,
    pub(crate) unacknowledged: Vec<TransferHandle>,
}

impl Seen {
    pub(crate) fn has(&self, session: SessionHandle, is: impl Fn(&Event) -> bool) -> bool {
        self.events
            .iter()
            .any(|(from, event)| *from == session && is(event))
    }

    pub(crate) fn closed(&self, session: SessionHandle) -> Option<Closed> {
        self.events.iter().find_map(|(from, event)| match event {
            Event::Closed {
                reason,
                error,
                unacknowledged,
                ..
            } if *from == session => Some(Closed {
                reason: reason.clone(),
                error: error.clone(),
                unacknowledged: unacknowledged.clone(),
            }),
            _ => None,
        })
    }
}

/// Two bound sessions, made by offer and answer: the first connects.
#[track_caller]
pub(crate) fn pair(a: &Host, b: &Host) -> (SessionHandle, SessionHandle) {
    pair_with(a, SessionOptions::default(), b, SessionOptions::default())
}

#[track_caller]
pub(crate) fn pair_with(
    a: &Host,
    a_options: SessionOptions,
    b: &Host,
    b_options: SessionOptions,
) -> (SessionHandle, SessionHandle) {
    let (one, two) = (a.session_with(a_options), b.session_with(b_options));
    let offer = a.engine.create_offer(one).expect("an offer");
    let answer = b
        .engine
        .create_answer(two, &offer, None)
        .expect("an answer");
    a.engine
        .set_remote(one, &answer, None)
        .expect("the answer is taken");
    b.engine.open(two, Some(PATIENCE)).expect("waits");
    a.engine.open(one, Some(PATIENCE)).expect("connects");
    a.wait_opened(one);
    b.wait_opened(two);
    (one, two)
}

/// The defaults, with changes.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[track_caller]
pub(crate) fn wait_until(mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "waited too long");
        std::thread::yield_now();
    }
}

/// A passive session whose peer is known by hand.
pub(crate) fn passive(host: &Host) -> (SessionHandle, String) {
    passive_with(host, SessionOptions::default())
}

pub(crate) fn passive_with(host: &Host, options: SessionOptions) -> (SessionHandle, String) {
    let session = host.session_with(options);
    let uri = host.engine.local_path(session).expect("a path").to_string();
    let remote = match uri.starts_with("msrps:") {
        true => remote_uri(2855).replace("msrp:", "msrps:"),
        false => remote_uri(2855),
    };
    host.engine
        .set_remote_path(session, &remote, false, "*")
        .expect("a path");
    (session, uri)
}

/// A passive session that a raw peer has bound.
pub(crate) fn bound(host: &Host) -> (SessionHandle, String, RawPeer) {
    let (session, uri) = passive(host);
    let mut peer = RawPeer::connect(&uri);
    peer.send(&uri, &remote_uri(2855), "bind0001", "hi");
    assert!(peer.frame().starts_with("MSRP bind0001 200"));
    host.wait_opened(session);
    (session, uri, peer)
}

/// A listener of this host, and its port; the log is kept from now on.
pub(crate) fn logged_listener(host: &Host, options: ListenOptions) -> (ListenerHandle, u16) {
    host.engine.set_log(Some(LogLevel::Info)).expect("alive");
    let listener = host.engine.listen(options).expect("a port");
    let address = host.engine.listener_address(listener).expect("bound");
    (listener, address.port())
}

/// An active session to a raw peer that took its connection and answered its first request.
pub(crate) fn dialled(host: &Host) -> (SessionHandle, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session();
    host.engine
        .set_remote_path(session, &remote_uri(port), true, "*")
        .expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().expect("a connection").0);
    let first = peer.frame();
    assert!(
        first.contains(" SEND\r\n") && !first.contains("Content-Type"),
        "{first}"
    );
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    (session, peer)
}

/// A port at which connections are neither accepted nor refused.
pub(crate) struct BlackHole {
    pub(crate) port: u16,
    _listener: socket2::Socket,
    _fillers: Vec<socket2::Socket>,
}

/// Fills the queue of a listener, so that the system ignores who comes next.
pub(crate) fn black_hole() -> BlackHole {
    black_hole_at(([127, 0, 0, 1], 0).into()).expect("a port")
}

/// The same at an address of this machine.
///
/// # Errors
/// Somebody else has the port.
pub(crate) fn black_hole_at(at: SocketAddr) -> std::io::Result<BlackHole> {
    use socket2::{Domain, Socket, Type};
    let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = tcp();
    listener.bind(&at.into())?;
    listener.listen(0)?;
    let address = listener.local_addr().expect("bound");
    let fillers: Vec<Socket> = (0..8)
        .map(|_| {
            let socket = tcp();
            socket.set_nonblocking(true).expect("set");
            // In progress, and for ever so once the queue is full.
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    // Its queue has one place.
    wait_until(|| fillers.iter().any(|filler| filler.peer_addr().is_ok()));
    Ok(BlackHole {
        port: address.as_socket().expect("an address").port(),
        _listener: listener,
        _fillers: fillers,
    })
}

/// A connection of ours to a session that was told this peer's path by hand, and is passive.
pub(crate) fn remote_uri(port: u16) -> String {
    format!("msrp://127.0.0.1:{port}/RemoteSession01;tcp")
}
