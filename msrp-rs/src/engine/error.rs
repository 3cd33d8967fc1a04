//! The one table of error kinds: number in C, C name, Python class.
//!
//! The kinds themselves stand in [`error`](crate::error), below all layers; the bindings are checked against this
//! table.

use crate::error::ErrorKind;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ErrorRow {
    /// The kind.
    pub kind: ErrorKind,
    /// The number that C gets. Never changed, never used again.
    pub number: i32,
    /// The enumerator in `libmsrp.h`.
    pub c_name: &'static str,
    /// The class in `msrp.exceptions`.
    pub python_class: &'static str,
}

macro_rules! table {
    ($($kind:ident = $number:literal, $c:literal, $py:literal;)*) => {
        /// Every kind, in the order of its number.
        pub const ERROR_TABLE: &[ErrorRow] = &[
            $(ErrorRow { kind: ErrorKind::$kind, number: $number, c_name: $c, python_class: $py },)*
        ];

        impl ErrorKind {
            /// The row of this kind.
            pub fn row(self) -> &'static ErrorRow {
                let index = match self { $(Self::$kind => -$number - 1,)* };
                &ERROR_TABLE[index as usize]
            }
        }
    };
}

table! {
    InvalidArgument = -1, "LIBMSRP_ERR_INVALID_ARGUMENT", "ValueError";
    InvalidUri = -2, "LIBMSRP_ERR_INVALID_URI", "InvalidUri";
    InvalidSdp = -3, "LIBMSRP_ERR_INVALID_SDP", "InvalidSdp";
    Again = -4, "LIBMSRP_ERR_AGAIN", "QueueFull";
    TooLarge = -5, "LIBMSRP_ERR_TOO_LARGE", "TooLarge";
    Gone = -6, "LIBMSRP_ERR_GONE", "SessionClosed";
    Connect = -7, "LIBMSRP_ERR_CONNECT", "ConnectError";
    Tls = -8, "LIBMSRP_ERR_TLS", "TlsError";
    Auth = -9, "LIBMSRP_ERR_AUTH", "AuthError";
    Status = -10, "LIBMSRP_ERR_STATUS", "StatusError";
    Timeout = -11, "LIBMSRP_ERR_TIMEOUT", "TransactionTimeout";
    Protocol = -12, "LIBMSRP_ERR_PROTOCOL", "ProtocolError";
    Aborted = -13, "LIBMSRP_ERR_ABORTED", "MessageAborted";
    Limit = -14, "LIBMSRP_ERR_LIMIT", "LimitExceeded";
    UnacceptedType = -15, "LIBMSRP_ERR_UNACCEPTED_TYPE", "UnacceptedType";
    Busy = -16, "LIBMSRP_ERR_BUSY", "ConcurrencyError";
    Deadlock = -17, "LIBMSRP_ERR_DEADLOCK", "RuntimeError";
    Forked = -18, "LIBMSRP_ERR_FORKED", "ForkedError";
    Internal = -19, "LIBMSRP_ERR_INTERNAL", "InternalError";
}
