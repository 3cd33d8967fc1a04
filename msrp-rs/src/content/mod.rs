//! What messages hold, where MSRP or its security depends on it. The type inside of message/cpim decides in `proto` what a
//! 415 is about and what a hold lets pass; its senders are for the host.

pub mod cpim;
