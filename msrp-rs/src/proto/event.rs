//! What goes into a [`Connection`](super::Connection) beside octets, and what comes out.
//!
//! Commands and events are plain values, in the terms of RFC 4975 §5 and §7. `net::mailbox` carries both, `engine`
//! gives them their public form.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::flow::Flow;
use super::refused::RefusedType;
use crate::wire::{
    ByteRange, FailureReport, MediaRange, MessageId, Method, StatusCode, Uri, UriPath,
};

/// The caller's name for a session; unique among the sessions that are alive at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);

/// The caller's name for an outgoing message, unique within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransferKey(pub u32);

/// The connection's name for an incoming message, unique within its session until 2³² messages later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey(pub u32);

/// Who sends REPORTs for incoming messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportMode {
    /// A success REPORT goes out when the consumer has taken the last part, if the sender asked for one.
    #[default]
    Auto,
    /// Only [`Command::Report`] makes REPORTs.
    Manual,
}

/// Which To-Paths of incoming requests name a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionMatch {
    /// Those that equal our URI by the rules of RFC 4975 §6.1.
    #[default]
    Uri,
    /// Those of one URI with our session-id, whatever scheme, host, port and transport it has. RFC 4975 §6.1 forbids
    /// this; some peers, and gateways that write other addresses into the SDP, need it. Answers have the URI that the
    /// request was addressed to.
    SessionId,
}

/// How fast requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pacing {
    /// No request waits for the answer to another (RFC 4975 §7.1.1).
    #[default]
    Pipelined,
    /// At most one SEND of the session is without its answer. After one that asks for none (`Failure-Report: no` or
    /// `partial`) the next waits for [`PACE`](super::PACE). On the whole connection no
    /// [`transmit_slices`](super::Connection::transmit_slices) gives octets of two frames.
    One,
}

/// What a connection has to know of a session.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Our own URI: the From-Path of requests, the To-Path by which the peer's requests find us.
    pub local_uri: Uri,
    /// The To-Path of requests: our relays, if any, then the peer's SDP path.
    pub remote_path: UriPath,
    /// Whether we send the first request (RFC 4975 §5.4). A passive session sends nothing before it got one.
    pub active: bool,
    /// Most octets in the body of one chunk; 0 for no bound. Up to 2048 the ranges are exact, above they
    /// end in `*` and the chunk can be interrupted.
    pub chunk_len: u32,
    /// Which To-Paths of incoming requests name this session.
    pub session_match: SessionMatch,
    /// How fast requests follow each other.
    pub pacing: Pacing,
    /// End a chunk inside of each CRLF and seven hyphens of a body, so that only end-lines begin so. A body that begins
    /// with hyphens is sent by six of them.
    pub dash_split: bool,
    /// The content types that the consumer takes; others get 415. Entries of `accept-types`.
    pub accept_types: Arc<[MediaRange]>,
    /// The largest message that the consumer takes; larger ones get 413.
    pub max_size: Option<u64>,
    /// Who sends REPORTs.
    pub reports: ReportMode,
    /// Who sends ordinary messages, until [`Command::SetFlow`] says otherwise.
    pub flow: Flow,
    /// Methods beside SEND and REPORT whose requests the consumer answers; all others get 501 (RFC 4975 §12).
    pub methods: Arc<[Method]>,
    /// Send a bodiless SEND when nothing was sent for so long.
    pub keep_alive: Option<Duration>,
    /// How long after the last octet of a message its success REPORTs are waited for (RFC 4975 §7.1.1), if they were
    /// asked for; `None`: as long as the session lasts. Beyond: [`Event::Unconfirmed`].
    pub report_timeout: Option<Duration>,
    /// The key of the first incoming message; counts up from there.
    pub first_message: u32,
}

/// What a request's To-Path means, when the connection does not know that URI yet.
#[derive(Debug)]
pub enum Lookup {
    /// Now bound to this connection.
    Ready(SessionKey, Box<SessionConfig>),
    /// One of ours, but its remote side is not known yet: requests are held until
    /// [`Connection::attach`](super::Connection::attach).
    NotReady(SessionKey),
    /// Bound to another connection: 506.
    BoundElsewhere,
    /// Nobody's: 481.
    Unknown,
}

/// Where a connection asks for URIs that it does not know.
pub trait Directory {
    /// Looks `uri` up; a `Ready` answer binds the session to the asking connection.
    fn lookup(&mut self, uri: &Uri) -> Lookup;
}

/// What a session is told to do.
#[derive(derive_more::Debug, Clone)]
pub enum Command {
    /// Sends a message.
    Send(TransferKey, Box<OutgoingMessage>),
    /// The next octets of a stream; never more than [`Event::DataWanted`] asked for.
    #[debug("StreamData({_0:?}, {} octets)", _1.len())]
    StreamData(TransferKey, Bytes),
    /// Sends what was given so far, even if it makes a chunk under 2048 octets.
    StreamFlush(TransferKey),
    /// The stream is complete.
    StreamEnd(TransferKey),
    /// Ends an outgoing message with `#`. Without effect once its last chunk was sent.
    Abort(TransferKey),
    /// The consumer took octets: their credit comes back to the session's receive window.
    Consumed(usize),
    /// The consumer took the last part of a complete message.
    Taken(MessageKey),
    /// The consumer does not want (the rest of) a message: its chunks are answered with this status. Of a complete one,
    /// the REPORT that is not made yet says it.
    Reject(MessageKey, StatusCode, String),
    /// Makes a REPORT about a message that is complete, with [`ReportMode::Manual`].
    Report(MessageKey, StatusCode, String),
    /// Answers a request of another method. Without effect once it was answered, or its sender has given up.
    Answer(MessageKey, Box<Answer>),
    /// Makes a REPORT about these octets of a message, from and to a 0-based position, with [`ReportMode::Manual`];
    /// as often as wanted, also while the message goes on.
    ReportRange(MessageKey, u64, u64, StatusCode, String),
    /// The direction was negotiated anew (RFC 4975 §8.9).
    SetFlow(Flow),
    /// The peer has this new path, which another connection, or this one, tries (RFC 4975 §8.4). Where this connection is
    /// lost meanwhile, what has not begun is handed back. `None`: no longer.
    Move(Option<UriPath>),
    /// To-Path of our requests is this one from now on, over the same connection: our relays gave us other URIs, or the
    /// peer is elsewhere behind them (RFC 4976 §5.1, §9.4). With `true` we are the one who sends first, and a request
    /// without body shows the peer the new path.
    Readdress(UriPath, bool),
    /// Another connection has the session. What has not begun is handed back ([`Event::Returned`], then
    /// [`Event::Retired`]), what has begun goes on; then the session ends here.
    Retire,
    /// Ends the session when everything under way is answered; what is left at the deadline is aborted.
    Close(Instant),
    /// Ends the session at once.
    CloseNow,
    /// The signalling ended the stream: the session ends at once, and nothing more is sent in it (RFC 3264 §8.2).
    EndStream,
}

/// A response: to a request of another method than SEND and REPORT (RFC 4975 §7.2, §12).
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub status: StatusCode,
    /// The text after it; if empty, the usual one is written.
    pub comment: String,
    /// Headers after the paths. Those to be sent are validated by `wire::validate_extra_header`.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// A response with this code, its usual comment, and no headers.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            comment: String::new(),
            headers: Vec::new(),
        }
    }
}

/// A message to be sent, or a request of another method.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct OutgoingMessage {
    /// SEND for a message. Of any other but REPORT one request is sent, which is never cut: its body is whole, and of
    /// at most 10 KiB (RFC 4975 §7.1).
    pub method: Method,
    /// The Message-ID; made by the connection when absent.
    pub message_id: Option<MessageId>,
    /// The media type of the body. Ignored for [`Body::None`].
    pub content_type: String,
    /// Further headers, validated by `wire::validate_extra_header`.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
    /// Whether to ask for success REPORTs.
    pub success_report: bool,
    /// Which failures to ask for.
    pub failure_report: FailureReport,
    /// Whether it is control or a report: [`Flow`] does not stop it. Requests of other methods are not stopped anyway.
    pub control: bool,
    /// The content.
    pub body: Body,
}

/// The content of a message to be sent.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub enum Body {
    /// No content: a bodiless SEND.
    None,
    /// All of it.
    #[debug("Whole({} octets)", _0.len())]
    Whole(Bytes),
    /// It comes by [`Command::StreamData`], of this total length if known.
    Stream(Option<u64>),
}

/// What a session tells its owner.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub enum Event {
    /// The session is bound: the peer answered our first request, or sent its first.
    Bound,
    /// A complete message of at most 16 KiB. `credit` octets return by [`Command::Consumed`].
    Message {
        /// The message.
        message: MessageKey,
        /// Its headers.
        head: Arc<MessageHead>,
        /// Its content.
        #[debug("{} octets", body.len())]
        body: Bytes,
        /// Octets counted against the receive window.
        credit: usize,
    },
    /// The first octets of a message that is larger, or not complete yet.
    MessageBegin {
        /// The message.
        message: MessageKey,
        /// Its headers.
        head: Arc<MessageHead>,
        /// Octets counted against the receive window.
        credit: usize,
    },
    /// The next octets, in order. Where `offset` is below what was given before, the peer sent that range
    /// again and these octets replace the earlier ones (RFC 4975 §7.3.1).
    MessageBody {
        /// The message.
        message: MessageKey,
        /// 0-based position of the first octet.
        offset: u64,
        /// The octets; as many count against the receive window.
        #[debug("{} octets", data.len())]
        data: Bytes,
    },
    /// The message is over.
    MessageEnd {
        /// The message.
        message: MessageKey,
        /// How.
        end: MessageEnd,
    },
    /// Small messages were written or have failed: so much of the send window, as by
    /// [`send_cost`](super::send_cost), is free again.
    WindowReleased(usize),
    /// A stream may be given so many octets more.
    DataWanted(TransferKey, usize),
    /// A large message or stream: octets written so far.
    Progress(TransferKey, u64),
    /// A whole body of more than 64 KiB: its last octet was taken, the buffer is free.
    Accepted(TransferKey),
    /// Every chunk was answered 200, or written if no response was asked for.
    Acknowledged(TransferKey),
    /// Success REPORTs cover the message.
    Delivered(TransferKey),
    /// Success REPORTs were asked for and have not come.
    Unconfirmed(TransferKey, Unconfirmed),
    /// The peer answered 415: nothing more of this type is sent (RFC 4975 §10.6).
    TypeRefused(RefusedType),
    /// The message failed; also after `Acknowledged`, when a failure REPORT came late.
    Failed(TransferKey, Failure),
    /// A request of one of [`SessionConfig::methods`], to be answered by [`Command::Answer`]. `credit` octets return by
    /// [`Command::Consumed`].
    Request {
        /// The request: one of the session's incoming messages, and numbered with them.
        message: MessageKey,
        /// Its headers.
        head: Arc<RequestHead>,
        /// Its body.
        #[debug("{} octets", body.len())]
        body: Bytes,
        /// Octets counted against the receive window.
        credit: usize,
    },
    /// The response to a request of ours of another method. `Acknowledged` or `Failed` follows.
    Response(TransferKey, Box<Answer>),
    /// A REPORT about one of our messages.
    Report {
        /// The message.
        transfer: TransferKey,
        /// The status, of namespace 000.
        status: StatusCode,
        /// Its comment.
        comment: String,
        /// What it is about; absent: the whole message.
        range: Option<ByteRange>,
    },
    /// The consumer is too slow for a shared connection: its open messages were aborted, and further ones
    /// are refused with 413 until it has caught up.
    Shed,
    /// The session is no longer shed.
    Recovered,
    /// A message that has not begun, handed back to be sent elsewhere.
    Returned(TransferKey, Box<OutgoingMessage>),
    /// All that is handed back was.
    Retired,
    /// The peer uses its new path on this connection: so do we.
    Moved,
    /// The last event.
    Closed {
        /// Why.
        reason: CloseReason,
        /// Messages that were neither acknowledged nor reported as failed before.
        unacknowledged: Vec<TransferKey>,
    },
}

/// The headers of an incoming message, as in its first chunk.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct MessageHead {
    /// The Message-ID.
    pub message_id: MessageId,
    /// The media type, as it came.
    pub content_type: String,
    /// The headers that have no field here: all but the paths, Message-ID, Byte-Range, the report headers and
    /// Content-Type, in their order.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
    /// The announced length: a hint, until the message is complete.
    pub total: Option<u64>,
    /// Whether the sender asked for a success REPORT.
    pub success_report: bool,
    /// What the sender asked for in case of failure.
    pub failure_report: FailureReport,
}

/// The headers of a request of another method.
#[derive(derive_more::Debug, Clone, PartialEq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The Message-ID; not every method has one.
    pub message_id: Option<MessageId>,
    /// The media type of the body, as it came; `None`: no body.
    pub content_type: Option<String>,
    /// The headers that have no field here: all but the paths, Message-ID and Content-Type, in their order.
    #[debug("{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())]
    pub headers: Vec<(String, String)>,
}

/// How an incoming message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEnd {
    /// All octets are there: this many.
    Complete(u64),
    /// The sender ended it with `#`.
    Aborted,
    /// We refused it: too large, too slow a consumer, or by [`Command::Reject`].
    Rejected(StatusCode),
    /// No chunk came for the idle limit.
    Idle,
    /// The session ended first.
    SessionClosed,
}

/// Why an outgoing message failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The peer or a relay answered or reported this.
    Status {
        /// The status code.
        code: StatusCode,
        /// Its comment.
        comment: String,
    },
    /// No response in 30 s after the last octet of a chunk.
    Timeout,
    /// Ended by [`Command::Abort`].
    Aborted,
    /// Not begun: the peer answered another message of this type with 415.
    TypeRefused(RefusedType),
    /// The stream gave another number of octets than it announced.
    WrongLength {
        /// Announced.
        announced: u64,
        /// Given.
        given: u64,
    },
    /// The session ended first.
    SessionClosed,
}

/// Why a message that success REPORTs were asked for is not confirmed by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unconfirmed {
    /// None covered it within [`SessionConfig::report_timeout`]. One that comes later counts all the same.
    Timeout(Duration),
    /// `Limits::remembered_ids` later messages were acknowledged: a REPORT about it would not be understood any more.
    Forgotten,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// By us: [`Command::Close`] or [`Command::CloseNow`].
    Local,
    /// The peer closed the connection between two messages.
    PeerClosed,
    /// The connection failed; the text says how.
    ConnectionLost(String),
    /// The operating system took no octet for the time of `Limits::write_stall`.
    WriteStall,
    /// The peer broke the protocol.
    Protocol {
        /// 0-based offset in the peer's octet stream.
        offset: u64,
        /// What was wrong.
        reason: String,
    },
    /// The peer's response or REPORT ended the session: 481, 506, or a reported 408.
    Status {
        /// The status code.
        code: StatusCode,
        /// Its comment.
        comment: String,
    },
    /// The binding request, or a keep-alive, was not answered in time.
    BindTimeout,
    /// The signalling ended the stream: port 0 in an SDP (RFC 3264 §8.2).
    StreamEnded,
}

impl CloseReason {
    /// Whether it is one of the connection, not of the session alone.
    #[cfg(feature = "net")]
    pub(crate) fn is_of_connection(&self) -> bool {
        match self {
            Self::PeerClosed
            | Self::ConnectionLost(_)
            | Self::WriteStall
            | Self::Protocol { .. } => true,
            Self::Local | Self::Status { .. } | Self::BindTimeout | Self::StreamEnded => false,
        }
    }
}
