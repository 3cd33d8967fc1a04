//! The Rust programs of the README and of the pages in `docs/`, run as tests of the documentation.

#[doc = include_str!("../../README.md")]
struct Readme;

#[doc = include_str!("../../docs/connections.md")]
struct Connections;

#[doc = include_str!("../../docs/tls.md")]
struct Tls;

#[doc = include_str!("../../docs/relay-client.md")]
struct RelayClient;

#[doc = include_str!("../../docs/cema.md")]
struct Cema;

#[doc = include_str!("../../docs/offer-answer.md")]
struct OfferAnswer;
