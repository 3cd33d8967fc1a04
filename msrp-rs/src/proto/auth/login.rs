//! Who a client is at a relay.

use std::fmt;

use zeroize::Zeroizing;

use super::Ha1;
use crate::error::{Error, Result};
use crate::wire::Algorithm;

/// A password, or H(A1) in its place. Written over when it is dropped; `Debug` hides it.
#[derive(Clone)]
pub struct Password(Secret);

#[derive(Clone)]
enum Secret {
    Text(Zeroizing<String>),
    Ha1(Ha1),
}

impl Password {
    /// A password as the user types it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::Text(Zeroizing::new(text.into())))
    }

    /// Only what a relay's own file has: good in one realm and with one algorithm.
    pub fn from_ha1(ha1: Ha1) -> Self {
        Self(Secret::Ha1(ha1))
    }

    /// H(A1), if this password is good for that algorithm.
    pub(super) fn ha1(&self, algorithm: Algorithm, username: &str, realm: &str) -> Option<Ha1> {
        match &self.0 {
            Secret::Text(text) => Some(Ha1::from_password(algorithm, username, realm, text)),
            Secret::Ha1(ha1) => (ha1.algorithm() == algorithm).then(|| ha1.clone()),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl From<Ha1> for Password {
    fn from(ha1: Ha1) -> Self {
        Self::from_ha1(ha1)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Who a client is at one relay.
#[derive(derive_more::Debug, Clone)]
pub struct Login {
    #[debug(skip)]
    username: String,
    password: Password,
    #[debug(skip)]
    realm: Option<String>,
}

impl Login {
    /// `realm` is the only one whose challenges are answered; `None` answers any, which shows a relay that is not the
    /// meant one a digest of the password.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::error::ErrorKind::InvalidArgument) if the user name is empty, if user name
    /// or realm holds a control character, or if H(A1) is given without the realm that it was made for.
    pub fn new(
        username: impl Into<String>,
        password: impl Into<Password>,
        realm: Option<String>,
    ) -> Result<Self> {
        let (username, password) = (username.into(), password.into());
        if username.is_empty() {
            return Err(Error::invalid_argument("a relay's user name is empty"));
        }
        for (what, text) in [("user name", Some(&username)), ("realm", realm.as_ref())] {
            if text.is_some_and(|text| text.contains(|c: char| c.is_ascii_control())) {
                let context = format!("a relay's {what} holds a control character");
                return Err(Error::invalid_argument(context));
            }
        }
        if realm.is_none() && matches!(password.0, Secret::Ha1(_)) {
            return Err(Error::invalid_argument(
                "H(A1) is good in one realm only, and no realm is given",
            ));
        }
        Ok(Self {
            username,
            password,
            realm,
        })
    }

    /// Whether it is the same user with the same secret.
    #[cfg_attr(
        not(feature = "net"),
        expect(dead_code, reason = "only engines have many logins")
    )]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same_secret = match (&self.password.0, &other.password.0) {
            (Secret::Text(own), Secret::Text(others)) => own == others,
            (Secret::Ha1(own), Secret::Ha1(others)) => {
                own.algorithm() == others.algorithm() && own.to_hex() == others.to_hex()
            }
            _ => false,
        };
        is_same_secret && self.username == other.username && self.realm == other.realm
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The only realm whose challenges are answered.
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// H(A1) for a challenge of this realm and algorithm; `None` if the login is not good for it.
    pub(super) fn ha1(&self, algorithm: Algorithm, realm: &str) -> Option<Ha1> {
        match &self.realm {
            Some(only) if only != realm => None,
            _ => self.password.ha1(algorithm, &self.username, realm),
        }
    }
}
