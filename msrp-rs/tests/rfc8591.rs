//! RFC 8591 §8: what S/MIME asks of the engine that carries it. Signing and encryption are the host's.

mod engine_support;
mod support;

use engine_support::{Host, dialled};
use msrp::engine::{Event, SendBody, SendOptions};
use msrp::error::ErrorKind;
use msrp::limits::Limits;
use msrp::proto::{Body, Command, OutgoingMessage};
use msrp_conformance::covers;
use support::{Pair, S1, contents, message};

const SMIME: [&str; 2] = [
    "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
    "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b",
];

fn smime(content_type: &str, body: Body) -> OutgoingMessage {
    OutgoingMessage {
        content_type: content_type.into(),
        ..message(body)
    }
}

#[test]
fn rfc8591_8_1_what_was_signed_as_a_whole_is_cut_and_put_together_unchanged() {
    // What S/MIME gave holds every end-line that this sender will use.
    let mut ids = msrp::proto::IdSource::new([1; 32]);
    let mut signed = Vec::new();
    for n in 0..300 {
        let id = ids.transaction_id();
        signed.extend_from_slice(format!("{n}\r\n-------{id}$\r\n-------{id}+\r\n").as_bytes());
    }
    for content_type in SMIME {
        for (chunk_len, whole) in [(2048, true), (5000, true), (2048, false)] {
            let mut pair = Pair::with(&Limits::default(), 1, |config| config.chunk_len = chunk_len);
            let total = signed.len() as u64;
            if whole {
                let body = Body::Whole(signed.clone().into());
                pair.send_a(S1, smime(content_type, body));
            } else {
                let sent = pair.send_a(S1, smime(content_type, Body::Stream(Some(total))));
                pair.command_a(S1, Command::StreamData(sent, signed.clone().into()));
            }
            pair.run();
            assert_eq!(contents(&pair.b.take()), [(signed.clone(), true)]);
            let chunks: Vec<_> = (pair.a.frames().into_iter())
                .filter(|(head, ..)| head.content_type().is_some())
                .collect();
            assert!(chunks.len() > 4, "{}", chunks.len());
            for (head, chunk, _) in &chunks {
                let range = head.byte_range().expect("on every chunk");
                assert_eq!(range.total, Some(total));
                assert_eq!(head.content_type(), Some(content_type));
                // The end-line is searched in what is sent, not in what was signed.
                let needle = format!("-------{}", head.transaction_id());
                assert_eq!(memchr::memmem::find(chunk, needle.as_bytes()), None);
            }
        }
    }
    covers!("C-278", "C-279", "C-280");
}

fn typed(content_type: &str) -> SendOptions {
    SendOptions {
        content_type: content_type.into(),
        ..SendOptions::default()
    }
}

#[test]
fn rfc8591_8_2_smime_of_unknown_length_is_refused() {
    let host = Host::new();
    let (session, _peer) = dialled(&host);
    for content_type in SMIME {
        let send = |total| {
            host.engine
                .send(session, typed(content_type), SendBody::Stream(total))
        };
        let error = send(None).expect_err("no length");
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(error.context.contains("length"), "{error}");
        send(Some(10)).expect("its length is known");
    }
    let other = "multipart/signed; protocol=\"application/pgp-signature\"; boundary=b";
    for content_type in [other, "application/octet-stream"] {
        let send = host
            .engine
            .send(session, typed(content_type), SendBody::Stream(None));
        send.expect("it is no S/MIME");
    }
    covers!("C-280");
}

#[test]
fn rfc8591_8_3_after_a_415_there_is_no_more_smime_in_the_session() {
    let host = Host::new();
    // The peer takes `*`: that may be S/MIME, too.
    let (session, mut peer) = dialled(&host);
    let send = |content_type| {
        let body = SendBody::Bytes("signed".into());
        host.engine.send(session, typed(content_type), body)
    };
    let first = send(SMIME[0]).expect("worth a try").transfer;
    let request = peer.frame();
    peer.answer(&request, "415 What is this?");
    host.wait_event(session, "refused", |event| match event {
        Event::Failed { transfer, error } => {
            *transfer == first && error.status.is_some_and(|status| status.0 == 415)
        }
        _ => false,
    });
    let error =
        send("Application/PKCS7-MIME; smime-type=auth-enveloped-data").expect_err("no more");
    assert_eq!(error.kind, ErrorKind::UnacceptedType);
    assert!(error.context.contains("415"), "{error}");
    send("text/plain").expect("something else");
    assert!(peer.frame().contains("Content-Type: text/plain\r\n"));
    // Another session may try again.
    let (session, _peer) = dialled(&host);
    let body = SendBody::Bytes("signed".into());
    host.engine
        .send(session, typed(SMIME[0]), body)
        .expect("another session");
    covers!("C-282");
}
