//! Who message/cpim names (RFC 3862, RFC 4975 §14.5).

use msrp::content::cpim::{HEADERS_LEN, NESTED, Sender, senders};
use msrp::wire::FaultKind;

fn of(text: &str) -> Vec<(Option<String>, String)> {
    let found = senders(text.as_bytes()).expect("senders");
    let pair = |sender: &Sender| (sender.name().map(str::to_owned), sender.uri().to_owned());
    found.iter().map(pair).collect()
}

fn one(from: &str) -> Option<(Option<String>, String)> {
    let text = format!("From:{from}\r\n\r\nContent-Type: text/plain\r\n\r\nhi");
    let found = senders(text.as_bytes()).ok()?;
    assert_eq!(found.len(), 1);
    Some((
        found[0].name().map(str::to_owned),
        found[0].uri().to_owned(),
    ))
}

fn wrapped(from: &str, inner_type: &str, inner: &str) -> String {
    format!("From: {from}\r\nTo: <im:x@y>\r\n\r\nContent-Type: {inner_type}\r\n\r\n{inner}")
}

#[test]
fn nested_senders_are_a_chain_from_the_outside() {
    let text = wrapped(
        "Alice <im:alice@a.example>",
        "text/plain",
        "From: <im:no@one>",
    );
    let passed_on = wrapped(
        "\"The Desk\" <im:desk@b.example>",
        "Message/CPIM; a=b",
        &text,
    );
    let again = wrapped("<im:gate@c.example>", "message/cpim", &passed_on);
    assert_eq!(
        of(&again),
        [
            (None, "im:gate@c.example".to_owned()),
            (Some("The Desk".into()), "im:desk@b.example".to_owned()),
            (Some("Alice".into()), "im:alice@a.example".to_owned()),
        ]
    );
}

#[test]
fn names_and_uris_are_read_as_the_grammar_says() {
    let found = |name: &str, uri: &str| Some((Some(name.to_owned()), uri.to_owned()));
    assert_eq!(one(" <im:x@y>"), Some((None, "im:x@y".into())));
    assert_eq!(one("<im:x@y>"), Some((None, "im:x@y".into())));
    assert_eq!(one(" A B <im:x@y>"), found("A B", "im:x@y"));
    assert_eq!(
        one(r#" "A \"B\" <C>"<im:x@y>"#),
        found("A \"B\" <C>", "im:x@y")
    );
    assert_eq!(one(";lang=fr Zoé <sip:z@y>"), found("Zoé", "sip:z@y"));
    assert_eq!(one(r" \u00e9\q\t. <im:x@y>"), found("éq\t.", "im:x@y"));
    assert_eq!(
        one(r" \uD83D\uDE00\uD83D <im:x@y>"),
        found("😀\u{fffd}", "im:x@y")
    );
    assert_eq!(one(r" A\ <im:x@y>"), found("A", "im:x@y"));
    for broken in [
        "",
        " im:x@y",
        " <>",
        " <im:x@y",
        " im:x@y>",
        " \"A <im:x@y>",
        " <im:x@y> B",
        " <a b>",
        " <a<b>",
        ";lang=fr",
        " \"A\"",
    ] {
        assert_eq!(one(broken), None, "{broken:?}");
    }
}

#[test]
fn other_forms_of_the_blocks_are_read_too() {
    let alice = [(None, "im:a@b".to_owned())];
    // Without the first empty line, as the examples of RFC 4975 have it.
    assert_eq!(
        of("From: <im:a@b>\r\nContent-type: text/plain\r\n\r\nhi"),
        alice
    );
    // Bare line feeds, a folded header of the content, no Content-Type.
    assert_eq!(
        of("From: <im:a@b>\n\nContent-Type:\n text/plain\n\nhi"),
        alice
    );
    assert_eq!(of("From: <im:a@b>\r\n\r\n\r\nhi"), alice);
    // Names are case-sensitive, and what comes with a long header is read.
    let long = "x".repeat(10 * 1024);
    let text = format!("from: <im:no@one>\r\nSubject: {long}\r\nFrom: <im:a@b>\r\n\r\n\r\n");
    assert_eq!(of(&text), alice);
}

#[test]
fn what_is_broken_is_named_with_its_place() {
    let fault = |text: &[u8]| {
        let fault = senders(text).expect_err("a fault");
        (fault.kind(), fault.to_string())
    };
    let of = |text: &str| fault(text.as_bytes());
    let (kind, text) = of("from: <im:a@b>\r\n\r\n\r\n");
    assert_eq!(kind, FaultKind::Missing);
    assert_eq!(text, "expected a From header at octet 0");
    let (kind, text) = of("From: <im:a@b>\r\nFrom: <im:c@d>\r\n\r\n\r\n");
    assert_eq!(kind, FaultKind::Duplicate);
    assert_eq!(text, "expected one From header at octet 16");
    let outer = "From: <im:a@b>\r\n\r\nContent-Type: message/cpim\r\n\r\n";
    let (kind, text) = of(&format!("{outer}To: <im:a@b>\r\n\r\n\r\n"));
    assert_eq!(kind, FaultKind::Missing);
    assert_eq!(
        text,
        format!("expected a From header at octet {}", outer.len())
    );
    assert_eq!(of(&outer.repeat(NESTED)).0, FaultKind::Limit);
    let long = format!("From: {}<im:a@b>\r\n\r\n\r\n", "x".repeat(HEADERS_LEN));
    assert_eq!(of(&long).0, FaultKind::Limit);
    assert_eq!(
        of("Nobody is here\r\n\r\n\r\n").1,
        "expected a colon behind a header's name at octet 14"
    );
    assert_eq!(
        fault(b"From: \xff<im:a@b>\r\n\r\n\r\n").1,
        "expected UTF-8 at octet 6"
    );
    assert_eq!(
        of("").1,
        "expected an empty line behind the headers at octet 0"
    );
    // Whatever is cut off: a fault, never another sender.
    let whole = format!("{outer}From: <im:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\n");
    for end in 0..whole.len() {
        assert!(senders(&whole.as_bytes()[..end]).is_err(), "{end}");
    }
    assert_eq!(senders(whole.as_bytes()).map(|found| found.len()), Ok(2));
}

#[test]
fn debug_output_tells_nobody() {
    let found = senders(b"From: Alice <im:a@b>\r\n\r\n\r\n").expect("senders");
    assert_eq!(format!("{found:?}"), "[Sender { .. }]");
}
