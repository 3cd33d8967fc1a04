//! A reader that takes what the grammar of RFC 4975 §9 generates, and nothing else: for what the engine writes. It is
//! written from the RFC and shares nothing with `wire`, which is lenient.

/// One request or response.
#[derive(Debug, Clone)]
pub struct Strict {
    pub id: String,
    /// The method of a request.
    pub method: Option<String>,
    /// Code and comment of a response.
    pub status: Option<(u16, Option<String>)>,
    /// Name and value of every header line, in order.
    pub headers: Vec<(String, String)>,
    /// `None`: no body. An empty one is `Some`.
    pub body: Option<Vec<u8>>,
    pub flag: char,
}

impl Strict {
    /// The value of a header, spelt as in the RFC.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other == name)?;
        Some(value)
    }

    pub fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method)
    }

    /// Start, end and total of the Byte-Range; `None` is `*`.
    pub fn range(&self) -> (u64, Option<u64>, Option<u64>) {
        byte_range(self.get("Byte-Range").expect("a Byte-Range"))
    }
}

/// Takes everything apart; panics with the offset at the first octet that the grammar does not allow there.
pub fn strict(octets: &[u8]) -> Vec<Strict> {
    let mut messages = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let (message, len) = message(&octets[at..]);
        check(&message);
        messages.push(message);
        at += len;
    }
    messages
}

/// The line at the start, without its CRLF; lines are UTF-8, and hold neither CR nor LF.
fn line(octets: &[u8]) -> (&str, &[u8]) {
    let end = memchr::memmem::find(octets, b"\r\n");
    let end =
        end.unwrap_or_else(|| panic!("no CRLF after {:?}", octets.escape_ascii().to_string()));
    let text = std::str::from_utf8(&octets[..end]).expect("UTF-8 outside of bodies");
    assert!(!text.contains(['\r', '\n']), "a bare CR or LF in {text:?}");
    (text, &octets[end + 2..])
}

fn message(octets: &[u8]) -> (Strict, usize) {
    let (start, mut rest) = line(octets);
    let after = start
        .strip_prefix("MSRP ")
        .unwrap_or_else(|| panic!("no MSRP: {start:?}"));
    let (id, word) = after
        .split_once(' ')
        .unwrap_or_else(|| panic!("no SP: {start:?}"));
    assert_ident(id);
    let (code, comment) = match word.split_once(' ') {
        Some((code, comment)) => (code, Some(comment)),
        None => (word, None),
    };
    let is_response = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
    let status = is_response.then(|| (code.parse().expect("digits"), comment.map(str::to_owned)));
    if !is_response {
        assert!(
            !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_uppercase()),
            "{start:?}"
        );
    }
    comment.into_iter().for_each(assert_text);
    let mut message = Strict {
        id: id.to_owned(),
        method: (!is_response).then(|| word.to_owned()),
        status,
        headers: Vec::new(),
        body: None,
        flag: ' ',
    };
    let end_line = format!("-------{id}");
    loop {
        let (text, after) = line(rest);
        if text.is_empty() {
            let needle = format!("\r\n{end_line}");
            let len = memchr::memmem::find(after, needle.as_bytes());
            let len = len.expect("an end-line after the body");
            message.body = Some(after[..len].to_vec());
            rest = &after[len + 2..];
            continue;
        }
        rest = after;
        if let Some(flag) = text.strip_prefix(&end_line) {
            assert!(["$", "+", "#"].contains(&flag), "{text:?}");
            message.flag = flag.chars().next().expect("a flag");
            break;
        }
        assert!(message.body.is_none(), "{text:?} after the body");
        let (name, value) = text
            .split_once(": ")
            .unwrap_or_else(|| panic!("no header: {text:?}"));
        assert!(
            name.starts_with(|first: char| first.is_ascii_alphabetic()),
            "{text:?}"
        );
        assert!(name.bytes().all(is_token), "{text:?}");
        assert_text(value);
        // The grammar allows more blanks only inside of values.
        assert_eq!(value.trim(), value, "{text:?}");
        message.headers.push((name.to_owned(), value.to_owned()));
    }
    (message, octets.len() - rest.len())
}

/// What §7 asks of every request and response.
fn check(message: &Strict) {
    let names: Vec<&str> = message
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names.get(..2),
        Some(&["To-Path", "From-Path"][..]),
        "{names:?}"
    );
    for (name, value) in &message.headers {
        assert_eq!(
            names.iter().filter(|other| *other == name).count(),
            1,
            "{name} twice"
        );
        match name.as_str() {
            "To-Path" | "From-Path" => value.split(' ').for_each(assert_uri),
            "Message-ID" => assert_ident(value),
            "Byte-Range" => {
                let (start, ..) = byte_range(value);
                assert!(start > 0, "{value}");
            }
            "Success-Report" => assert!(["yes", "no"].contains(&value.as_str()), "{value}"),
            "Failure-Report" => {
                assert!(
                    ["yes", "no", "partial"].contains(&value.as_str()),
                    "{value}"
                );
            }
            "Status" => {
                let (namespace, rest) = value.split_once(' ').expect("namespace SP code");
                let code = rest.split(' ').next().unwrap_or_default();
                for digits in [namespace, code] {
                    assert!(
                        digits.len() == 3 && digits.bytes().all(|octet| octet.is_ascii_digit()),
                        "{value}"
                    );
                }
            }
            "Content-Type" => {
                let essence = value.split(';').next().unwrap_or_default();
                let (first, second) = essence.split_once('/').expect("type/subtype");
                assert!(
                    [first, second]
                        .iter()
                        .all(|word| !word.is_empty() && word.bytes().all(is_token)),
                    "{value}"
                );
            }
            "Content-Transfer-Encoding" => panic!("bodies are binary"),
            _ => {}
        }
    }
    // MIME headers stand last, Content-Type after the others, and only where there is a body.
    let is_mime = |name: &&str| name.to_ascii_lowercase().starts_with("content-");
    let mime = names.iter().position(is_mime);
    assert_eq!(mime.is_some(), message.body.is_some(), "{names:?}");
    if let Some(mime) = mime {
        assert!(names[mime..].iter().all(is_mime), "{names:?}");
        assert_eq!(names.last(), Some(&"Content-Type"));
    }
    let own_end = format!("-------{}", message.id);
    if let Some(body) = &message.body {
        for flag in ['$', '+', '#'] {
            let needle = format!("{own_end}{flag}");
            assert!(
                memchr::memmem::find(body, needle.as_bytes()).is_none(),
                "{needle} in the body"
            );
        }
    }
    if !message.is("SEND") {
        assert_eq!(message.flag, '$', "only SEND is chunked");
    }
    if message.status.is_some() {
        assert!(message.body.is_none(), "a response with a body");
    }
}

fn assert_ident(text: &str) {
    assert!((4..=32).contains(&text.len()), "{text}");
    assert!(
        text.starts_with(|first: char| first.is_ascii_alphanumeric()),
        "{text}"
    );
    assert!(
        text.bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b".-+%=".contains(&octet)),
        "{text}"
    );
}

/// `utf8text`: HTAB, 0x20 to 0x7E, and beyond US-ASCII.
fn assert_text(text: &str) {
    assert!(
        !text.chars().any(|c| c.is_ascii_control() && c != '\t'),
        "{text:?}"
    );
}

/// An MSRP URI over TCP, as §6 has them written: with a port, without a password.
pub fn assert_uri(text: &str) {
    assert!(text.is_ascii(), "{text}");
    let (scheme, rest) = text
        .split_once("://")
        .unwrap_or_else(|| panic!("no scheme: {text:?}"));
    assert!(["msrp", "msrps"].contains(&scheme), "{text}");
    let (authority, rest) = rest
        .split_once('/')
        .unwrap_or_else(|| panic!("no session-id: {text:?}"));
    let port = authority
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    assert!(matches!(port, Some(Ok(1..))), "{text}");
    let mut params = rest.split(';');
    let session_id = params.next().expect("a session-id");
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+=/".contains(&octet);
    assert!(
        !session_id.is_empty() && session_id.bytes().all(allowed),
        "{text}"
    );
    assert_eq!(params.next(), Some("tcp"), "{text}");
}

fn byte_range(text: &str) -> (u64, Option<u64>, Option<u64>) {
    let number = |text: &str| {
        text.parse::<u64>()
            .unwrap_or_else(|_| panic!("no number: {text:?}"))
    };
    let star = |text: &str| (text != "*").then(|| number(text));
    let (start, rest) = text.split_once('-').expect("start-");
    let (end, total) = rest.split_once('/').expect("end/total");
    (number(start), star(end), star(total))
}

/// The octets of `token`, as the RFC lists them.
pub fn is_token(octet: u8) -> bool {
    matches!(octet, 0x21 | 0x23..=0x27 | 0x2A..=0x2B | 0x2D..=0x2E | 0x30..=0x39 | 0x41..=0x5A | 0x5E..=0x7E)
}
