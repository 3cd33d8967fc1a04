//! What links of a relay say to each other: a chunk on its way, and what became of it.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::wire::{Continuation, FailureReport, MessageId, Method, StatusCode, Uri};

/// One connection of a relay, unique as long as the relay runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// Who is at the other end of a link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Connected to us and showed no certificate that we trust: an endpoint (RFC 4976 §6.1).
    Client,
    /// A relay: TLS proved these names (RFC 4976 §6.3, §9.2).
    Relay(RelayNames),
    /// Not a relay of ours: we connected to it as the next hop.
    Host,
}

/// The names of a relay: what is to be found in its URIs, and each of them proved by its certificate. In lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayNames(Arc<[Arc<str>]>);

impl RelayNames {
    /// So many count; further ones of a certificate are passed over.
    pub const MOST: usize = 32;

    /// The first [`MOST`](Self::MOST) of these names, each once; `None` if there is none.
    pub fn new(names: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut kept: Vec<Arc<str>> = Vec::new();
        for mut name in names {
            name.make_ascii_lowercase();
            if !kept.iter().any(|other| **other == *name) {
                kept.push(name.into());
            }
            if kept.len() == Self::MOST {
                break;
            }
        }
        (!kept.is_empty()).then(|| Self(kept.into()))
    }

    /// All of them; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    /// Whether this is one of them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Which of them the host of a URI is.
    pub(super) fn called(&self, uri: &Uri) -> Option<&Arc<str>> {
        let host = uri.host().to_string();
        self.0.iter().find(|own| own.eq_ignore_ascii_case(&host))
    }
}

impl fmt::Display for RelayNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl From<&str> for RelayNames {
    /// A relay with one name.
    fn from(name: &str) -> Self {
        Self([Arc::from(name.to_ascii_lowercase())].into())
    }
}

impl Peer {
    /// Whether the connection may be used for several clients of ours: that of another relay, and one that we made, since
    /// there is one to each next hop. What one request on it has wrong is not to end the sessions of others.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Client => false,
            Self::Relay(_) | Self::Host => true,
        }
    }
}

/// One link and its other end, as far as decisions depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which link.
    pub link: LinkId,
    /// Who is at the other end.
    pub peer: Peer,
    /// Whether the connection is protected by TLS: AUTH is served over no other (RFC 4976 §9.2).
    pub secure: bool,
    /// Where the other end is, if that is known.
    pub address: Option<IpAddr>,
}

/// Who got a URI of this relay (RFC 4976 §6.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A client: the URI is worth something on this connection alone.
    Link(LinkId),
    /// A client behind the relay of this name: on each connection to it.
    Relay(Arc<str>),
}

/// Where a request goes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hop {
    /// Over this link, and no other: an own client, or a peer that connected itself (RFC 4976 §6.3, §6.4.2).
    Link(LinkId),
    /// Over any link to the relay of this name.
    Relay(Arc<str>),
    /// To this URI, over a link that there is or a new one.
    Uri {
        /// The next hop: first of what remains of To-Path.
        uri: Box<Uri>,
        /// More URIs remain: the next hop is a relay, which has to prove its name by its certificate (RFC 4976 §9.2).
        relay: bool,
    },
}

impl Hop {
    /// What the sender is told when it cannot be reached, or was lost: 481 for a client that is gone, since no
    /// connection is made to it, else 408.
    pub fn gone(&self) -> StatusCode {
        match self {
            Self::Link(_) => StatusCode::NO_SUCH_SESSION,
            Self::Relay(_) | Self::Uri { .. } => StatusCode::TIMEOUT,
        }
    }
}

/// All requests of one session in one direction, as one link receives them: what order, fairness and back-pressure
/// are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId {
    /// The link that receives them.
    pub link: LinkId,
    /// Counts up on that link.
    pub number: u64,
}

/// One request under way through the relay, from the first octet received until nothing can become of it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    /// Where it belongs; the link in it received it, and hears what became of it.
    pub lane: LaneId,
    /// Counts up on that link.
    pub number: u64,
}

/// What all requests of one session in one direction have in common.
///
/// Paths are written as they stand here: URIs with one SP between them.
#[derive(derive_more::Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where they go.
    pub hop: Hop,
    /// To-Path as it is sent: what remains when our URIs are taken off.
    #[debug("{} octets", to_path.len())]
    pub to_path: Bytes,
    /// From-Path as it is sent: our URIs, as they were written, before what came.
    #[debug("{} octets", from_path.len())]
    pub from_path: Bytes,
    /// Our URI to which the request was addressed: the From-Path of our REPORTs.
    #[debug("{} octets", addressed.len())]
    pub addressed: Bytes,
    /// From-Path as it came: the To-Path of our REPORTs.
    #[debug("{} octets", origin.len())]
    pub origin: Bytes,
}

/// The header lines of a request but its paths, as they came.
#[derive(derive_more::Debug, Clone, Default)]
pub struct Lines {
    /// The lines, each with its CRLF.
    #[debug("{} octets", octets.len())]
    pub octets: Bytes,
    /// Where the Byte-Range line stands in them; empty if there is none.
    pub byte_range: Range<usize>,
}

/// A SEND as it is to be sent on.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Its session and direction.
    pub leg: Arc<Leg>,
    /// The message; not every SEND has one.
    pub message_id: Option<MessageId>,
    /// 1-based position of the first octet.
    pub start: u64,
    /// The announced length of the message.
    pub total: Option<u64>,
    /// What the sender wants to hear of failures.
    pub failure_report: FailureReport,
    /// Its other headers. The Byte-Range among them is written anew; if there is none, and nothing is cut, none is
    /// sent.
    pub lines: Lines,
    /// Whether a body follows, perhaps of no octets.
    pub has_body: bool,
}

/// A request of another method than SEND: whole, since it is small (RFC 4975 §7.1).
#[derive(derive_more::Debug, Clone)]
pub struct Request {
    /// Its session and direction.
    pub leg: Arc<Leg>,
    /// The method; all but REPORT are answered end to end.
    pub method: Method,
    /// Its other header lines, each with its CRLF.
    #[debug("{} octets", lines.len())]
    pub lines: Bytes,
    /// The body, if there is one.
    #[debug("{:?} octets", body.as_ref().map(Bytes::len))]
    pub body: Option<Bytes>,
    /// How it ended.
    pub continuation: Continuation,
}

/// The response to a forwarded request of another method than SEND, on its way back.
#[derive(derive_more::Debug, Clone)]
pub struct Response {
    /// Its code.
    pub status: StatusCode,
    /// The text after the code.
    pub comment: String,
    /// To-Path as it is sent.
    #[debug("{} octets", to_path.len())]
    pub to_path: Bytes,
    /// From-Path as it is sent.
    #[debug("{} octets", from_path.len())]
    pub from_path: Bytes,
    /// Its other header lines, each with its CRLF.
    #[debug("{} octets", lines.len())]
    pub lines: Bytes,
    /// Whether a 401 in it says that only the nonce was too old.
    pub stale: bool,
    /// How it ended.
    pub continuation: Continuation,
}

/// From the link that receives to the one that sends.
#[derive(derive_more::Debug)]
pub enum Forward {
    /// A SEND that is there from its first octet to its last.
    Whole {
        /// Which.
        flow: FlowId,
        /// What it is.
        chunk: Chunk,
        /// Its octets.
        #[debug("{} octets", body.len())]
        body: Bytes,
        /// How it ended.
        continuation: Continuation,
    },
    /// A SEND begins.
    Begin(FlowId, Box<Chunk>),
    /// The next octets of it.
    #[debug("Body({_0:?}, {} octets)", _1.len())]
    Body(FlowId, Bytes),
    /// It has ended so.
    End(FlowId, Continuation),
    /// It ends here, for the connection that brought it was lost, or we gave it up: what is not encoded of it is
    /// dropped, what was sent of it ends with `+` (RFC 4975 §5.4), and nothing more is told of it.
    Cut(FlowId),
    /// A request of another method. Where a response is awaited, it goes back by this flow.
    Request(FlowId, Box<Request>),
    /// Nothing more comes in this lane.
    Leave(LaneId),
}

/// From the link that sends to the one that received.
#[derive(Debug)]
pub enum Backward {
    /// So much of what [`Forward::cost`] counts has left: as much more may come.
    Credit(LaneId, usize),
    /// A request will not arrive, or not all of it, as far as we know.
    Outcome(Box<Outcome>),
    /// The response to a forwarded request of another method.
    Response(FlowId, Box<Response>),
}

/// What the sender has to be told: by an error response while its request is unanswered, by a REPORT after (RFC 4976 §3,
/// §6.4.1).
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Of which request.
    pub flow: FlowId,
    /// What the REPORT says of its session.
    pub leg: Arc<Leg>,
    /// Of which message.
    pub message_id: Option<MessageId>,
    /// What the next hop answered; 408 for silence and lost connections; 481 for a client that is gone.
    pub status: StatusCode,
    /// 1-based, first and last octet that it is about; `(1, 0)` for a SEND without octets.
    pub range: (u64, u64),
    /// The announced length of the message.
    pub total: Option<u64>,
}

/// What a forward counts besides its octets.
const OVERHEAD: usize = 256;

/// Paths of a leg up to this length are part of `OVERHEAD`: most are shared by all that waits in a lane.
const USUAL_PATHS: usize = 1024;

/// Shorter pieces are copied when they have to wait, so that they do not keep the whole block they came in.
const SHORT: usize = 16 * 1024;

/// Octets of one SEND that wait together when they came in smaller pieces.
const JOINED: usize = 2048;

impl Forward {
    /// The lane it belongs to.
    pub fn lane(&self) -> LaneId {
        match self {
            Self::Whole { flow, .. }
            | Self::Begin(flow, _)
            | Self::Body(flow, _)
            | Self::End(flow, _)
            | Self::Cut(flow)
            | Self::Request(flow, _) => flow.lane,
            Self::Leave(lane) => *lane,
        }
    }

    /// Where it goes; only what begins a request says it, the rest goes after that.
    pub fn leg(&self) -> Option<&Arc<Leg>> {
        match self {
            Self::Whole { chunk, .. } => Some(&chunk.leg),
            Self::Begin(_, chunk) => Some(&chunk.leg),
            Self::Request(_, request) => Some(&request.leg),
            Self::Body(..) | Self::End(..) | Self::Cut(_) | Self::Leave(_) => None,
        }
    }

    /// What it counts against the window of its lane, and what [`Backward::Credit`] gives back when it has left.
    pub fn cost(&self) -> usize {
        match self {
            Self::Whole { chunk, body, .. } => {
                overhead(&chunk.leg) + chunk.lines.octets.len() + body.len()
            }
            Self::Begin(_, chunk) => overhead(&chunk.leg) + chunk.lines.octets.len(),
            Self::Body(_, body) => body.len(),
            Self::Request(_, request) => {
                overhead(&request.leg)
                    + request.lines.len()
                    + request.body.as_ref().map_or(0, Bytes::len)
            }
            Self::End(..) | Self::Cut(_) | Self::Leave(_) => 0,
        }
    }

    /// Appends the next one, if both are short octets of one SEND: in small pieces they take more room than they count.
    /// Otherwise it is given back.
    pub(crate) fn join(&mut self, next: Self) -> Option<Self> {
        if let (Self::Body(flow, body), Self::Body(other, more)) = (self, &next)
            && flow == other
            && body.len() + more.len() <= JOINED
        {
            *body = [&body[..], &more[..]].concat().into();
            return None;
        }
        Some(next)
    }

    /// Copies what is short: for forwards that have to wait, so that they do not keep the whole blocks they came in.
    pub fn detach(&mut self) {
        match self {
            Self::Whole { chunk, body, .. } => {
                chunk.detach();
                detach(body);
            }
            Self::Begin(_, chunk) => chunk.detach(),
            Self::Body(_, body) => detach(body),
            Self::Request(_, request) => {
                detach(&mut request.lines);
                request.body.as_mut().into_iter().for_each(detach);
            }
            Self::End(..) | Self::Cut(_) | Self::Leave(_) => {}
        }
    }
}

impl Backward {
    /// The link that it is for.
    pub fn link(&self) -> LinkId {
        match self {
            Self::Credit(lane, _) => lane.link,
            Self::Outcome(outcome) => outcome.flow.lane.link,
            Self::Response(flow, _) => flow.lane.link,
        }
    }
}

impl Chunk {
    /// Copies what is short.
    pub(super) fn detach(&mut self) {
        detach(&mut self.lines.octets);
    }
}

impl Leg {
    /// Octets of its paths.
    pub(super) fn paths_len(&self) -> usize {
        self.to_path.len() + self.from_path.len() + self.origin.len() + self.addressed.len()
    }
}

fn overhead(leg: &Leg) -> usize {
    OVERHEAD + leg.paths_len().saturating_sub(USUAL_PATHS)
}

/// Copies what is short, so that it does not keep the whole block it came in.
pub(super) fn detach(octets: &mut Bytes) {
    if octets.len() < SHORT {
        *octets = Bytes::copy_from_slice(octets);
    }
}
