//! All rules, in one table.

use super::{Rule, Severity};

/// All rules that [`check`](super::check) and [`check_answer`](super::check_answer) know: what is
/// about the text first, what is about an answer last.
pub fn rules() -> &'static [&'static Rule] {
    ALL
}

macro_rules! rules {
    ($($name:ident = $text:literal, $severity:ident, $reference:literal, $summary:literal;)*) => {
        $(
            pub(super) static $name: Rule = Rule {
                name: $text,
                severity: Severity::$severity,
                reference: $reference,
                summary: $summary,
            };
        )*
        static ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // The text.
    LIMIT = "limit", Error, "limit of this engine",
        "A text has at most 262144 octets, 4096 lines, 64 m= lines, and 1024 attributes in each section.";
    ENCODING = "encoding", Error, "RFC 8866 §5",
        "Lines are UTF-8, without NUL and without CR inside.";
    LINE_FORM = "line-form", Error, "RFC 8866 §5",
        "A line is a letter, an equals sign and a value.";
    LINE_TYPE = "line-type", Error, "RFC 8866 §5",
        "A text with a type letter that nobody knows is refused as a whole.";
    LINE_SYNTAX = "line-syntax", Error, "RFC 8866 §9",
        "Each line has the fields of its type.";
    LINE_REPEATED = "line-repeated", Error, "RFC 8866 §5",
        "A line that may stand once stands once.";
    LINE_ORDER = "line-order", Warning, "RFC 8866 §5",
        "Lines come in the order v o s i u e p c b t r z k a, and m i c b k a in each section.";
    LINE_END = "line-end", Note, "RFC 8866 §5",
        "Lines end in CRLF; readers take LF alone, too.";
    LINE_BLANK = "line-blank", Warning, "RFC 8866 §9",
        "There are no blank lines.";
    VERSION = "version", Error, "RFC 8866 §5.1",
        "The first line is v=0.";
    ORIGIN_MISSING = "origin-missing", Warning, "RFC 8866 §5.2",
        "There is an o= line.";
    ORIGIN_RANGE = "origin-range", Warning, "RFC 3264 §5",
        "Session id and version of o= are numbers of at most 63 bits, the first version under 2^62-1.";
    NAME_MISSING = "name-missing", Warning, "RFC 8866 §5.3",
        "There is an s= line.";
    NAME_EMPTY = "name-empty", Warning, "RFC 8866 §5.3",
        "The s= line is not empty; without a name it is s=-.";
    TIME_MISSING = "time-missing", Warning, "RFC 8866 §5.9",
        "There is a t= line.";
    ADDRESS_TYPE = "address-type", Warning, "RFC 8866 §5.7",
        "The type of an address, IP4 or IP6, is that of the address, which has no brackets.";
    KEY_OBSOLETE = "key-obsolete", Warning, "RFC 8866 §5.12",
        "There is no k= line: it shows a key to everyone on the way.";
    ATTRIBUTE_CASE = "attribute-case", Warning, "RFC 8866 §5.13",
        "Names of attributes are compared with case: another spelling is an unknown attribute.";
    ATTRIBUTE_LEVEL = "attribute-level", Warning, "RFC 4975 §15.7",
        "Attributes of the stream stand behind its m= line; before it they mean nothing.";
    ATTRIBUTE_REPEATED = "attribute-repeated", Warning, "RFC 4975 §8",
        "An attribute that has one value stands once; the first counts.";
    MESSAGE_MISSING = "message-missing", Error, "RFC 4975 §8.1",
        "There is an m=message line.";

    // The m= and c= line of a stream.
    PORT_ZERO = "port-zero", Note, "RFC 3264 §6",
        "Port 0 refuses or ends the stream.";
    PORT_COUNT = "port-count", Error, "RFC 4975 §8.1",
        "The port of the m= line is one number.";
    PORT_DIFFERS = "port-differs", Warning, "RFC 4975 §8.1",
        "The port of the m= line is that of the endpoint's own URI, the last of path.";
    PROTOCOL = "protocol", Error, "RFC 4975 §8.1",
        "The protocol is TCP/MSRP or TCP/TLS/MSRP.";
    PROTOCOL_CASE = "protocol-case", Note, "RFC 4975 §8.1",
        "The protocol is written in capital letters.";
    FORMAT = "format", Error, "RFC 4975 §8.1",
        "The format list of the m= line is *.";
    FORMAT_MORE = "format-more", Warning, "RFC 4975 §8.1",
        "Nothing stands behind the * of the m= line.";
    ADDRESS_MISSING = "address-missing", Error, "RFC 8866 §5.7",
        "A c= line stands in the section or before all sections.";
    ADDRESS_REPEATED = "address-repeated", Warning, "RFC 4975 §8.1",
        "A stream has one c= line; the first counts.";
    ADDRESS_DIFFERS = "address-differs", Warning, "RFC 4975 §8.1",
        "The address of the c= line is the host of the endpoint's own URI, the last of path.";
    ADDRESS_HOLD = "address-hold", Note, "RFC 3264 §8.4",
        "The address 0.0.0.0 is the old way of hold.";

    // path
    PATH_MISSING = "path-missing", Error, "RFC 4975 §8.2",
        "A stream has a path attribute.";
    PATH_REPEATED = "path-repeated", Error, "RFC 4975 §8.2",
        "A stream has one path attribute; several URIs stand in it.";
    PATH_LIMIT = "path-limit", Error, "limit of this engine",
        "A path has at most 8176 octets and 64 URIs.";
    PATH_URI = "path-uri", Error, "RFC 4975 §9",
        "A path is a list of MSRP URIs, each with its transport.";
    PATH_SPACES = "path-spaces", Warning, "RFC 4975 §8.2",
        "URIs of a path are parted by one space, and none stands before the first.";
    PATH_PORT = "path-port", Error, "RFC 4975 §8.2",
        "URIs of a path name their port.";
    PATH_PORT_ZERO = "path-port-zero", Warning, "RFC 4975 §8.2",
        "Nobody can connect to port 0.";
    PATH_SESSION_ID = "path-session-id", Error, "RFC 4975 §15.7.4",
        "The last URI of a path has a session-id.";
    PATH_TRANSPORT = "path-transport", Error, "RFC 4975 §6",
        "The transport of the first URI is tcp.";
    PATH_CLEARTEXT = "path-cleartext", Error, "RFC 4975 §8.1",
        "With TCP/TLS/MSRP the first URI of the path is an msrps URI.";
    PATH_SECURE = "path-secure", Error, "RFC 4975 §8.1",
        "With an msrps URI first the protocol is TCP/TLS/MSRP.";
    SESSION_ID_SHARED = "session-id-shared", Warning, "RFC 4975 §8.2",
        "Each stream has a URI of its own.";
    SESSION_ID_SHORT = "session-id-short", Warning, "RFC 4975 §14.1",
        "A session-id has 80 bits of randomness: 14 characters at least.";

    // Content
    TYPES_MISSING = "types-missing", Error, "RFC 4975 §8.6",
        "A stream has an accept-types attribute.";
    TYPES_EMPTY = "types-empty", Warning, "RFC 4975 §8.6",
        "accept-types names a type: to a side that names none nothing can be sent.";
    TYPES_ENTRY = "types-entry", Warning, "RFC 4975 §8.6",
        "Entries are type/subtype, type/* or *, with name=value parameters; others are passed over.";
    TYPES_LIMIT = "types-limit", Warning, "limit of this engine",
        "A list has at most 256 entries; further ones are passed over.";
    TYPES_SPACES = "types-spaces", Warning, "RFC 4975 §8.6",
        "Entries are parted by one space, and none stands before the first.";
    TYPES_SPLIT = "types-split", Warning, "RFC 4975 §8.6",
        "A list stands in one attribute; several are read as one.";
    TYPES_MANDATORY = "types-mandatory", Note, "RFC 4975 §8.6",
        "Types that every endpoint takes (message/cpim, multipart/*) are listed like any other.";
    WRAPPED_AGAIN = "wrapped-again", Warning, "RFC 4975 §8.6",
        "accept-wrapped-types does not repeat what accept-types has.";
    WRAPPED_ALONE = "wrapped-alone", Warning, "RFC 4975 §8.6",
        "With accept-wrapped-types, accept-types names a type that can hold others.";
    MAX_SIZE = "max-size", Warning, "RFC 4975 §8.6",
        "max-size is digits; anything else is as if it were not there.";
    MAX_SIZE_ZERO = "max-size-zero", Note, "RFC 4975 §8.6",
        "With max-size 0 only empty messages are wished.";
    DIRECTION_CONFLICT = "direction-conflict", Error, "RFC 8866 §6.7",
        "One of sendrecv, sendonly, recvonly and inactive stands on a level.";
    DIRECTION_REPEATED = "direction-repeated", Warning, "RFC 8866 §6.7",
        "A direction stands once on a level.";

    // Who connects
    SETUP_MISSING = "setup-missing", Note, "RFC 6135 §4.2.1",
        "A stream has a setup attribute; without it the offerer connects.";
    SETUP_UNKNOWN = "setup-unknown", Warning, "RFC 4145 §4",
        "setup is active, passive or actpass; an unknown value is read as none.";
    SETUP_HOLDCONN = "setup-holdconn", Warning, "RFC 6135 §4.2.1",
        "setup:holdconn is not sent; it is read as none.";
    SETUP_PASSIVE = "setup-passive", Warning, "RFC 6135 §4.2.2",
        "An offer does not say setup:passive.";
    SETUP_ACTPASS = "setup-actpass", Warning, "RFC 4145 §4.1",
        "An answer does not say setup:actpass: it chooses.";
    SETUP_PORT = "setup-port", Note, "RFC 6135 §4.2.2",
        "With setup:active the port is 9, since nobody connects to it.";
    CONNECTION = "connection", Warning, "RFC 6135 §4.4",
        "The connection attribute is not sent; it is ignored.";
    CEMA_VALUE = "cema-value", Warning, "RFC 6714 §5.2",
        "msrp-cema has no value.";
    CEMA_SETUP = "cema-setup", Warning, "RFC 6714 §4.2",
        "With msrp-cema a stream has a setup attribute.";
    CEMA_RELAY_SETUP = "cema-relay-setup", Warning, "RFC 6714 §4.2",
        "With msrp-cema and a relay an offer says setup:actpass, an answer setup:passive.";
    CEMA_MIDDLEBOX = "cema-middlebox", Note, "RFC 6714 §4.4",
        "Where c= and m= line fit no URI of path, a middlebox changed them: with CEMA it is connected to.";

    // Fingerprints
    FINGERPRINT = "fingerprint", Error, "RFC 8122 §5",
        "A fingerprint is the name of a hash, a space, and as many octets in hex as the hash has.";
    FINGERPRINT_CASE = "fingerprint-case", Warning, "RFC 8122 §5",
        "Fingerprints are written in upper-case hex.";
    FINGERPRINT_UNKNOWN = "fingerprint-unknown", Note, "RFC 8122 §5.1",
        "A fingerprint of an unknown hash is passed over.";
    FINGERPRINT_WEAK = "fingerprint-weak", Warning, "RFC 8122 §5",
        "MD5 and MD2 are neither made nor trusted.";
    FINGERPRINT_SHA_256 = "fingerprint-sha-256", Warning, "RFC 8122 §5.1",
        "Of each certificate at least the SHA-256 fingerprint is there.";
    FINGERPRINT_MISSING = "fingerprint-missing", Note, "RFC 4975 §14.4",
        "With TLS and no fingerprint the certificate is judged by its CA and its name alone.";
    FINGERPRINT_CLEARTEXT = "fingerprint-cleartext", Warning, "RFC 8122 §5",
        "A fingerprint without TLS has no effect.";
    FINGERPRINT_RELAY = "fingerprint-relay", Note, "RFC 6135 §4.3",
        "Behind a relay a fingerprint cannot be checked: it is not that of the relay's certificate.";

    // An answer, beside its offer
    ANSWER_LINES = "answer-lines", Warning, "RFC 3264 §6",
        "An answer has as many m= lines as its offer.";
    ANSWER_MEDIA = "answer-media", Warning, "RFC 3264 §6",
        "The m= lines of an answer have the media of those of the offer, in their order.";
    ANSWER_TIME = "answer-time", Warning, "RFC 3264 §6",
        "The t= line of an answer is that of the offer.";
    ANSWER_PORT_ZERO = "answer-port-zero", Warning, "RFC 3264 §6",
        "A stream that was offered with port 0 is answered with port 0.";
    ANSWER_CLEARTEXT = "answer-cleartext", Error, "RFC 4975 §8.1",
        "An offer of TCP/TLS/MSRP is not answered with TCP/MSRP.";
    ANSWER_SECURE = "answer-secure", Warning, "RFC 4975 §8.1",
        "An offer of TCP/MSRP is answered with TCP/MSRP, unless the answerer has a relay.";
    ANSWER_SETUP = "answer-setup", Error, "RFC 4145 §4.1",
        "The answer does not take the role of the offer: nobody would be connected to.";
    ANSWER_DIRECTION = "answer-direction", Warning, "RFC 3264 §6.1",
        "The direction of an answer is one that the offer leaves.";
    ANSWER_CEMA = "answer-cema", Warning, "RFC 6714 §4.3",
        "An answer says msrp-cema only where the offer says it.";
    ANSWER_PATH = "answer-path", Warning, "RFC 4975 §8.2",
        "The answerer's URI is not that of the offerer.";
}
