//! Names for tests: a resolver that answers from a script and remembers what it was asked.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use msrp::engine::{EngineOptions, NameResolution, Resolution, Resolver, SessionHandle};

use super::{Host, PATIENCE};

/// What a name does.
#[derive(Clone)]
pub(crate) enum Name {
    /// Has these addresses.
    Has(Vec<IpAddr>),
    /// Is refused with this text.
    Fails(&'static str),
    /// Never answers.
    Silent,
    /// Panics.
    Panics,
}

/// A resolver by script.
#[derive(Default)]
pub(crate) struct Names {
    known: Mutex<HashMap<String, Name>>,
    asked: Mutex<Vec<String>>,
    /// Questions under way.
    pub(crate) waiting: Arc<AtomicUsize>,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Names {
    pub(crate) fn new<const N: usize>(known: [(&str, Name); N]) -> Arc<Self> {
        let names = Self::default();
        for (name, does) in known {
            names.set(name, does);
        }
        Arc::new(names)
    }

    pub(crate) fn set(&self, name: &str, does: Name) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), does);
    }

    /// All that was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Options of an engine that asks this.
    pub(crate) fn options(self: &Arc<Self>) -> EngineOptions {
        EngineOptions {
            resolver: NameResolution::Resolver(Arc::clone(self) as Arc<dyn Resolver>),
            ..EngineOptions::default()
        }
    }
}

impl Resolver for Names {
    fn resolve(&self, name: &str) -> Resolution {
        self.waiting.fetch_add(1, SeqCst);
        let under_way = UnderWay(Arc::clone(&self.waiting));
        let does = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push(name.to_owned());
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(name).cloned()
        };
        Box::pin(async move {
            let _under_way = under_way;
            match does {
                None => Err(io::Error::other("no such name")),
                Some(Name::Has(addresses)) => Ok(addresses),
                Some(Name::Fails(text)) => Err(io::Error::other(text)),
                Some(Name::Silent) => std::future::pending().await,
                Some(Name::Panics) => panic!("as the script says"),
            }
        })
    }
}

/// Addresses from their texts.
pub(crate) fn addresses(text: &str) -> Vec<IpAddr> {
    let words = text.split_whitespace();
    words
        .map(|word| word.parse().expect("an address"))
        .collect()
}

/// A name that has addresses.
pub(crate) fn has(text: &str) -> Name {
    Name::Has(addresses(text))
}

/// Tells a session its peer at `host` and `port`, to be dialled.
#[track_caller]
pub(crate) fn aim(at: &Host, session: SessionHandle, host: &str, port: u16) {
    let path = format!("msrp://{host}:{port}/RemoteSession01;tcp");
    at.engine
        .set_remote_path(session, &path, true, "*")
        .expect("a path");
}

/// Makes a session and dials.
#[track_caller]
pub(crate) fn dial(from: &Host, host: &str, port: u16) -> SessionHandle {
    let session = from.session();
    aim(from, session, host, port);
    from.engine.open(session, Some(PATIENCE)).expect("dials");
    session
}
