//! Faults put in on purpose, to see that the tests find them.
//!
//! Each [`Mutant`] breaks one line of the conformance catalogue (`docs/conformance`) at one spot of the code, which
//! asks `mutant::on(Mutant::X)`. In all ordinary builds the answer is the constant `false`, and the compiler leaves
//! nothing of it. Built with `--cfg msrp_mutants`, the one that the environment variable `MSRP_MUTANT` names is on for
//! the whole process. `scripts/mutants.py` reads this file, switches them on one by one, and wants a test that marks
//! the line to fail: a mutant that lives shows a test that sees less than it says.

/// Defines the mutants: a documentation line with the catalogue's ID and what is wrong, and a name.
macro_rules! mutants {
    ($($(#[doc = $what:literal])+ $name:ident,)+) => {
        /// A fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(dead_code, reason = "some are in layers that not every build has")]
        pub(crate) enum Mutant {
            $($(#[doc = $what])+ $name,)+
        }

        #[cfg(msrp_mutants)]
        const ALL: &[(&str, Mutant)] = &[$((stringify!($name), Mutant::$name)),+];
    };
}

mutants! {
    // Framing and headers, written
    /// C-007: no CRLF between body and end-line
    EndLineGlued,
    /// C-009: an empty line before the end-line of what has no body
    EmptyLineWithoutBody,
    /// C-012: the flag of an aborted message is `$`
    AbortSaysEnd,
    /// C-012: the last chunk of a message says `+`
    LastChunkSaysMore,
    /// C-013: the own end-line inside a body is not noticed
    OwnEndLineMissed,
    /// C-030: From-Path before To-Path
    FromPathFirst,
    /// C-035: control octets are written into headers
    ControlsWritten,
    /// C-045: REPORTs have the namespace 001
    StatusNamespace,
    /// C-048: `Content-*` headers stand among the others
    ContentHeadersAmongOthers,

    // Directions
    /// S-145: ordinary messages are sent while the peer takes none
    HoldIgnored,
    /// S-145: ordinary messages are taken while the peer may send none
    HeldPeerServed,

    // Framing and headers, read
    /// C-001: `msrp` is taken for `MSRP`
    ProtocolCase,
    /// C-008: the CRLF before the end-line is delivered
    EndLineBreakDelivered,
    /// C-019: any number of empty lines between messages
    EmptyLinesUnbounded,
    /// C-023: lines may end with a bare LF
    BareLineFeed,
    /// C-033: header names compare with case
    HeaderNameCase,
    /// C-035: control octets in header values are taken
    ControlsTaken,
    /// C-044: anything may follow the total of a Byte-Range
    ByteRangeTrailer,
    /// C-053: a header may come twice
    RepeatedHeader,
    /// C-063: any number of headers
    HeadersUnbounded,
    /// C-292: `0-0` is refused
    StartZeroRefused,

    // URIs
    /// C-083: `msrp` equals `msrps`
    SchemeIgnored,
    /// C-084: the userinfo takes part in comparisons
    UserinfoCompared,
    /// C-087: ports take no part in comparisons
    PortIgnored,
    /// C-088: session-ids compare without case
    SessionIdCase,

    // Sending
    /// C-100: every transaction has the same id
    TransactionIdReused,
    /// C-103: each chunk has a Message-ID of its own
    MessageIdChanges,
    /// C-105: all messages have the same Message-ID
    MessageIdReused,
    /// C-107: Failure-Report is never written
    FailureReportUnsaid,
    /// C-107: only the first chunk asks for success reports
    ReportsAskedOnce,
    /// C-122: ranges start one octet too late
    RangeStartLate,
    /// C-123: ranges end one octet too late
    RangeEndLate,
    /// C-123: the range of an interruptible chunk has an end
    OpenRangeClosed,
    /// C-124: the total is never said
    TotalUnsaid,
    /// C-129: an open chunk is not interrupted for a response
    ChunkNotInterrupted,
    /// C-131: pieces are one octet shorter than asked for
    ShortPieces,
    /// C-192: the active side sends no first SEND
    NoFirstSend,
    /// C-193: the passive side sends before it was spoken to
    PassiveSpeaksFirst,
    /// C-230: a message that has failed ends with `+`
    FailureSaysMore,

    // Routing requests
    /// C-140: a request for nobody goes to some session
    AnySession,
    /// C-140: 506 for an unknown session
    UnknownIsBound,
    /// C-142: a To-Path of several URIs is taken
    LongToPathTaken,
    /// C-143: 481 for a session on another connection
    BoundIsUnknown,
    /// C-145: 200 to an unknown method
    UnknownMethodOk,
    /// C-195: the registry forgets which connection a session is on
    BoundForgotten,

    // Receiving
    /// C-051: a body without Content-Type is acknowledged
    BodyWithoutType,
    /// C-122: the first position is 0
    PositionsFromZero,
    /// C-147: `$` completes a message whatever is missing
    GapsIgnored,
    /// C-152: the announced total is the length, not the end of the last chunk
    TotalBelieved,
    /// C-153: the octets received first win
    FirstOctetsWin,
    /// C-155: a message that ends with `#` is complete
    AbortIsComplete,
    /// C-157: any number of incomplete messages
    IncompleteUnbounded,
    /// C-158: a message that comes again is shown again
    DuplicateShown,
    /// C-160: every Content-Type is taken
    AnyTypeAccepted,
    /// C-164: the greatest size is not watched while octets come
    MaxSizeIgnored,
    /// C-166: a SEND without body is taken for a message
    BodilessIsMessage,
    /// C-168: a later chunk may lack its Byte-Range
    LaterRangeMissing,
    /// C-204: a message cut off by the end of the connection is complete
    CutMessageComplete,
    /// T-63: reading goes on when the buffers are full
    ReadingNotPaused,

    // Responses
    /// C-170: no 200 is sent
    NoResponse,
    /// C-171: a failure is not answered when Failure-Report is `partial`
    PartialFailureSilent,
    /// C-172: a success is answered when Failure-Report is `partial`
    PartialAnswered,
    /// C-173: answers although Failure-Report is `no`
    NoAnswered,
    /// C-174: REPORTs are answered
    ReportAnswered,
    /// C-175: responses have a transaction id of their own
    ForeignTransactionId,
    /// C-176: the response to a SEND has the whole From-Path
    WholePathAnswered,
    /// C-177: the response to another method has the first URI only
    FirstUriAnswered,

    // Reports
    /// C-135: the first success report stands for the whole message
    FirstReportDelivers,
    /// C-211: success is reported before the message was taken
    ReportTooEarly,
    /// C-213: success is reported unasked
    ReportUnasked,
    /// C-214: REPORTs go to the first URI only
    ReportToFirstUri,
    /// C-215: REPORTs have no Byte-Range
    ReportWithoutRange,
    /// C-223: failures are reported although Failure-Report is `no`
    FailureReportedAnyway,
    /// C-225: the range of a failure report is one octet too long
    FailureRangeLong,
    /// C-228: REPORTs of any namespace are read
    AnyNamespaceRead,
    /// C-229: a REPORT that a range was lost leaves the session alive
    LostRangeIgnored,
    /// C-294: one chunk that asks for success reports asks for all
    ReportForWholeMessage,

    // Timers and codes
    /// C-181: a response completes some transaction, whatever its id
    AnyResponseTaken,
    /// C-183: no response is read
    ResponsesIgnored,
    /// C-240: requests time out after half of their time
    TimerEarly,
    /// C-241: 413 does not stop a message
    StopIgnored,
    /// C-242: 408 is told as a status, not as a timeout
    TimeoutIsStatus,
    /// C-245: what was answered 415 is tried again
    TypeTriedAgain,
    /// C-246: the session outlives a 481
    SessionOutlives481,
    /// C-249: chunks with Failure-Report `partial` or `no` time out
    EveryChunkTimed,

    // Offer and answer
    /// S-011: the answer may be for another transport than the offer
    ProtocolMixed,
    /// S-065: offers say `passive`
    OfferPassive,
    /// S-070: `active` is answered by `active`
    ActiveToActive,
    /// S-111: MD5 fingerprints are trusted
    Md5Trusted,

    // Connections
    /// C-079: an `msrps` URI is dialled without TLS
    CleartextDialled,
    /// C-092: whatever port the URI says, the registered one is dialled
    PortAssumed,
    /// C-093: the port is taken for a part of the name
    PortResolved,
    /// C-094: only the first address of a name is tried
    FirstAddressOnly,
    /// C-190: sessions never share a connection
    NeverShared,
    /// C-274: every certificate matches every fingerprint
    AnyFingerprint,
    /// S-119: names beside fingerprints are not asked for
    NamesIgnored,
    /// C-289: dials have no bounded rate
    DialsUnbounded,
    /// C-293: an `msrps` session is served in cleartext, and by other listeners
    CleartextServed,
    /// C-293: a session is served on a connection of another certificate
    StrangerServed,
    /// T-63: any number of connections without a session
    UnboundUnbounded,

    // Relays: who may use one, and for what
    /// another relay may have any name in its URI
    RelayNameUnchecked,
    /// AUTH is served without TLS
    PlainAuthServed,
    /// any Expires is granted
    ExpiresUnbounded,
    /// a URI has no end
    TokenEndless,
    /// a URI outlives the connection that got it
    TokenOutlivesLink,
    /// requests for other hosts are dropped and no more
    OthersRequestsDropped,
    /// who uses a URI is taken for its holder
    AnybodyIsHolder,
    /// AUTHs of others go to the holder of a URI
    AuthToHolder,
    /// the own URIs of a path are not counted
    LoopsForwarded,
    /// a connection is made to a peer that has one here
    PeerConnectionUnused,
    /// the last connection of a peer is used, not the first
    LastConnectionUsed,

    // CEMA
    /// S-097: connects by path whatever `c=` and `m=` line say
    CemaByPath,
    /// S-095: an answer that needs a new offer is taken
    CemaNoFallback,
    /// S-100: an offer without CEMA is taken though `c=` and `m=` line do not match
    CemaMismatchTaken,
    /// S-105: the certificate has to name the middlebox
    CemaNameChecked,
}

/// What is right, or what is wrong when this fault is switched on.
#[inline(always)]
pub(crate) fn swap<T>(mutant: Mutant, right: T, wrong: impl FnOnce() -> T) -> T {
    if on(mutant) { wrong() } else { right }
}

/// Whether this fault is switched on.
#[cfg(not(msrp_mutants))]
#[inline(always)]
pub(crate) const fn on(_: Mutant) -> bool {
    false
}

/// Whether this fault is switched on.
#[cfg(msrp_mutants)]
pub(crate) fn on(mutant: Mutant) -> bool {
    use std::sync::LazyLock;

    static CHOSEN: LazyLock<Option<Mutant>> = LazyLock::new(|| {
        let name = std::env::var("MSRP_MUTANT").ok()?;
        let chosen = ALL.iter().find(|(known, _)| *known == name);
        Some(
            chosen
                .unwrap_or_else(|| panic!("no mutant is called {name}"))
                .1,
        )
    });
    *CHOSEN == Some(mutant)
}
