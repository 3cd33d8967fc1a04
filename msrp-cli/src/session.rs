//! The session of `send`, `recv`, `echo` and `chat`: options, opening, the end.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use msrp::sdp::{Fingerprint, HashFunction};
use msrp::{
    ChunkLen, CloseReason, Engine, EngineOptions, Identity, Pacing, PeerProof, PemSource, Profile,
    RelayLogin, ReportMode, Session, SessionMatch, SessionOptions, SetupPreference, TlsConfig,
    TlsVerify, TraceOptions,
};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::login;
use crate::output::Output;
use crate::rendezvous::{self, Habit};

/// How the session is set up.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    #[command(flatten)]
    rendezvous: rendezvous::Args,

    /// Address and port to listen on; port 0 takes any free one.
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:0",
        help_heading = "Connection"
    )]
    listen: HostPort,

    /// What the peer shall connect to, where that is not the address we listen on.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Connection")]
    advertise: Option<HostPort>,

    /// Be the side that connects.
    #[arg(long, conflicts_with = "passive", help_heading = "Connection")]
    active: bool,

    /// Be the side that the peer connects to.
    #[arg(long, help_heading = "Connection")]
    passive: bool,

    /// Seconds to wait for the peer; 0 waits for ever.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30.0,
        help_heading = "Connection"
    )]
    timeout: f64,

    /// What the peer, or the relay before it, is. Its habits are set by the next four options unless they are given;
    /// docs/peers.md tells them.
    #[arg(
        long,
        value_name = "NAME",
        default_value_t = Profile::Strict,
        value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::name))
            .try_map(|name| name.parse::<Profile>()),
        help_heading = "Peer"
    )]
    peer: Profile,

    /// Most octets in one chunk; 0 for no limit. By default 2048, which every peer can read, or no limit where the
    /// peer is this program, too.
    #[arg(long, value_name = "OCTETS", help_heading = "Peer")]
    chunk_len: Option<u32>,

    /// Which requests are for this session: those to its URI, or those with its session-id whatever their address.
    #[arg(long, value_name = "PART", help_heading = "Peer")]
    session_match: Option<Match>,

    /// Send requests as they come, or one at a time: the next when the one before is answered.
    #[arg(long, value_name = "PACE", help_heading = "Peer")]
    pacing: Option<Pace>,

    /// End chunks inside of CRLF and seven hyphens, which hasty peers take for the end of a body.
    #[arg(long, value_name = "SWITCH", help_heading = "Peer")]
    dash_split: Option<Switch>,

    #[command(flatten)]
    login: login::Args,

    /// Speak TLS.
    #[arg(long, help_heading = "TLS")]
    tls: bool,

    /// Our certificate chain, PEM.
    #[arg(long, value_name = "FILE", requires = "tls", help_heading = "TLS")]
    cert: Option<PathBuf>,

    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    key: Option<PathBuf>,

    /// Know the peer by the fingerprint in its SDP and not by an authority. Without --cert a certificate is made for
    /// this session.
    #[arg(
        long,
        requires = "tls",
        conflicts_with_all = ["ca", "server_name", "insecure"],
        help_heading = "TLS"
    )]
    fingerprint: bool,

    /// A fingerprint that the peer's certificate must have, such as 'sha-256 AB:CD:...'; may be repeated. With
    /// --fingerprint its SDP need not have one, so that --to is enough.
    #[arg(
        long,
        value_name = "FINGERPRINT",
        requires = "tls",
        help_heading = "TLS"
    )]
    peer_fingerprint: Vec<Fingerprint>,

    /// Trust these authorities, PEM, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "tls", help_heading = "TLS")]
    ca: Option<PathBuf>,

    /// The name in the peer's certificate, where it is not the host of its URI.
    #[arg(long, value_name = "NAME", requires = "tls", help_heading = "TLS")]
    server_name: Option<String>,

    /// Trust any certificate. The peer may then be anyone.
    #[arg(long, requires = "tls", help_heading = "TLS")]
    insecure: bool,

    /// Append the keys of the connection to this file, for Wireshark. Who has it can read what was recorded.
    #[arg(long, value_name = "FILE", requires = "tls", help_heading = "TLS")]
    keylog: Option<PathBuf>,

    /// Write what goes over the connection into a new pcapng file, for tshark and Wireshark.
    #[arg(long, value_name = "FILE", help_heading = "Trace")]
    trace: Option<PathBuf>,

    /// Do not mask content, credentials and session-ids in the trace.
    #[arg(long, requires = "trace", help_heading = "Trace")]
    trace_secrets: bool,
}

/// `--session-match`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Match {
    Uri,
    SessionId,
}

/// `--pacing`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Pace {
    Pipelined,
    One,
}

/// `--dash-split`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// `HOST:PORT`, with IPv6 addresses in brackets.
#[derive(Debug, Clone)]
pub(crate) struct HostPort {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "expected HOST:PORT, an IPv6 address in brackets".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(wrong());
        }
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port: port.parse().map_err(|_| wrong())?,
        })
    }
}

/// What distinguishes the commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Who makes the offer where the options leave it open.
    pub(crate) habit: Habit,
    /// Whether we connect where the options leave it open and there is no SDP.
    pub(crate) active: bool,
    /// What an interrupt means.
    pub(crate) interrupted: Exit,
    /// Whether somebody decides on what comes: the peer may be kept waiting for ever, and REPORTs are made by hand.
    pub(crate) attended: bool,
}

/// Opens a session as `args` say, lets `work` have it, closes it.
pub(crate) fn run(
    args: &Args,
    manner: Manner,
    output: Output,
    work: impl AsyncFnOnce(&Session) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    if args.login.reads_standard_input() && args.rendezvous.reads_standard_input(manner.habit) {
        let text = "--relay-password-file - leaves no standard input for the rendezvous: use files";
        return Err(Failure::new(Exit::Usage, text));
    }
    let relays = args.login.logins()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let result = runtime.block_on(hold(args, relays, manner, output, work));
    // A read of standard input may still block a thread: it ends with the process.
    runtime.shutdown_background();
    result
}

async fn hold(
    args: &Args,
    relays: Vec<RelayLogin>,
    manner: Manner,
    output: Output,
    work: impl AsyncFnOnce(&Session) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut interrupt = Interrupt::new().map_err(|error| Failure::io("signals", &error))?;
    let tls = args.tls_config().map_err(|e| Failure::opening(&e))?;
    args.tell_fingerprint(tls.as_ref(), &output)?;
    let has_relays = !relays.is_empty();
    let (mut whole, mut options) = (args.engine_options(), args.options(tls, relays));
    if manner.attended {
        whole.limits.stall = None;
        options.reports = ReportMode::Manual;
    }
    let engine = Engine::new(whole).map_err(|e| Failure::opening(&e))?;
    let session = engine.session(options);
    let session = session.map_err(|error| Failure::opening(&error))?;
    let course = async {
        args.open(&session, has_relays, manner, output).await?;
        work(&session).await
    };
    let result = tokio::select! {
        result = course => result,
        () = interrupt.wait() => Ok(manner.interrupted),
    };
    tokio::select! {
        reason = session.close(CLOSING) => {
            let text = describe(&reason);
            output.event(&json!({"event": "closed", "reason": text}), || format!("closed: {text}"))?;
        }
        // Once more: not even an orderly end is wanted.
        () = interrupt.wait() => {}
    }
    drop(session);
    engine.shutdown(Duration::ZERO).await;
    result
}

impl Args {
    /// Whether the rendezvous or a password needs standard input.
    pub(crate) fn reads_standard_input(&self, habit: Habit) -> bool {
        self.rendezvous.reads_standard_input(habit) || self.login.reads_standard_input()
    }

    fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            trace: self.trace.as_ref().map(|path| TraceOptions {
                secrets: self.trace_secrets,
                ..TraceOptions::new(path)
            }),
            ..EngineOptions::default()
        }
    }

    fn options(&self, tls: Option<TlsConfig>, relays: Vec<RelayLogin>) -> SessionOptions {
        SessionOptions {
            relays,
            host: self.listen.host.clone(),
            port: self.listen.port,
            secure: self.tls,
            tls,
            advertise: self.advertise.clone().map(|a| (a.host, a.port)),
            accept_types: Some(vec!["*".into()]),
            setup: match (self.active, self.passive) {
                (true, _) => SetupPreference::Active,
                (_, true) => SetupPreference::Passive,
                _ => SetupPreference::ActPass,
            },
            profile: self.peer,
            session_match: self.session_match.map(|part| match part {
                Match::Uri => SessionMatch::Uri,
                Match::SessionId => SessionMatch::SessionId,
            }),
            pacing: self.pacing.map(|pace| match pace {
                Pace::Pipelined => Pacing::Pipelined,
                Pace::One => Pacing::One,
            }),
            dash_split: self.dash_split.map(|switch| switch == Switch::On),
            chunk_len: match self.chunk_len {
                None => ChunkLen::Auto,
                Some(0) => ChunkLen::Unbounded,
                Some(octets) => ChunkLen::Octets(octets),
            },
            ..SessionOptions::default()
        }
    }

    fn tls_config(&self) -> msrp::Result<Option<TlsConfig>> {
        if !self.tls {
            return Ok(None);
        }
        let pem = |path: &Option<PathBuf>| path.clone().map(PemSource::File);
        let own = match self.fingerprint && self.cert.is_none() {
            true => Identity::anonymous()?.into(),
            false => TlsConfig {
                cert: pem(&self.cert),
                // One file may hold both.
                key: pem(&self.key).or_else(|| pem(&self.cert)),
                ..TlsConfig::default()
            },
        };
        Ok(Some(TlsConfig {
            ca: pem(&self.ca),
            verify: match (self.fingerprint, self.insecure) {
                (true, _) => TlsVerify::Fingerprint,
                (false, true) => TlsVerify::None,
                (false, false) => TlsVerify::Ca,
            },
            server_name: self.server_name.clone(),
            fingerprints: self.peer_fingerprint.clone(),
            keylog: self.keylog.clone(),
            ..own
        }))
    }

    /// Says how the peer can know our certificate, where no authority vouches for it.
    fn tell_fingerprint(&self, tls: Option<&TlsConfig>, output: &Output) -> Result<(), Failure> {
        let Some(tls) = tls.filter(|_| self.fingerprint) else {
            return Ok(());
        };
        let print = tls.fingerprint(&HashFunction::Sha256);
        let Some(print) = print.map_err(|e| Failure::opening(&e))? else {
            return Ok(());
        };
        let text = print.to_string();
        output.event(
            &json!({"event": "fingerprint", "fingerprint": text}),
            || format!("our certificate: {text}"),
        )
    }

    async fn open(
        &self,
        session: &Session,
        has_relays: bool,
        manner: Manner,
        output: Output,
    ) -> Result<(), Failure> {
        let active = self.active || (manner.active && !self.passive);
        let opening = async {
            if has_relays {
                login::authenticate(session, &output).await?;
            }
            let rendezvous = &self.rendezvous;
            rendezvous
                .meet(session, manner.habit, active, &output)
                .await?;
            session.open(None).await.map_err(|e| Failure::opening(&e))
        };
        if self.timeout > 0.0 {
            let Ok(opened) = tokio::time::timeout(self.timeout_duration(), opening).await else {
                let text = format!("no session in {} s (--timeout)", self.timeout);
                return Err(Failure::new(Exit::NoSession, text));
            };
            opened?;
        } else {
            opening.await?;
        }
        let path = |path: Option<String>| path.unwrap_or_default();
        let ours = path(session.local_path().ok().map(|p| p.to_string()));
        let theirs = path(session.remote_path().ok().flatten().map(|p| p.to_string()));
        let mut event = json!({"event": "open", "local_path": ours, "remote_path": theirs});
        let shown = session.peer_certificate().ok().flatten();
        if let Some(shown) = &shown {
            event["peer_certificate"] = json!({
                "subject": shown.subject,
                "issuer": shown.issuer,
                "names": shown.names,
                "fingerprint": shown.fingerprint.to_string(),
                "proof": proof(shown.proof).0,
            });
        }
        output.event(&event, || match &shown {
            None => "session is open".to_owned(),
            Some(shown) => format!(
                "session is open; the peer's certificate is that of {}, {}",
                shown.subject,
                proof(shown.proof).1
            ),
        })
    }

    fn timeout_duration(&self) -> Duration {
        // Beyond any life span: as good as none.
        Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::MAX)
    }
}

/// What proves a certificate, for programs and for people.
fn proof(proof: PeerProof) -> (&'static str, &'static str) {
    match proof {
        PeerProof::CaAndName => ("ca-and-name", "by a trusted authority and its name"),
        PeerProof::Ca => ("ca", "by a trusted authority"),
        PeerProof::Fingerprint => ("fingerprint", "by its fingerprint"),
        _ => ("none", "which nothing proves"),
    }
}

/// Why a session ended that was not to end, if so.
pub(crate) fn lost(session: &Session) -> Option<Failure> {
    match session.close_reason()? {
        CloseReason::Local | CloseReason::PeerClosed => None,
        // MSRP has no word for goodbye: a session that the peer has ended is one that it does not know any more.
        CloseReason::Status { code, .. } if code == msrp::StatusCode::NO_SUCH_SESSION => None,
        reason => {
            let text = format!("session lost: {}", describe(&reason));
            Some(Failure::new(Exit::Failed, text))
        }
    }
}

fn describe(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Local => "by this side".into(),
        CloseReason::PeerClosed => "by the peer".into(),
        CloseReason::ConnectionLost(text) => format!("connection lost: {text}"),
        CloseReason::WriteStall => "the peer reads nothing any more".into(),
        CloseReason::Protocol { offset, reason } => {
            format!("the peer broke the protocol at octet {offset}: {reason}")
        }
        CloseReason::Status { code, comment } => format!("peer says {} {comment}", code.0),
        CloseReason::BindTimeout => "the peer did not answer".into(),
        CloseReason::StreamEnded => "the SDP ended the stream".into(),
    }
}

/// How long the end of a session may take.
const CLOSING: Duration = Duration::from_secs(5);
