//! A scripted peer for each profile, over TCP: it breaks as the real one does where the profile is not used, and works
//! where it is.

mod engine_support;

use std::io::Read;
use std::net::TcpListener;

use engine_support::{Host, PATIENCE, RawPeer, remote_uri, wait_until};
use msrp::engine::{
    ChunkLen, Event, Profile, SendBody, SendOptions, SessionHandle, SessionOptions,
};
use msrp::error::{Error, ErrorKind};
use msrp::proto::{Pacing, SessionMatch};

/// A session to a listening peer.
fn dial(host: &Host, options: SessionOptions) -> (SessionHandle, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session_with(options);
    let remote = remote_uri(port);
    let set = host.engine.set_remote_path(session, &remote, true, "*");
    set.expect("a path");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().expect("a connection").0);
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    (session, peer)
}

fn profile(profile: Profile) -> SessionOptions {
    SessionOptions {
        profile,
        ..SessionOptions::default()
    }
}

fn send(host: &Host, session: SessionHandle, body: &[u8]) -> msrp::engine::TransferHandle {
    let body = SendBody::Bytes(body.to_vec().into());
    let sent = host.engine.send(session, SendOptions::default(), body);
    sent.expect("admitted").transfer
}

/// A SEND, taken apart.
#[derive(Debug)]
struct Chunk {
    frame: Vec<u8>,
    byte_range: String,
    body: Vec<u8>,
    last: bool,
}

fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|at| at == what)
}

/// The text of the head of a frame.
fn head(frame: &[u8]) -> String {
    let end = find(frame, b"\r\n\r\n").unwrap_or(frame.len());
    String::from_utf8(frame[..end].to_vec()).expect("text")
}

fn header(frame: &[u8], name: &str) -> String {
    let head = head(frame);
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
    head.lines().find_map(value).expect("a header")
}

/// Takes a frame apart whose end-line is that of its transaction id.
fn take_apart(frame: &[u8]) -> Chunk {
    let start = find(frame, b"\r\n\r\n").expect("a body") + 4;
    let id = head(frame).split(' ').nth(1).expect("an id").to_owned();
    let end_line = format!("\r\n-------{id}");
    let end = find(&frame[start..], end_line.as_bytes()).expect("an end-line");
    Chunk {
        byte_range: header(frame, "Byte-Range"),
        body: frame[start..start + end].to_vec(),
        last: frame.ends_with(b"$\r\n"),
        frame: frame.to_vec(),
    }
}

/// Answers a frame of octets.
fn answer(peer: &mut RawPeer, frame: &[u8], status: &str) {
    let text = head(frame);
    peer.answer(&text, status);
}

/// Reads the next frame, framing by the transaction id.
fn whole_frame(peer: &mut RawPeer) -> Result<Vec<u8>, String> {
    loop {
        if let Some(id) = peer.input.split(|octet| *octet == b' ').nth(1)
            && let Some(at) = find(&peer.input, &[b"-------", id].concat())
            && let end = at + 7 + id.len() + 3
            && peer.input.len() >= end
        {
            return Ok(peer.input.drain(..end).collect());
        }
        let mut block = [0; 64 * 1024];
        match peer.stream.read(&mut block) {
            Ok(0) | Err(_) => return Err("the end of the stream".into()),
            Ok(len) => peer.input.extend_from_slice(&block[..len]),
        }
    }
}

/// Reads once, after the octets of `peer.input` are used up.
fn one_read(peer: &mut RawPeer) -> Result<Vec<u8>, String> {
    let mut block = [0; 16 * 1024];
    match peer.stream.read(&mut block) {
        Ok(0) | Err(_) => Err("the end of the stream".into()),
        Ok(len) => Ok(block[..len].to_vec()),
    }
}

/// Takes one message as `next` reads chunks. Ends like the real peer at the first thing that it cannot take: it closes.
fn take_message(
    mut peer: RawPeer,
    mut next: impl FnMut(&mut RawPeer) -> Result<Chunk, String>,
) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    loop {
        let chunk = next(&mut peer)?;
        answer(&mut peer, &chunk.frame, "200 OK");
        message.extend_from_slice(&chunk.body);
        if chunk.last {
            return Ok(message);
        }
    }
}

/// A message under way to a peer that reads so, sent with these options: what the peer took, and whether the host heard
/// that it was acknowledged.
fn try_message(
    options: SessionOptions,
    body: &[u8],
    next: impl FnMut(&mut RawPeer) -> Result<Chunk, String> + Send + 'static,
) -> Result<Vec<u8>, String> {
    let host = Host::new();
    let (session, peer) = dial(&host, options);
    let transfer = send(&host, session, body);
    let taken = std::thread::spawn(move || take_message(peer, next));
    host.wait("the message's end", |seen| {
        seen.closed(session).is_some()
            || seen.has(session, |event| match event {
                Event::Acknowledged { transfer: other } => *other == transfer,
                Event::Failed {
                    transfer: other, ..
                } => *other == transfer,
                _ => false,
            })
    });
    let is_acknowledged = host.seen(|seen| {
        seen.has(
            session,
            |event| matches!(event, Event::Acknowledged { transfer: other } if *other == transfer),
        )
    });
    let _ = host.engine.abort_session(session);
    let taken = taken.join().expect("the peer")?;
    match is_acknowledged {
        true => Ok(taken),
        false => Err("the host was not told of success".into()),
    }
}

/// Kamailio stores a whole request before it forwards it: what is too long gets 501.
fn kamailio(peer: &mut RawPeer) -> Result<Chunk, String> {
    const FRAME: usize = 14_338;
    const FRAME_WITH_DIGEST: usize = 11_239;
    let frame = whole_frame(peer)?;
    if frame.len() >= FRAME_WITH_DIGEST.min(FRAME) {
        answer(peer, &frame, "501 Not Implemented");
        return Err(format!("a frame of {} octets", frame.len()));
    }
    Ok(take_apart(&frame))
}

#[test]
fn kamailio_takes_frames_up_to_its_buffer() {
    let body = vec![b'k'; 100_000];
    let unbounded = SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    let error = try_message(unbounded, &body, kamailio).expect_err("one chunk of 100,000 octets");
    assert!(error.starts_with("a frame of "), "{error}");
    let taken = try_message(profile(Profile::Kamailio), &body, kamailio);
    assert_eq!(taken.as_ref(), Ok(&body));
    // And fewer chunks than towards a peer that is not known.
    let host = Host::new();
    let (session, mut peer) = dial(&host, profile(Profile::Kamailio));
    send(&host, session, &body);
    let first = take_apart(&whole_frame(&mut peer).expect("a chunk"));
    assert_eq!(first.body.len(), 8192);
    // The host's own number counts more.
    let smaller = SessionOptions {
        chunk_len: ChunkLen::Octets(1000),
        ..profile(Profile::Kamailio)
    };
    let (session, mut peer) = dial(&host, smaller);
    send(&host, session, &body);
    let first = take_apart(&whole_frame(&mut peer).expect("a chunk"));
    assert_eq!(
        (first.body.len(), &first.byte_range[..]),
        (1000, "1-1000/100000")
    );
}

/// OpenSIPS ends the body at the next CRLF and seven hyphens, and the connection where its transaction id does not follow.
fn opensips(peer: &mut RawPeer) -> Result<Chunk, String> {
    let frame = whole_frame(peer)?;
    let id = head(&frame).split(' ').nth(1).expect("an id").to_owned();
    let start = find(&frame, b"\r\n\r\n").expect("a body") + 4;
    let lead = start + find(&frame[start..], b"\r\n-------").expect("an end-line");
    if !frame[lead + 9..].starts_with(id.as_bytes()) {
        return Err("end ident not matching".into());
    }
    Ok(take_apart(&frame))
}

#[test]
fn opensips_takes_crlf_and_seven_hyphens_for_the_end() {
    let rule = "-".repeat(40);
    let body = format!("Title\r\n{rule}\r\ntext\r\n")
        .repeat(300)
        .into_bytes();
    let error = try_message(profile(Profile::Strict), &body, opensips).expect_err("a rule inside");
    assert_eq!(error, "end ident not matching");
    let taken = try_message(profile(Profile::Opensips), &body, opensips);
    assert_eq!(taken.as_ref(), Ok(&body));
    let alone = SessionOptions {
        dash_split: Some(true),
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    assert_eq!(try_message(alone, &body, opensips).as_ref(), Ok(&body));
    let without = SessionOptions {
        dash_split: Some(false),
        ..profile(Profile::Opensips)
    };
    try_message(without, &body, opensips).expect_err("switched off");
}

/// FreeSWITCH takes the body by its range, and from one read.
fn freeswitch(peer: &mut RawPeer) -> Result<Chunk, String> {
    if peer.input.is_empty() {
        peer.input = one_read(peer)?;
    }
    let frame = std::mem::take(&mut peer.input);
    let start = find(&frame, b"\r\n\r\n").ok_or("the head in pieces")? + 4;
    let byte_range = header(&frame, "Byte-Range");
    let (start_at, end_at) = exact(&byte_range)?;
    let len = end_at + 1 - start_at;
    let id = head(&frame).split(' ').nth(1).expect("an id").to_owned();
    let end = start + len + format!("\r\n-------{id}$\r\n").len();
    if frame.len() < end {
        return Err("a body in pieces".into());
    }
    peer.input = frame[end..].to_vec();
    Ok(take_apart(&frame[..end]))
}

fn exact(byte_range: &str) -> Result<(usize, usize), String> {
    let (range, _) = byte_range.split_once('/').expect("a range");
    let (start, end) = range.split_once('-').expect("a range");
    let end = end
        .parse()
        .map_err(|_| format!("an open range {byte_range}"))?;
    Ok((start.parse().expect("a number"), end))
}

#[test]
fn freeswitch_takes_a_body_from_one_read_and_names_sessions_by_their_id() {
    let body = vec![b'f'; 60_000];
    let error = try_message(profile(Profile::Strict), &body, freeswitch).expect_err("all at once");
    assert!(error.ends_with("in pieces"), "{error}");
    let taken = try_message(profile(Profile::Freeswitch), &body, freeswitch);
    assert_eq!(taken.as_ref(), Ok(&body));
    assert_names_by_id(Profile::Freeswitch);
}

/// A peer that knows our session under another address.
fn assert_names_by_id(with: Profile) {
    for (options, expected) in [(profile(Profile::Strict), "481"), (profile(with), "200")] {
        let host = Host::new();
        let session = host.session_with(options);
        let path = host.engine.local_path(session).expect("a path").to_string();
        let remote = remote_uri(2855);
        let set = host.engine.set_remote_path(session, &remote, false, "*");
        set.expect("a path");
        let id = path.rsplit('/').next().expect("an id");
        let elsewhere = format!("msrp://gateway.example:9/{id}");
        let mut peer = RawPeer::connect(&path);
        peer.send(&elsewhere, &remote, "byid0001", "hi");
        let answer = peer.frame();
        assert!(
            answer.starts_with(&format!("MSRP byid0001 {expected} ")),
            "{answer}"
        );
        if expected == "200" {
            assert!(
                answer.contains(&format!("\r\nFrom-Path: {elsewhere}\r\n")),
                "{answer}"
            );
            host.wait_opened(session);
            assert_eq!(host.wait_messages(session, 1)[0].body, b"hi");
            // And by its real name.
            peer.send(&path, &remote, "byid0002", "again");
            assert!(peer.frame().starts_with("MSRP byid0002 200 "));
        } else {
            // The session waits for its peer all the same.
            peer.send(&path, &remote, "byid0002", "again");
            assert!(peer.frame().starts_with("MSRP byid0002 200 "));
        }
    }
}

#[test]
fn sessmatch_is_session_id_alone() {
    assert_names_by_id(Profile::Sessmatch);
}

#[test]
fn by_session_id_alone_one_connection_has_the_session_and_others_do_not() {
    let host = Host::new();
    let session = host.session_with(profile(Profile::Sessmatch));
    let path = host.engine.local_path(session).expect("a path").to_string();
    let remote = remote_uri(2855);
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let elsewhere = format!("msrp://gateway.example:9/{id}");
    // Before the remote side is known requests are held, by any name.
    let mut peer = RawPeer::connect(&path);
    peer.send(&elsewhere, &remote, "early001", "hi");
    wait_until(|| host.engine.stats().connections == 1);
    let mut guess = RawPeer::connect(&path);
    let wrong = elsewhere.replace(&id, "0123456789abcdef;tcp");
    guess.send(&wrong, &remote, "guess001", "hi");
    assert!(guess.frame().starts_with("MSRP guess001 481 "));
    let set = host.engine.set_remote_path(session, &remote, false, "*");
    set.expect("a path");
    let answer = peer.frame();
    assert!(answer.starts_with("MSRP early001 200 "), "{answer}");
    host.wait_opened(session);
    for (n, name) in [&elsewhere, &path].into_iter().enumerate() {
        let mut late = RawPeer::connect(&path);
        late.send(name, &remote, &format!("late000{n}"), "hi");
        let answer = late.frame();
        assert!(answer.contains(" 506 "), "{answer}");
    }
    // An msrps name makes no TLS of a connection, and none of the session.
    peer.send(
        &elsewhere.replace("msrp:", "msrps:"),
        &remote,
        "scheme01",
        "hi",
    );
    assert!(peer.frame().starts_with("MSRP scheme01 200 "));
}

/// Blink's library takes the octets of one read for one frame.
fn blink(peer: &mut RawPeer) -> Result<Chunk, String> {
    let read = one_read(peer)?;
    let id = head(&read).split(' ').nth(1).expect("an id").to_owned();
    let at = find(&read, format!("\r\n-------{id}").as_bytes()).ok_or("half a frame")?;
    if at + 9 + id.len() + 3 != read.len() {
        return Err("more than one frame".into());
    }
    Ok(take_apart(&read))
}

#[test]
fn blink_takes_one_frame_at_a_time() {
    let body = vec![b'b'; 30_000];
    let error = try_message(profile(Profile::Strict), &body, blink).expect_err("all at once");
    assert!(
        error == "more than one frame" || error == "half a frame",
        "{error}"
    );
    let taken = try_message(profile(Profile::Blink), &body, blink);
    assert_eq!(taken.as_ref(), Ok(&body));
    let alone = SessionOptions {
        pacing: Some(Pacing::One),
        ..SessionOptions::default()
    };
    assert_eq!(try_message(alone, &body, blink).as_ref(), Ok(&body));
    let without = SessionOptions {
        pacing: Some(Pacing::Pipelined),
        ..profile(Profile::Blink)
    };
    try_message(without, &body, blink).expect_err("switched off");
}

/// Doubango frames by the range, and wants it exact.
fn doubango(peer: &mut RawPeer) -> Result<Chunk, String> {
    let frame = whole_frame(peer)?;
    let chunk = take_apart(&frame);
    let (start, end) = exact(&chunk.byte_range)?;
    match chunk.body.len() == end + 1 - start {
        true => Ok(chunk),
        false => Err("another length".into()),
    }
}

#[test]
fn doubango_frames_by_exact_ranges() {
    let body = vec![b'd'; 30_000];
    let unbounded = SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..SessionOptions::default()
    };
    let error = try_message(unbounded, &body, doubango).expect_err("an open range");
    assert_eq!(error, "an open range 1-*/30000");
    let taken = try_message(profile(Profile::Doubango), &body, doubango);
    assert_eq!(taken.as_ref(), Ok(&body));
    // Its own bodiless SENDs have no Byte-Range.
    let host = Host::new();
    let (session, mut peer) = dial(&host, profile(Profile::Doubango));
    let path = host.engine.local_path(session).expect("a path");
    let remote = host
        .engine
        .remote_path(session)
        .expect("known")
        .expect("known");
    let bare = format!(
        "MSRP bare0001 SEND\r\nTo-Path: {path}\r\nFrom-Path: {remote}\r\nMessage-ID: bare1\r\n-------bare0001$\r\n"
    );
    peer.write(bare.as_bytes());
    assert!(peer.frame().starts_with("MSRP bare0001 200 "));
}

#[test]
fn every_profile_has_a_name_and_unknown_ones_are_told_which_there_are() {
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(profile));
        assert_eq!(profile.to_string(), profile.name());
    }
    let error: Error = "asterisk".parse::<Profile>().expect_err("there is none");
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert_eq!(
        error.context,
        "profile is \"asterisk\", there are: strict, kamailio, opensips, freeswitch, blink, doubango, sessmatch"
    );
    assert_eq!(SessionOptions::default().profile, Profile::Strict);
    assert_eq!(Profile::Strict.session_match(), SessionMatch::Uri);
    assert_eq!(Profile::Strict.pacing(), Pacing::Pipelined);
    assert_eq!(Profile::Strict.chunk_len(), ChunkLen::Auto);
    assert!(!Profile::Strict.dash_split());
}

/// The length of the first chunk that a session sends which was told this SDP.
fn first_chunk(options: SessionOptions, change: impl Fn(&str) -> String) -> Option<usize> {
    let host = Host::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let session = host.session_with(options);
    host.engine.create_offer(session).expect("an offer");
    let answer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n\
         a=accept-types:*\r\na=setup:passive\r\na=path:msrp://127.0.0.1:{port}/RemoteSession01;tcp\r\n\
         a=x-msrp-rs:RemoteSession01\r\n"
    );
    let answer = change(&answer);
    host.engine
        .set_remote(session, &answer, None)
        .expect("an answer");
    host.engine.open(session, Some(PATIENCE)).expect("dials");
    let mut peer = RawPeer::from_stream(listener.accept().ok()?.0);
    let first = peer.frame();
    peer.answer(&first, "200 OK");
    host.wait_opened(session);
    send(&host, session, &vec![b'x'; 10_000]);
    Some(take_apart(&whole_frame(&mut peer).ok()?).body.len())
}

#[test]
fn chunks_grow_between_two_of_our_engines_and_nowhere_else() {
    let strict = || profile(Profile::Strict);
    let same = |sdp: &str| sdp.to_owned();
    assert_eq!(first_chunk(strict(), same), Some(10_000));
    let replaced = |from: &'static str, to: &'static str| {
        move |sdp: &str| {
            assert!(sdp.contains(from));
            sdp.replace(from, to)
        }
    };
    // No mark, or one of another session: somebody wrote a path of its own and kept what it did not know.
    let unmarked = replaced("a=x-msrp-rs:RemoteSession01\r\n", "");
    assert_eq!(first_chunk(strict(), unmarked), Some(2048));
    let foreign = replaced("x-msrp-rs:RemoteSession01", "x-msrp-rs:RemoteSession02");
    assert_eq!(first_chunk(strict(), foreign), Some(2048));
    let other_case = replaced("x-msrp-rs:RemoteSession01", "x-msrp-rs:remotesession01");
    assert_eq!(first_chunk(strict(), other_case), Some(2048));
    let rewritten = replaced("/RemoteSession01;", "/Rewritten0001;");
    assert_eq!(first_chunk(strict(), rewritten), Some(2048));
    // A c= or an m= line that is not the path's: a gateway for media stands between.
    let address = replaced("c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.1");
    assert_eq!(first_chunk(strict(), address), Some(2048));
    let no_address = |sdp: &str| sdp[sdp.find("m=").expect("one")..].to_owned();
    assert_eq!(first_chunk(strict(), no_address), Some(2048));
    let port = |sdp: &str| {
        let line = sdp
            .lines()
            .find(|line| line.starts_with("m="))
            .expect("one");
        sdp.replace(line, "m=message 2855 TCP/MSRP *")
    };
    assert_eq!(first_chunk(strict(), port), Some(2048));
    // A path of two URIs: a relay.
    let relayed = |sdp: &str| {
        let (before, uri) = sdp.split_once("a=path:").expect("a path");
        let first = uri
            .split(";tcp")
            .next()
            .expect("a URI")
            .replace("RemoteSession01", "relay");
        format!("{before}a=path:{first};tcp {uri}")
    };
    assert_eq!(first_chunk(strict(), relayed), Some(2048));
    // Where addresses are said not to matter they prove nothing, and a known peer is not this engine.
    let by_id = SessionOptions {
        session_match: Some(SessionMatch::SessionId),
        ..strict()
    };
    assert_eq!(first_chunk(by_id, same), Some(2048));
    for known in Profile::ALL
        .into_iter()
        .filter(|known| *known != Profile::Strict)
    {
        let expected = if known == Profile::Kamailio {
            8192
        } else {
            2048
        };
        assert_eq!(first_chunk(profile(known), same), Some(expected), "{known}");
    }
    // The host's number counts more than all of this.
    let given = SessionOptions {
        chunk_len: ChunkLen::Octets(3000),
        ..strict()
    };
    assert_eq!(first_chunk(given, same), Some(3000));
    let unbounded = SessionOptions {
        chunk_len: ChunkLen::Unbounded,
        ..profile(Profile::Blink)
    };
    assert_eq!(
        first_chunk(unbounded, |sdp| sdp
            .replace("a=x-msrp-rs:RemoteSession01\r\n", "")),
        Some(10_000)
    );
}
