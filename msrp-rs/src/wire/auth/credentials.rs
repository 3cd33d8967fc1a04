//! Authorization: how a client answers a challenge (RFC 2617 §3.2.2).

use super::super::{Fault, FaultKind};
use super::params::{self, Writer};
use super::{Algorithm, QOP, is_lower_hex, parse_nc};

/// The value of Authorization with the scheme Digest and `qop=auth`.
///
/// Where MSRP demands a parameter, it is there: qop, cnonce and nc (RFC 4976 §9.1), username, realm, nonce and response
/// (RFC 2617 §3.2.2).
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who it is.
    #[debug(skip)]
    pub username: String,
    /// The realm of the challenge.
    #[debug(skip)]
    pub realm: String,
    /// The nonce of the challenge.
    #[debug(skip)]
    pub nonce: String,
    /// The URI that went into the digest, as text; if absent, it is the rightmost one of To-Path (RFC 4976 §9.1). Its
    /// grammar does not list the parameter, but some relays want it.
    #[debug(skip)]
    pub uri: Option<String>,
    /// How many requests were sent with this nonce; the first is 1.
    pub nc: u32,
    /// The client's word that goes into the digest.
    #[debug(skip)]
    pub cnonce: String,
    /// The digest: lower-case hex digits, as many as the algorithm makes.
    #[debug(skip)]
    pub response: String,
    /// Returned as it came in the challenge.
    #[debug(skip)]
    pub opaque: Option<String>,
    /// Returned as it came in the challenge; `None` means MD5.
    pub algorithm: Option<String>,
}

impl Credentials {
    /// Reads the value of Authorization: blanks around commas do not matter, nor which values are quoted; unknown
    /// parameters are left out. `None` if the scheme is not Digest, which is as good as no Authorization.
    ///
    /// # Errors
    /// A [`Fault`], which is answered 400: the value is no list of parameters, a known one comes twice, one that must be
    /// there is not, qop is not `auth`, nc is not eight lower-case hex digits, the algorithm is unknown, or the response
    /// is not as many lower-case hex digits as it makes.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(params) = params::of_digest(value)? else {
            return Ok(None);
        };
        let [mut username, mut realm, mut nonce, mut uri, mut nc] = [const { None }; 5];
        let [mut cnonce, mut response, mut opaque, mut algorithm, mut qop] = [const { None }; 5];
        for param in params {
            let param = param?;
            let slot = match param.name.to_ascii_lowercase().as_str() {
                "username" => &mut username,
                "realm" => &mut realm,
                "nonce" => &mut nonce,
                "uri" => &mut uri,
                "nc" => &mut nc,
                "cnonce" => &mut cnonce,
                "response" => &mut response,
                "opaque" => &mut opaque,
                "algorithm" => &mut algorithm,
                "qop" => &mut qop,
                _ => continue,
            };
            param.store(slot)?;
        }
        let required = |slot: Option<(usize, String)>, expected| {
            slot.ok_or_else(|| Fault::new(FaultKind::Missing, value.len(), expected))
        };
        let text = |slot: Option<(usize, String)>| slot.map(|(_, text)| text);

        let (at, qop) = required(qop, "expected qop in the credentials")?;
        if !qop.eq_ignore_ascii_case(QOP) {
            return Err(Fault::grammar(at, "expected auth as qop"));
        }
        let (at, nc) = required(nc, "expected nc in the credentials")?;
        let nc = parse_nc(&nc)
            .ok_or_else(|| Fault::grammar(at, "expected eight lower-case hex digits as nc"))?;
        let known = match &algorithm {
            Some((at, token)) => Algorithm::parse(token)
                .ok_or_else(|| Fault::grammar(*at, "expected MD5 or SHA-256 as algorithm"))?,
            None => Algorithm::Md5,
        };
        let (at, response) = required(response, "expected response in the credentials")?;
        let digits = 2 * known.digest_len();
        if response.len() != digits || !is_lower_hex(&response) {
            let expected = format!("expected {digits} lower-case hex digits as response");
            return Err(Fault::grammar(at, expected));
        }
        Ok(Some(Self {
            username: required(username, "expected username in the credentials")?.1,
            realm: required(realm, "expected realm in the credentials")?.1,
            nonce: required(nonce, "expected nonce in the credentials")?.1,
            uri: text(uri),
            nc,
            cnonce: required(cnonce, "expected cnonce in the credentials")?.1,
            response,
            opaque: text(opaque),
            algorithm: text(algorithm),
        }))
    }

    /// The algorithm that is meant; MD5 if none is named or, in credentials that were not read, an unknown one.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
            .as_deref()
            .and_then(Algorithm::parse)
            .unwrap_or(Algorithm::Md5)
    }

    /// The value as it is written. Holds what lets a listener guess at the password: it must not be logged.
    pub fn to_value(&self) -> String {
        let mut writer = Writer::digest();
        writer.quoted("username", &self.username);
        writer.quoted("realm", &self.realm);
        writer.quoted("nonce", &self.nonce);
        if let Some(uri) = &self.uri {
            writer.quoted("uri", uri);
        }
        writer.bare("qop", QOP);
        writer.bare("nc", &format!("{:08x}", self.nc));
        writer.quoted("cnonce", &self.cnonce);
        writer.quoted("response", &self.response);
        if let Some(opaque) = &self.opaque {
            writer.quoted("opaque", opaque);
        }
        if let Some(algorithm) = &self.algorithm {
            writer.bare("algorithm", algorithm);
        }
        writer.finish()
    }
}
