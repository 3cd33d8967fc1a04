//! Offers and answers as text (RFC 4975 §8, RFC 6135): what was read is written and read again, is answered, and offered
//! anew; with CEMA (RFC 6714) both sides come to one connection, or to a new offer.

use std::net::IpAddr;

use msrp::sdp::cema::{
    AfterAnswer, Connect, MAX_NAMES, Names, after_answer, matches, names_of_answer, names_of_offer,
};
use msrp::sdp::{
    self, LocalOptions, MediaBuilder, MediaDescription, Origin, SessionDescription, Setup,
};
use msrp::wire::{Host, MediaRange};

use super::input::Input;
use super::lint;

/// The first octet says what our side is, the rest is the peer's text.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let options = input.byte();
    let Ok(text) = std::str::from_utf8(input.0) else {
        return;
    };
    lint::agrees(text);
    let origin = Origin::new(1, 1, Host::V4([192, 0, 2, 2].into())).expect("in range");
    if let Ok(session) = SessionDescription::parse(text) {
        let lines = session.media_lines().len();
        assert!(lines <= sdp::MAX_MEDIA_LINES);
        let sections: String = session.media_lines().map(|line| line.text).collect();
        assert!(text.ends_with(&sections));
        let refused = session.refuse(&origin);
        assert_eq!(sdp::refuse(text, &origin).as_ref(), Ok(&refused));
        if lines > 0 || session.is_whole() {
            let again = SessionDescription::parse(&refused).expect(&refused);
            assert_eq!(again.media_lines().len(), lines);
            assert!(again.media_lines().all(|line| line.port == 0));
        }
        for index in 0..lines {
            if let Ok((found, _)) = session.select(Some(index)) {
                assert_eq!(found, index);
            }
        }
        for index in 0..lines {
            by_values(&session, index);
        }
        if let Ok((index, theirs)) = session.select(None) {
            go_on(&session, index, &theirs);
            talk(options, &theirs, |ours| {
                let text = session.answer(&[(index, ours)], &origin).expect("in range");
                let again = SessionDescription::parse(&text).expect("what we answer");
                assert_eq!(again.media_lines().len(), lines);
                let back = again.select(Some(index)).expect("what we answer").1;
                assert_eq!(back.path, ours.path);
                assert_eq!(back.setup, ours.setup);
                // An offer of what was answered: a refresh changes nothing, and what it says is the same.
                let next = again.reoffer(&[(index, ours)]).expect("a line of MSRP");
                let read = SessionDescription::parse(&next).expect("what we offer");
                assert_eq!(read.reoffer(&[(index, ours)]).as_ref(), Ok(&next));
                assert_eq!(read.media_lines().len(), lines);
                assert_eq!(read.select(Some(index)).expect("ours").1.path, ours.path);
            });
        }
    }
    if let Ok(media) = MediaDescription::parse(text, None) {
        assert_eq!(
            MediaDescription::parse(&media.to_media(), None).as_ref(),
            Ok(&media)
        );
        let whole = MediaDescription::parse(&media.to_sdp(&origin), None).expect("what we write");
        assert_eq!(whole.path, media.path);
        let _ = (
            media.speaks_to_this_engine(),
            media.is_on_hold(),
            media.has_relay(),
        );
        assert!(media.path.len() <= sdp::MAX_PATH_URIS);
        assert!(media.accept_types.len() <= sdp::MAX_MEDIA_RANGES);
    }
}

/// A section that is given value by value says what its text says, or breaks a rule, too.
fn by_values(session: &SessionDescription, index: usize) {
    let line = session.media_line(index).expect("a line");
    // Of a host's values an empty one is none.
    let mut attributes = session.attributes().chain(line.attributes());
    if attributes.any(|(_, value)| value == Some("")) {
        return;
    }
    let make = || {
        let mut builder = MediaBuilder::new(line.media, line.port, line.protocol, line.formats)?;
        builder.port_count(line.port_count.into())?;
        if let Some(address) = line.address {
            builder.address(address)?;
        }
        if let Some(title) = line.title {
            builder.title(title)?;
        }
        for (name, value) in session.attributes() {
            builder.session_attribute(name, value)?;
        }
        for (name, value) in line.attributes() {
            builder.attribute(name, value)?;
        }
        builder.build()
    };
    let Ok(built) = make() else {
        return;
    };
    // Where an address is missing, or `7654/1` is said, the text is refused and the values are not.
    if let Ok((_, parsed)) = session.select(Some(index)) {
        assert_eq!(built.written_attributes(), parsed.written_attributes());
    }
    let lines = built.to_media();
    for attribute in built.written_attributes() {
        assert!(lines.contains(&format!("\r\na={attribute}\r\n")));
    }
}

/// The next offer of who sent this: the stream stays on its line, and said again nothing changes.
fn go_on(last: &SessionDescription, index: usize, stream: &MediaDescription) {
    let Ok(text) = last.reoffer(&[(index, stream)]) else {
        return;
    };
    let next = SessionDescription::parse(&text).expect("what we offer");
    assert_eq!(next.media_lines().len(), last.media_lines().len());
    let (_, back) = next.select(Some(index)).expect("what we offer");
    assert_eq!(
        (&back.path, back.direction),
        (&stream.path, stream.direction)
    );
    assert_eq!(next.reoffer(&[(index, stream)]).as_ref(), Ok(&text));
    // Fails where the version is the last that there is.
    if let Ok(refused) = last.answer_after(&[], &next) {
        assert!(SessionDescription::parse(&refused).is_ok());
    }
}

/// Our side, by the bits of one octet.
fn local(options: u8) -> LocalOptions {
    let is = |bit: u8| options & bit != 0;
    let scheme = if is(1) { "msrps" } else { "msrp" };
    let relay = if is(64) {
        "msrps://192.0.2.20:2855/r;tcp "
    } else {
        ""
    };
    let path = format!("{relay}{scheme}://192.0.2.2:2855/ours;tcp");
    let path = path.parse().expect("a path");
    let types = if is(2) { "*" } else { "text/plain" };
    let types = vec![MediaRange::parse(types).expect("a type")];
    let mut local = LocalOptions::new(path, types).expect("valid options");
    local.reachable = !is(4);
    if is(8) {
        local.setup = sdp::SetupAttribute::Active;
    }
    local.path_in_use = is(16);
    local.cema = is(32);
    local
}

/// Answers a description, and takes it for an answer to our offer.
fn talk(options: u8, theirs: &MediaDescription, check: impl FnOnce(&MediaDescription)) {
    let local = local(options);
    let offer = sdp::offer(&local);
    assert_eq!(
        MediaDescription::parse(&offer.to_media(), None).as_ref(),
        Ok(&offer)
    );
    if let Ok(role) = sdp::role_from_answer(&offer, theirs) {
        if let Some(sdp::SetupAttribute::Active) = theirs.setup {
            assert_eq!(role, Setup::Passive);
        }
        judge(&offer, theirs, role, options);
    }
    let names = look_up(
        options,
        |names| names_of_offer(&local, theirs, names),
        theirs,
    );
    let refused = local.cema && !theirs.cema && !matches(theirs, &names);
    let answer = sdp::answer_with(&local, theirs, &names);
    assert!(!refused || answer.is_err(), "RFC 6714 §4.3");
    if let Ok(answer) = answer {
        let ours = answer.description;
        assert_eq!(ours.setup, Some(answer.role.attribute()));
        assert_eq!(
            MediaDescription::parse(&ours.to_media(), None).as_ref(),
            Ok(&ours)
        );
        // Both sides come to the same roles, unless the peer's offer was of one that answers may have only.
        let role = sdp::role_from_answer(theirs, &ours);
        assert_eq!(role, Ok(answer.role.reversed()));
        assert!(local.cema || !ours.cema);
        if answer.connect != Connect::Path {
            assert!(ours.cema && answer.role == Setup::Active && !local.has_relay());
        }
        if ours.cema {
            let with_relay = if answer.role == Setup::Active {
                local.has_relay()
            } else {
                theirs.has_relay()
            };
            assert!(!with_relay, "a relay connects by path only");
            // What nobody changed on its way is no reason for a new offer.
            let after = after_answer(theirs, &ours, answer.role.reversed(), &Names::new());
            assert!(matches!(after, Ok(AfterAnswer::Agreed(_))), "{after:?}");
        }
        check(&ours);
    }
}

/// What our offer's side makes of the answer.
fn judge(offer: &MediaDescription, theirs: &MediaDescription, role: Setup, options: u8) {
    let wanted = |names: &Names| names_of_answer(offer, theirs, role, names);
    let names = look_up(options, wanted, theirs);
    match after_answer(offer, theirs, role, &names) {
        Ok(AfterAnswer::OfferAgain(_)) => {
            assert!(offer.cema && !matches(theirs, &names));
            let mut plain = offer.clone();
            plain.cema = false;
            let after = after_answer(&plain, theirs, role, &names);
            assert_eq!(
                after,
                Ok(AfterAnswer::Agreed(Connect::Path)),
                "that is a way out"
            );
        }
        Ok(AfterAnswer::Agreed(Connect::Address(host, port))) => {
            assert!(offer.cema && role == Setup::Active && !offer.has_relay());
            assert_eq!((Some(&host), port), (theirs.address.as_ref(), theirs.port));
            let first = theirs.path.first();
            assert!((first.host(), first.port()) != (&host, Some(port)));
        }
        Ok(AfterAnswer::Agreed(Connect::Path)) => {}
        Err(_) => assert!(offer.cema && theirs.address.is_none()),
    }
}

/// The names that are wanted, looked up or found nowhere: then nothing is wanted any more, but of long paths.
fn look_up(
    options: u8,
    wanted: impl Fn(&Names) -> Vec<String>,
    theirs: &MediaDescription,
) -> Names {
    let mut names = Names::new();
    let asked = wanted(&names);
    assert!(asked.len() <= MAX_NAMES);
    let found = theirs.address.as_ref().and_then(Host::ip);
    let other = IpAddr::from([203, 0, 113, 9]);
    for name in &asked {
        let addresses = match options & 128 {
            0 => Vec::new(),
            _ => vec![other, found.unwrap_or(other)],
        };
        names.insert(name, addresses);
    }
    assert_eq!(wanted(&names), [""; 0]);
    names
}
