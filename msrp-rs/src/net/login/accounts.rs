//! Who we are to relays, and which of their URIs are in use: what the sessions of an engine share of their logins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, MutexGuard, Notify};

use crate::proto::auth::{ClientAuth, ClientAuthOptions, Login};
use crate::proto::{IdSource, SessionKey};
use crate::wire::{Host, Uri, UriPath};

/// A user of a relay.
pub(crate) struct Account {
    number: u64,
    login: Login,
    options: ClientAuthOptions,
    auth: Turn<ClientAuth>,
}

impl Account {
    /// The number, which no other has while this one lives.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Waits until no AUTH to the relay is under way: first come, first served.
    ///
    /// # Cancel safety
    /// The place in the line is lost.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ClientAuth> {
        self.auth.lock().await
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// What accounts are found by. The rest of a login is compared.
type Key = (bool, Host, Option<u16>, String);

/// All accounts of an engine, and the URIs that relays gave to its sessions.
#[derive(Default)]
pub(crate) struct Accounts {
    known: Mutex<HashMap<Key, Vec<Weak<Account>>>>,
    tokens: Arc<Mutex<Tokens>>,
    /// The host was told that a login goes without TLS.
    pub(super) warned: AtomicBool,
}

impl Accounts {
    /// The account of this login at the relay of `uri`. `number` is that of a new one.
    pub(crate) fn get(
        &self,
        uri: &Uri,
        login: Login,
        options: ClientAuthOptions,
        number: u64,
        ids: IdSource,
    ) -> Arc<Account> {
        let key = (
            uri.is_secure(),
            uri.host().clone(),
            uri.port(),
            login.username().to_owned(),
        );
        let mut known = self.known.lock();
        let of_user = known.entry(key).or_default();
        of_user.retain(|account| account.strong_count() > 0);
        let mut accounts = of_user.iter().filter_map(Weak::upgrade);
        let found =
            accounts.find(|account| account.options == options && account.login.is_same(&login));
        if let Some(found) = found {
            return found;
        }
        let account = Arc::new(Account {
            number,
            auth: Turn::new(ClientAuth::new(login.clone(), options, ids)),
            login,
            options,
        });
        of_user.push(Arc::downgrade(&account));
        if known.len() > REMEMBERED && known.len().is_power_of_two() {
            known.retain(|_, of_user| of_user.iter().any(|it| it.strong_count() > 0));
        }
        account
    }

    /// The URIs of `path` are this session's.
    ///
    /// # Errors
    /// One is another's.
    pub(super) fn claim(&self, path: &UriPath, owner: &Owner<'_>) -> Result<Claim, Taken> {
        let mut tokens = self.tokens.lock();
        let mut taken: Option<Taken> = None;
        for uri in path {
            let Some(token) = tokens.get(uri).filter(|it| it.session != owner.session) else {
                continue;
            };
            let is_elsewhere = token.connection != owner.connection;
            if is_elsewhere {
                token.contested.notify_one();
            }
            if is_elsewhere || taken.is_none() {
                taken = Some(Taken {
                    uri: uri.clone(),
                    is_elsewhere,
                });
            }
        }
        if let Some(taken) = taken {
            return Err(taken);
        }
        for uri in path {
            let token = tokens.entry(uri.clone()).or_insert_with(|| Token {
                session: owner.session,
                connection: owner.connection,
                contested: Arc::clone(owner.contested),
                paths: 0,
            });
            token.paths += 1;
        }
        Ok(Claim {
            path: path.clone(),
            tokens: Arc::clone(&self.tokens),
        })
    }
}

/// The URIs that relays gave to sessions.
type Tokens = HashMap<Uri, Token>;

/// Whose a URI of a relay is.
struct Token {
    session: SessionKey,
    connection: u64,
    contested: Arc<Notify>,
    /// In how many paths of the session it is.
    paths: usize,
}

/// Who wants the URIs of a path.
pub(super) struct Owner<'a> {
    pub(super) session: SessionKey,
    /// The number of the connection over which they were given.
    pub(super) connection: u64,
    /// Told when the relay gives one of them over another connection, too.
    pub(super) contested: &'a Arc<Notify>,
}

/// A URI that a relay gave is that of another session already.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) uri: Uri,
    /// That session got it over another connection, for which the relay may have forgotten it now.
    pub(super) is_elsewhere: bool,
}

/// That the URIs of a path are a session's, as long as this lives.
pub(crate) struct Claim {
    path: UriPath,
    tokens: Arc<Mutex<Tokens>>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.path).finish()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut tokens = self.tokens.lock();
        for uri in &self.path {
            if let Entry::Occupied(mut entry) = tokens.entry(uri.clone()) {
                entry.get_mut().paths -= 1;
                if entry.get().paths == 0 {
                    entry.remove();
                }
            }
        }
    }
}

/// Users that are remembered before those without a session are looked for.
const REMEMBERED: usize = 1024;
