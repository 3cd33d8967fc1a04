//! What a digest is made of (RFC 2617 §3.2.2.1 to §3.2.3).

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::wire::{Algorithm, Method};

/// H(A1): the digest of user, realm and password, as good as the password in that realm. Written over when it is
/// dropped; `Debug` hides it.
#[derive(Clone)]
pub struct Ha1 {
    algorithm: Algorithm,
    /// As many octets as the algorithm makes, then zeros.
    octets: Zeroizing<[u8; 32]>,
}

impl Ha1 {
    /// Of a user's password, whose octets are taken as they are (RFC 7616 §3.3 means UTF-8).
    pub fn from_password(
        algorithm: Algorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Self {
        let parts = [username, ":", realm, ":", password].map(str::as_bytes);
        let octets = Zeroizing::new(hash(algorithm, &parts));
        Self { algorithm, octets }
    }

    /// Of 32 hex digits (MD5) or 64 (SHA-256), of either case, as password files have them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::error::ErrorKind::InvalidArgument) for any other text; the error does not
    /// hold it.
    pub fn from_hex(text: &str) -> Result<Self> {
        let algorithm = match text.len() {
            32 => Algorithm::Md5,
            64 => Algorithm::Sha256,
            len => {
                return Err(Error::invalid_argument(format!(
                    "H(A1) of {len} characters is not of 32 hex digits (MD5) or 64 (SHA-256)"
                )));
            }
        };
        let mut octets = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, &mut octets[..algorithm.digest_len()])
            .map_err(|_| Error::invalid_argument("H(A1) has a character that is no hex digit"))?;
        Ok(Self { algorithm, octets })
    }

    /// The lower-case hex digits, for a password file. As secret as the password.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.octets()))
    }

    /// What made it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The request-digest of an AUTH: what proves that a client knows the secret.
    pub fn response(&self, input: &DigestInput<'_>) -> String {
        self.digest(Method::Auth.as_str(), input)
    }

    /// The response-digest: what proves that a relay knows it (RFC 2617 §3.2.3).
    pub fn rspauth(&self, input: &DigestInput<'_>) -> String {
        self.digest("", input)
    }

    /// One that fits no password, for work that is to be as long as with a real one.
    pub(super) fn of_nobody(algorithm: Algorithm) -> Self {
        let octets = Zeroizing::new([0; 32]);
        Self { algorithm, octets }
    }

    fn digest(&self, method: &str, input: &DigestInput<'_>) -> String {
        let len = self.algorithm.digest_len();
        let a2 = hash(self.algorithm, &[method, ":", input.uri].map(str::as_bytes));
        let a1 = self.to_hex();
        let nc = format!("{:08x}", input.nc);
        let parts = [
            &a1,
            ":",
            input.nonce,
            ":",
            &nc,
            ":",
            input.cnonce,
            ":auth:",
            &hex::encode(&a2[..len]),
        ];
        hex::encode(&hash(self.algorithm, &parts.map(str::as_bytes))[..len])
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.algorithm.digest_len()]
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ha1").field(&self.algorithm).finish()
    }
}

/// What goes into a digest beside H(A1); the quality of protection is always `auth`.
#[derive(derive_more::Debug, Clone, Copy)]
pub struct DigestInput<'a> {
    /// The relay's word, without quotes and backslashes.
    #[debug(skip)]
    pub nonce: &'a str,
    /// How many requests were sent with that nonce.
    pub nc: u32,
    /// The client's word, without quotes and backslashes.
    #[debug(skip)]
    pub cnonce: &'a str,
    /// The rightmost URI of To-Path, octet for octet.
    #[debug(skip)]
    pub uri: &'a str,
}

fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> [u8; 32] {
    fn all<D: Digest>(parts: &[&[u8]], octets: &mut [u8]) {
        let mut hasher = D::new();
        for part in parts {
            hasher.update(part);
        }
        octets.copy_from_slice(&hasher.finalize());
    }
    let mut octets = [0; 32];
    let digest = &mut octets[..algorithm.digest_len()];
    match algorithm {
        Algorithm::Md5 => all::<Md5>(parts, digest),
        Algorithm::Sha256 => all::<Sha256>(parts, digest),
    }
    octets
}
