//! Authentication-Info: how a relay proves that it knows the secret, too (RFC 2617 §3.2.3).

use super::super::Fault;
use super::params::{self, Writer};
use super::parse_nc;

/// The value of Authentication-Info.
///
/// A relay must send all but the nonce (RFC 4976 §9.1); since relays exist that do not, none is demanded on reading.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthenticationInfo {
    /// The nonce for the next request.
    #[debug(skip)]
    pub nextnonce: Option<String>,
    /// As it was in the request.
    pub qop: Option<String>,
    /// The relay's digest, as hex digits.
    #[debug(skip)]
    pub rspauth: Option<String>,
    /// As it was in the request.
    #[debug(skip)]
    pub cnonce: Option<String>,
    /// As it was in the request.
    pub nc: Option<u32>,
}

impl AuthenticationInfo {
    /// Reads the value: blanks around commas do not matter, nor which values are quoted; unknown parameters are left
    /// out.
    ///
    /// # Errors
    /// A [`Fault`] if the value is no list of parameters, if a known one comes twice, or if nc is not eight lower-case
    /// hex digits.
    pub fn parse(value: &[u8]) -> Result<Self, Fault> {
        let [mut nextnonce, mut qop, mut rspauth, mut cnonce, mut nc] = [const { None }; 5];
        for param in params::of_list(value)? {
            let param = param?;
            let slot = match param.name.to_ascii_lowercase().as_str() {
                "nextnonce" => &mut nextnonce,
                "qop" => &mut qop,
                "rspauth" => &mut rspauth,
                "cnonce" => &mut cnonce,
                "nc" => &mut nc,
                _ => continue,
            };
            param.store(slot)?;
        }
        let nc =
            match nc {
                Some((at, nc)) => Some(parse_nc(&nc).ok_or_else(|| {
                    Fault::grammar(at, "expected eight lower-case hex digits as nc")
                })?),
                None => None,
            };
        let text = |slot: Option<(usize, String)>| slot.map(|(_, text)| text);
        Ok(Self {
            nextnonce: text(nextnonce),
            qop: text(qop),
            rspauth: text(rspauth),
            cnonce: text(cnonce),
            nc,
        })
    }

    /// The value as it is written.
    pub fn to_value(&self) -> String {
        let mut writer = Writer::list();
        if let Some(nextnonce) = &self.nextnonce {
            writer.quoted("nextnonce", nextnonce);
        }
        if let Some(rspauth) = &self.rspauth {
            writer.quoted("rspauth", rspauth);
        }
        if let Some(cnonce) = &self.cnonce {
            writer.quoted("cnonce", cnonce);
        }
        if let Some(nc) = self.nc {
            writer.bare("nc", &format!("{nc:08x}"));
        }
        if let Some(qop) = &self.qop {
            writer.bare("qop", qop);
        }
        writer.finish()
    }
}
