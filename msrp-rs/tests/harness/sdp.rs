//! Offers and answers as text (RFC 4975 §8, RFC 6135): what was read is written and read again, and is answered.

use msrp::sdp::{
    self, LocalOptions, MediaBuilder, MediaDescription, Origin, SessionDescription, Setup,
};
use msrp::wire::{Host, MediaRange};

use super::input::Input;

/// The first octet says what our side is, the rest is the peer's text.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let options = input.byte();
    let Ok(text) = std::str::from_utf8(input.0) else {
        return;
    };
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

/// Answers a description, and takes it for an answer to our offer.
fn talk(options: u8, theirs: &MediaDescription, check: impl FnOnce(&MediaDescription)) {
    let is = |bit: u8| options & bit != 0;
    let scheme = if is(1) { "msrps" } else { "msrp" };
    let path = format!("{scheme}://192.0.2.2:2855/ours;tcp")
        .parse()
        .expect("a path");
    let types = if is(2) { "*" } else { "text/plain" };
    let types = vec![MediaRange::parse(types).expect("a type")];
    let mut local = LocalOptions::new(path, types).expect("valid options");
    local.reachable = !is(4);
    if is(8) {
        local.setup = sdp::SetupAttribute::Active;
    }
    local.path_in_use = is(16);
    let offer = sdp::offer(&local);
    if let Ok(role) = sdp::role_from_answer(&offer, theirs)
        && let Some(sdp::SetupAttribute::Active) = theirs.setup
    {
        assert_eq!(role, Setup::Passive);
    }
    if let Ok(answer) = sdp::answer(&local, theirs) {
        let ours = answer.description;
        assert_eq!(ours.setup, Some(answer.role.attribute()));
        assert_eq!(
            MediaDescription::parse(&ours.to_media(), None).as_ref(),
            Ok(&ours)
        );
        // Both sides come to the same roles, unless the peer's offer was of one that answers may have only.
        let role = sdp::role_from_answer(theirs, &ours);
        assert_eq!(role, Ok(answer.role.reversed()));
        check(&ours);
    }
}
