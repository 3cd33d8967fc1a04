//! What an office has decided so far, in numbers.

macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// How often an office decided what, since it was made; the first says how things are now.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct OfficeCounts {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl OfficeCounts {
            /// Names and values, for metrics.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counts! {
    /// URIs of this relay that hold now.
    tokens,
    /// Ways shown to requests; links remember them, so this is less than the requests that were forwarded.
    routed,
    /// Ways shown out of the very connection that a peer had made (RFC 4976 §6.4.2).
    routed_to_peers,
    /// Requests for other relays and hosts.
    not_ours,
    /// Requests whose first URI was not given out, or holds no more.
    bad_token,
    /// Requests through good URIs that were on no way of them (RFC 4976 §6.4).
    wrong_hop,
    /// Requests that would have come back to this relay.
    loops,
    /// Requests with paths that cannot be read or followed.
    malformed,
    /// AUTHs that were granted a URI.
    auth_granted,
    /// AUTHs without credentials, that were challenged.
    auth_challenged,
    /// AUTHs with a right password for a nonce that is no longer good, or that came before, and those whose user was
    /// revoked before the host had answered.
    auth_stale,
    /// AUTHs with a wrong user name or password.
    auth_wrong,
    /// AUTHs that were not looked at since their user failed too often from there.
    auth_backed_off,
    /// AUTHs that could not be read.
    auth_malformed,
    /// AUTHs without TLS, or from a relay that is not the one that it says.
    auth_insecure,
    /// AUTHs of users that were not allowed by the host.
    auth_forbidden,
    /// AUTHs with an Expires out of bounds.
    auth_out_of_bounds,
    /// AUTHs beyond the number of URIs that there may be.
    auth_full,
    /// AUTHs for which the host had no answer in time, or that were too many at once.
    auth_unanswered,
}
