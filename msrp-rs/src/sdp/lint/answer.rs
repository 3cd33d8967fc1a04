//! An answer beside its offer (RFC 3264 §6).

use super::super::negotiate::role_from_answer;
use super::super::session::SessionDescription;
use super::super::{MediaDescription, Protocol};
use super::lines::Text;
use super::{Finding, Findings, Kind, check, rules};

/// Looks at an answer as [`check`] does, and at what it says to this offer. All findings are about
/// the answer: of the offer only what can be read is used.
pub fn check_answer(answer: &[u8], offer: &str) -> Vec<Finding> {
    let mut findings = Findings(check(answer, Some(Kind::Answer)));
    let told = &mut Findings::default();
    let (text, offered) = (
        Text::split(answer, told),
        Text::split(offer.as_bytes(), told),
    );
    let offer = SessionDescription::parse(offer);
    let parsed = str::from_utf8(answer).map(SessionDescription::parse);
    let (Some(text), Some(offered), Ok(offer), Ok(Ok(parsed))) = (text, offered, offer, parsed)
    else {
        return findings.sorted();
    };
    let both_whole = offer.is_whole() && parsed.is_whole();
    if both_whole && times(&offered) != times(&text) {
        let line = text.session.iter().find(|line| line.letter == b't');
        let number = line.map_or(1, |line| line.number);
        let words = "t= line is not that of the offer";
        findings.add(&rules::ANSWER_TIME, number, None, words);
    }
    let (offered, answered) = (offer.media_lines().len(), parsed.media_lines().len());
    if offered != answered {
        let words = format!("{answered} m= lines to {offered} of the offer");
        findings.add(&rules::ANSWER_LINES, 1, None, words);
    }
    let lines = offer.media_lines().zip(parsed.media_lines());
    for ((index, (offered, answered)), section) in lines.enumerate().zip(&text.sections) {
        let number = section.number;
        if offered.media != answered.media {
            let words = "media is not that of this m= line of the offer";
            findings.add(&rules::ANSWER_MEDIA, number, Some(index), words);
            continue;
        }
        if offered.port == 0 && answered.port != 0 {
            let words = "the offer has port 0 here";
            findings.add(&rules::ANSWER_PORT_ZERO, number, Some(index), words);
        }
        let pair = (offer.select(Some(index)), parsed.select(Some(index)));
        if let (Ok((_, offered)), Ok((_, answered))) = pair {
            stream(&offered, &answered, number, index, &mut findings);
        }
    }
    findings.sorted()
}

/// The `t=` and `r=` lines.
fn times<'a>(text: &Text<'a>) -> Vec<(u8, &'a str)> {
    let lines = text.session.iter();
    lines
        .filter(|line| matches!(line.letter, b't' | b'r'))
        .map(|line| (line.letter, line.value))
        .collect()
}

fn stream(
    offer: &MediaDescription,
    answer: &MediaDescription,
    number: usize,
    index: usize,
    findings: &mut Findings,
) {
    let mut tell = |rule, text: String| findings.add(rule, number, Some(index), text);
    match (offer.protocol, answer.protocol) {
        (Protocol::Tls, Protocol::Tcp) => {
            let text = "the offer is for TLS, the answer is not";
            tell(&rules::ANSWER_CLEARTEXT, text.to_owned());
        }
        (Protocol::Tcp, Protocol::Tls) if !answer.has_relay() => {
            let text = "the offer is not for TLS, the answer is";
            tell(&rules::ANSWER_SECURE, text.to_owned());
        }
        _ => {}
    }
    if role_from_answer(offer, answer).is_err() {
        let said = answer.setup.map_or("nothing", |setup| setup.value());
        let text = format!("setup is {said:?}, which is the role of the offer");
        tell(&rules::ANSWER_SETUP, text);
    }
    if answer.direction != answer.direction.answer_to(offer.direction) {
        let text = format!("{} is no answer to {}", answer.direction, offer.direction);
        tell(&rules::ANSWER_DIRECTION, text);
    }
    if answer.cema && !offer.cema {
        let text = "msrp-cema was not offered";
        tell(&rules::ANSWER_CEMA, text.to_owned());
    }
    if answer.path.last() == offer.path.last() {
        let text = "the last URI of path is that of the offer";
        tell(&rules::ANSWER_PATH, text.to_owned());
    }
}
