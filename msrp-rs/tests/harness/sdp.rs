//! Offers and answers as text (RFC 4975 §8, RFC 6135): what was read is written and read again, and is answered.

use msrp::sdp::{self, LocalOptions, MediaDescription, Origin, SessionDescription, Setup};
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
        if let Ok((index, theirs)) = session.select(None) {
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
