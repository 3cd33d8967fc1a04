//! One whole connection: the input is a schedule of what its peer, its user, the system and the time do. The model that
//! watches is [`Talk`].

use msrp::wire::FailureReport;

use super::input::Input;
use super::peer::{Action, Talk};

/// The first octet chooses the limits, the rest is one action after the other.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut talk = Talk::new(input.flag());
    for _ in 0..MAX_ACTIONS {
        if input.is_empty() {
            break;
        }
        talk.act(action(&mut input));
    }
    talk.finish();
}

fn action(input: &mut Input<'_>) -> Action {
    let session = |input: &mut Input<'_>| 1 + u64::from(input.byte() % 4);
    match input.byte() % 32 {
        0..10 => {
            let bits = input.byte();
            let is = |bit: u8| bits & bit != 0;
            let (session, message) = (session(input), input.byte() % 6);
            let range = is(1).then(|| {
                let start = match input.byte() {
                    255 => u64::MAX,
                    254 => u64::MAX - input.number() as u64,
                    253 => input.number() as u64,
                    start => u64::from(start),
                };
                (start, is(2).then(|| input.number() as u64))
            });
            let len = if is(4) {
                input.number() % MAX_LEN
            } else {
                usize::from(input.byte())
            };
            Action::Chunk {
                session,
                message,
                range,
                len,
                flag: input.pick(&['$', '+', '+', '$', '#']),
                // Octets without a type may look like an end-line: they are none of a SEND.
                typed: !is(8) || len > 0,
                success: is(16),
                failure: input.pick(&[
                    "",
                    "",
                    "Failure-Report: no\r\n",
                    "Failure-Report: partial\r\n",
                ]),
            }
        }
        10 => Action::Other {
            session: session(input),
            line: input.pick(&[
                "FOOBAR",
                "NICKNAME\r\nUse-Nickname: \"x\"",
                "SEND\r\nTo-Path: nonsense",
                "SEND\r\nX: y",
                "REPORT\r\nX: y",
            ]),
        },
        11..14 => Action::Response {
            nth: usize::from(input.byte() % 16),
            status: status(input),
        },
        14 => Action::Report {
            nth: usize::from(input.byte() % 16),
            status: status(input),
            range: input
                .flag()
                .then(|| (input.number() as u64, input.number() as u64)),
        },
        15 => {
            let len = usize::from(input.byte());
            Action::Octets(input.take(len).to_vec())
        }
        16 => Action::Split(1 + input.number() % 4096),
        17 => Action::HoldBack(usize::from(input.byte())),
        18..20 => Action::Say {
            session: session(input),
            len: match input.byte() {
                0 => None,
                1 => Some(9000),
                2..64 => Some(input.number() % MAX_LEN),
                len => Some(usize::from(len) - 64),
            },
            failure: input.pick(&[
                FailureReport::Yes,
                FailureReport::No,
                FailureReport::Partial,
            ]),
            success: input.flag(),
        },
        20 => Action::Stream {
            session: session(input),
            known: input.flag().then(|| input.number() as u64),
        },
        21..23 => Action::Data {
            nth: usize::from(input.byte() % 4),
            len: input.number() % MAX_LEN,
            then: input.byte() % 4,
        },
        23 => Action::Abort {
            nth: usize::from(input.byte() % 8),
        },
        24 => Action::Judge {
            message: u32::from(input.byte()),
            how: input.byte() % 4,
        },
        25 => Action::Consume(input.flag()),
        26 => Action::Memory(input.flag()),
        27 => Action::Capacity(match input.byte() {
            255 => usize::MAX,
            capacity => usize::from(capacity) * 128,
        }),
        28 => Action::Pass(input.number() as u64),
        29 => Action::Attach,
        30 => Action::Close {
            session: session(input),
            now: input.flag(),
        },
        _ => Action::End {
            broken: input.flag(),
        },
    }
}

fn status(input: &mut Input<'_>) -> u16 {
    match input.byte() {
        0..128 => 200,
        128..160 => input.pick(&[413, 408, 481, 506, 403, 299]),
        _ => (input.number() % 1000) as u16,
    }
}

const MAX_ACTIONS: usize = 60;

/// Longest body of one action.
const MAX_LEN: usize = 5000;
