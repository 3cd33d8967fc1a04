//! `msrp sdp offer` and `msrp sdp answer`: texts as a session would write them.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use msrp::proto::IdSource;
use msrp::sdp::{
    self, AnswerWarning, Attribute, Direction, Fingerprint, HashFunction, LocalOptions,
    MediaDescription, Origin, Protocol, SessionDescription, SetupAttribute,
};
use msrp::wire::{Host, MediaRange, Scheme, Uri};
use msrp::{Error, ErrorKind, PemSource, TlsConfig};
use serde_json::json;

use super::read_text;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Write an offer.
///
/// As a session writes it: a whole SDP with one m=message line, or with --block that block alone. A session-id that
/// nobody can guess is made unless one is given. Who knows it can take part in the session.
#[derive(Debug, clap::Args)]
pub(crate) struct OfferArgs {
    /// Be the side that connects (active, port 9), or leave that to the answerer.
    #[arg(long, value_name = "ROLE", default_value = "actpass")]
    setup: OfferSetup,

    /// Offer TLS (TCP/TLS/MSRP, msrps).
    #[arg(long, conflicts_with = "path")]
    tls: bool,

    #[command(flatten)]
    ours: Ours,
}

/// Write an answer to an offer.
///
/// Accepts one MSRP stream and refuses everything else with port 0. TLS is used as the offer says. Where the stream
/// cannot be accepted, the answer refuses it, the reason is told, and the exit code is 4.
#[derive(Debug, clap::Args)]
pub(crate) struct AnswerArgs {
    /// Which side to be where the offer leaves it open.
    #[arg(long, value_name = "ROLE", default_value = "passive")]
    setup: AnswerSetup,

    /// Accept the stream on this m= line, counted from 0; by default the first that can be.
    #[arg(long, value_name = "N")]
    index: Option<usize>,

    /// Refuse all streams.
    #[arg(long, conflicts_with_all = ["index", "setup"])]
    refuse: bool,

    #[command(flatten)]
    ours: Ours,

    /// The offer; `-` for standard input.
    #[arg(value_name = "OFFER|-")]
    offer: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OfferSetup {
    Actpass,
    Active,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AnswerSetup {
    Passive,
    Active,
}

/// What our side says.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct Ours {
    /// The address or name under which the peer reaches us.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,

    /// The port; 2855 is the registered one.
    #[arg(long, value_name = "PORT", default_value_t = 2855)]
    port: u16,

    /// The session-id, instead of a random one.
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,

    /// The whole path, relays first: URIs with a space between.
    #[arg(long, value_name = "URIS", conflicts_with_all = ["host", "port", "session_id"])]
    path: Option<String>,

    /// What we take as a whole message, a list with spaces between.
    #[arg(long, value_name = "TYPES", default_value = "*")]
    accept_types: String,

    /// What else we take inside of containers.
    #[arg(
        long,
        value_name = "TYPES",
        default_value = "",
        hide_default_value = true
    )]
    accept_wrapped_types: String,

    /// The largest message that we wish to get.
    #[arg(long, value_name = "OCTETS")]
    max_size: Option<u64>,

    /// Who sends messages, from our side: sendrecv, sendonly, recvonly or inactive.
    #[arg(long, value_name = "DIRECTION", default_value = "sendrecv", value_parser = direction)]
    direction: Direction,

    /// A fingerprint of our certificate, for TLS; may be given several times.
    #[arg(long, value_name = "HASH:XX:XX...", value_parser = fingerprint)]
    fingerprint: Vec<Fingerprint>,

    /// Our certificate, PEM, for TLS: its SHA-256 fingerprint is written; may be given several times.
    #[arg(long, value_name = "FILE")]
    cert: Vec<PathBuf>,

    /// Connect through middleboxes that change c= and m= lines (CEMA, RFC 6714). Names are not looked up.
    #[arg(long)]
    cema: bool,

    /// A further attribute, written as it is; may be given several times.
    #[arg(long, value_name = "NAME[:VALUE]", value_parser = attribute)]
    attribute: Vec<Attribute>,

    /// Write the m= block alone.
    #[arg(long)]
    block: bool,
}

pub(crate) fn offer(args: &OfferArgs, output: &Output) -> Result<Exit, Failure> {
    let scheme = match args.tls {
        true => Scheme::Msrps,
        false => Scheme::Msrp,
    };
    let mut local = args.ours.options(scheme)?;
    local.setup = match args.setup {
        OfferSetup::Actpass => SetupAttribute::ActPass,
        OfferSetup::Active => SetupAttribute::Active,
    };
    let description = sdp::offer(&local);
    let text = match args.ours.block {
        true => description.to_media(),
        false => description.to_sdp(&origin(description.path.last().host().clone())?),
    };
    print(&text, Some(&description), None, output)?;
    Ok(Exit::Done)
}

pub(crate) fn answer(args: &AnswerArgs, output: &Output) -> Result<Exit, Failure> {
    let text = read_text(&args.offer)?;
    let failed = |error: Error| {
        let text = format!("{}: {error}", args.offer.display());
        Failure::new(Exit::Failed, text)
    };
    let offer = SessionDescription::parse(&text).map_err(failed)?;
    let chosen = match args.refuse {
        true => None,
        false => Some(offer.select(args.index).and_then(|(index, stream)| {
            let answer = sdp::answer(&args.options(&stream)?, &stream)?;
            Ok((index, answer))
        })),
    };
    match chosen {
        Some(Ok((index, answer))) => {
            let ours = &answer.description;
            let text = match args.ours.block {
                true => ours.to_media(),
                false => {
                    let origin = origin(ours.path.last().host().clone())?;
                    offer.answer(&[(index, ours)], &origin)?
                }
            };
            let warning = answer.warning.map(|warning| match warning {
                AnswerWarning::Unreachable => "nobody can connect: both sides wait",
                _ => "something is doubtful about this answer",
            });
            print(&text, Some(ours), warning, output)?;
            Ok(Exit::Done)
        }
        Some(Err(error)) if is_usage(&error) => Err(error.into()),
        refused => {
            let host = Host::parse(&args.ours.host)
                .map_err(|_| Failure::new(Exit::Usage, "--host is no address or name"))?;
            print(&offer.refuse(&origin(host)?), None, None, output)?;
            match refused {
                Some(Err(error)) => Err(Failure::new(Exit::Refused, error.to_string())),
                _ => Ok(Exit::Done),
            }
        }
    }
}

/// Whether an option is to blame, and not the offer.
fn is_usage(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::InvalidArgument | ErrorKind::InvalidUri
    )
}

impl AnswerArgs {
    fn options(&self, offer: &MediaDescription) -> msrp::Result<LocalOptions> {
        let scheme = match offer.protocol {
            Protocol::Tls => Scheme::Msrps,
            Protocol::Tcp => Scheme::Msrp,
        };
        let mut local = self.ours.local(scheme)?;
        local.setup = match self.setup {
            AnswerSetup::Passive => SetupAttribute::Passive,
            AnswerSetup::Active => SetupAttribute::Active,
        };
        Ok(local)
    }
}

impl Ours {
    fn options(&self, scheme: Scheme) -> Result<LocalOptions, Failure> {
        Ok(self.local(scheme)?)
    }

    fn local(&self, scheme: Scheme) -> msrp::Result<LocalOptions> {
        let path = match &self.path {
            Some(path) => path.parse()?,
            None => self.own_uri(scheme)?.into(),
        };
        let mut local = LocalOptions::new(path, types("--accept-types", &self.accept_types)?)?;
        local.accept_wrapped_types = types("--accept-wrapped-types", &self.accept_wrapped_types)?;
        local.max_size = self.max_size;
        local.direction = self.direction;
        local.fingerprints = self.fingerprints()?;
        local.cema = self.cema;
        local.attributes.clone_from(&self.attribute);
        // No engine stands behind the path.
        local.announce_engine = false;
        if !local.fingerprints.is_empty() && local.protocol() == Protocol::Tcp {
            return Err(usage(
                "--fingerprint and --cert are for TLS, and the path is not",
            ));
        }
        Ok(local)
    }

    fn fingerprints(&self) -> msrp::Result<Vec<Fingerprint>> {
        let mut all = self.fingerprint.clone();
        for cert in &self.cert {
            let config = TlsConfig {
                cert: Some(PemSource::File(cert.clone())),
                ..TlsConfig::default()
            };
            all.extend(config.fingerprint(&HashFunction::Sha256)?);
        }
        Ok(all)
    }

    fn own_uri(&self, scheme: Scheme) -> msrp::Result<Uri> {
        let host: Host = self.host.parse()?;
        let session_id = match &self.session_id {
            Some(id) => id.clone(),
            None => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed)
                    .map_err(|error| usage(&format!("no random octets: {error}")))?;
                IdSource::new(seed).session_id()
            }
        };
        Uri::session(scheme, &host, self.port, &session_id)
    }
}

fn usage(text: &str) -> Error {
    Error::invalid_argument(text)
}

/// Entries with blanks between.
fn types(option: &str, text: &str) -> msrp::Result<Vec<MediaRange>> {
    MediaRange::parse_list(text).map_err(|fault| usage(&format!("{option}: {fault}")))
}

fn direction(text: &str) -> Result<Direction, String> {
    Direction::from_name(text)
        .ok_or_else(|| "is sendrecv, sendonly, recvonly or inactive".to_owned())
}

/// `SHA-256:AB:CD...` as tools print it, or `sha-256 AB:CD...` as it stands in SDP.
fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let wrong = || "is HASH:XX:XX..., such as SHA-256:AB:CD:...".to_owned();
    let (name, digits) = text.split_once([':', ' ', '=']).ok_or_else(wrong)?;
    let octet = |pair: &str| {
        u8::from_str_radix(pair, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    };
    let digest: Option<Vec<u8>> = digits.trim().split(':').map(octet).collect();
    let function = match HashFunction::from_name(name) {
        // As OpenSSL spells them.
        HashFunction::Other(name) => HashFunction::from_name(&name.replacen("sha", "sha-", 1)),
        function => function,
    };
    Fingerprint::new(function, digest.ok_or_else(wrong)?).map_err(|error| error.to_string())
}

fn attribute(text: &str) -> Result<Attribute, String> {
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    Attribute::new(name, value).map_err(|error| error.to_string())
}

/// An `o=` line of this second.
fn origin(address: Host) -> Result<Origin, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map(|now| now.as_secs()).unwrap_or_default();
    Ok(Origin::new(seconds, 1, address)?)
}

fn print(
    text: &str,
    ours: Option<&MediaDescription>,
    warning: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    if output.json {
        let path = ours.map(|ours| ours.path.to_string());
        let setup = ours.and_then(|ours| ours.setup).map(SetupAttribute::value);
        let line = json!({"sdp": text, "path": path, "setup": setup, "warning": warning});
        return output.content(&line.to_string());
    }
    output.octets(text)?;
    if let Some(warning) = warning {
        output.event(&json!(null), || format!("warning: {warning}"))?;
    }
    Ok(())
}
