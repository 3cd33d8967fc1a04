//! WWW-Authenticate: what a relay wants to have proved (RFC 2617 §3.2.1).

use super::super::{Fault, FaultKind};
use super::params::{self, Writer};
use super::{Algorithm, QOP};

/// One WWW-Authenticate line with the scheme Digest. A relay that offers several algorithms sends several lines, the one
/// it likes best first (RFC 7616 §3.7).
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose passwords are meant; for people, and part of the digest.
    #[debug(skip)]
    pub realm: String,
    /// The relay's word that goes into the digest.
    #[debug(skip)]
    pub nonce: String,
    /// To be returned as it came.
    #[debug(skip)]
    pub opaque: Option<String>,
    /// The digest was right, only the nonce was too old: try again without asking the user.
    pub stale: bool,
    /// The algorithm as it came, to be returned so; `None` means MD5.
    pub algorithm: Option<String>,
    /// The qualities of protection that are offered, as they came.
    pub qop: Vec<String>,
}

impl Challenge {
    /// Reads the value of a WWW-Authenticate line: blanks around commas do not matter, nor which values are quoted;
    /// unknown parameters are left out, `domain` among them. `None` if the scheme is not Digest.
    ///
    /// # Errors
    /// A [`Fault`] if the value is no list of parameters, if a known one comes twice, or if there is no realm or nonce.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(params) = params::of_digest(value)? else {
            return Ok(None);
        };
        let [
            mut realm,
            mut nonce,
            mut opaque,
            mut stale,
            mut algorithm,
            mut qop,
        ] = [const { None }; 6];
        for param in params {
            let param = param?;
            let slot = match param.name.to_ascii_lowercase().as_str() {
                "realm" => &mut realm,
                "nonce" => &mut nonce,
                "opaque" => &mut opaque,
                "stale" => &mut stale,
                "algorithm" => &mut algorithm,
                "qop" => &mut qop,
                _ => continue,
            };
            param.store(slot)?;
        }
        let required = |slot: Option<(usize, String)>, expected| match slot {
            Some((_, text)) => Ok(text),
            None => Err(Fault::new(FaultKind::Missing, value.len(), expected)),
        };
        let text = |slot: Option<(usize, String)>| slot.map(|(_, text)| text);
        let qop = text(qop).unwrap_or_default();
        let words = qop.split([',', ' ', '\t']).filter(|word| !word.is_empty());
        Ok(Some(Self {
            realm: required(realm, "expected realm in the challenge")?,
            nonce: required(nonce, "expected nonce in the challenge")?,
            opaque: text(opaque),
            stale: text(stale).is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm: text(algorithm),
            qop: words.map(str::to_owned).collect(),
        }))
    }

    /// The algorithm that is meant; `None` if it is none that this engine knows.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match &self.algorithm {
            Some(token) => Algorithm::parse(token),
            None => Some(Algorithm::Md5),
        }
    }

    /// Whether the only quality of protection that MSRP has, `auth`, is offered. Without it a challenge must not be
    /// answered (RFC 4976 §9.1).
    pub fn offers_auth(&self) -> bool {
        self.qop.iter().any(|qop| qop.eq_ignore_ascii_case(QOP))
    }

    /// The value as it is written.
    pub fn to_value(&self) -> String {
        let mut writer = Writer::digest();
        writer.quoted("realm", &self.realm);
        if !self.qop.is_empty() {
            writer.quoted("qop", &self.qop.join(","));
        }
        writer.quoted("nonce", &self.nonce);
        if let Some(opaque) = &self.opaque {
            writer.quoted("opaque", opaque);
        }
        if self.stale {
            writer.bare("stale", "true");
        }
        if let Some(algorithm) = &self.algorithm {
            writer.bare("algorithm", algorithm);
        }
        writer.finish()
    }
}
