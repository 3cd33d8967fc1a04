//! What a relay's office asks, and what it does in time.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use super::host::{self, RelayAnswer, RelayAuthorisation, RelayCredentials};
use super::{Item, Relay};
use crate::proto::auth::Ha1;
use crate::role::relay::{Answer, HostQuery, OfficeEvent};

/// Calls the office when its time has come, as long as the relay lives.
pub(super) async fn run(relay: Weak<Relay>, bell: Arc<Notify>) {
    while let Some(relay) = relay.upgrade() {
        let now = Instant::now();
        let next = relay.office.lock().poll_timeout();
        if next.is_some_and(|next| next <= now) {
            relay.consult(|office| office.handle_timeout(now));
        }
        drop(relay);
        let rest = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = rest => {}
            () = bell.notified() => {}
        }
    }
}

impl Relay {
    /// Brings a question of the office to the host, or its answer to the link that waits.
    pub(super) fn tell(self: &Arc<Self>, event: OfficeEvent) {
        let limit = self.options.answer_timeout;
        match event {
            OfficeEvent::Answer(query, reply) => {
                // Where it is gone, nobody waits.
                if let Some(gate) = self.gate(query.link) {
                    gate.push(&mut vec![Item::Answer(query, Answer::Auth(reply))]);
                }
            }
            OfficeEvent::Credentials {
                query,
                user,
                realm,
                algorithm,
                address,
            } => {
                let wanted = RelayCredentials {
                    user,
                    realm,
                    algorithm,
                    address,
                };
                match host::call(|| self.users.credentials(&wanted)) {
                    Some(RelayAnswer::Now(secret)) => self.credentials(query, secret.as_ref()),
                    None => self.credentials(query, None),
                    later => {
                        let relay = Arc::downgrade(self);
                        self.runtime.spawn(async move {
                            // Without an answer the office gives the AUTH up in time.
                            let secret = host::wait(later, limit).await;
                            if let (Some(relay), Some(secret)) = (relay.upgrade(), secret) {
                                relay.credentials(query, secret.as_ref());
                            }
                        });
                    }
                }
            }
            OfficeEvent::Authorise {
                query,
                user,
                address,
                expires,
            } => {
                let wanted = RelayAuthorisation {
                    user,
                    address,
                    expires,
                };
                match host::call(|| self.policy.authorise(&wanted)) {
                    Some(RelayAnswer::Now(allowed)) => self.authorise(query, allowed),
                    None => self.authorise(query, false),
                    later => {
                        let relay = Arc::downgrade(self);
                        self.runtime.spawn(async move {
                            let allowed = host::wait(later, limit).await.unwrap_or(false);
                            if let Some(relay) = relay.upgrade() {
                                relay.authorise(query, allowed);
                            }
                        });
                    }
                }
            }
        }
    }

    fn credentials(self: &Arc<Self>, query: HostQuery, secret: Option<&Ha1>) {
        self.consult(|office| office.credentials(Instant::now(), query, secret));
    }

    fn authorise(self: &Arc<Self>, query: HostQuery, allowed: bool) {
        self.consult(|office| office.authorise(Instant::now(), query, allowed));
    }
}
