//! Alice and Bob in one process: an offer, an answer, a chat and a file over TCP or TLS on the loopback interface.
//!
//! Run it with `cargo run -p msrp --example in_process`; with `-- --fingerprint` behind it the session runs over TLS, each
//! side has a certificate of its own making, and the SDP says which. In a real program the two SDP texts travel in SIP messages,
//! and each side has a process of its own.

use std::time::Duration;

use msrp::{
    Body, Engine, EngineOptions, Message, SelfSigned, SendOptions, Session, SessionOptions,
    TlsConfig,
};

#[tokio::main]
async fn main() -> msrp::Result<()> {
    let engine = Engine::new(EngineOptions::default())?;
    let alice = engine.session(options()?)?;
    let bob = engine.session(options()?)?;

    // What SIP carries: Alice's offer in the INVITE, Bob's answer in the 200.
    let offer = alice.create_offer()?;
    let answer = bob.create_answer(&offer)?;
    alice.set_remote(&answer)?;
    println!(
        "offer:\n{}\nanswer:\n{}",
        indented(&offer),
        indented(&answer)
    );

    let timeout = Duration::from_secs(30);
    tokio::try_join!(alice.open(timeout), bob.open(timeout))?;
    println!("the session is open");

    chat(&alice, &bob).await?;
    file(&alice, &bob).await?;

    alice.close(timeout).await;
    println!("alice leaves; bob sees: {:?}", bob.closed().await);
    assert!(bob.recv().await.is_none());
    engine.shutdown(timeout).await;
    println!("demo: ok");
    Ok(())
}

fn options() -> msrp::Result<SessionOptions> {
    let secure = std::env::args().any(|argument| argument == "--fingerprint");
    let own = || TlsConfig::self_signed(["anonymous.invalid"], &SelfSigned::default());
    Ok(SessionOptions {
        accept_types: Some(vec!["text/plain".into(), "image/jpeg".into()]),
        secure,
        tls: secure.then(own).transpose()?,
        ..SessionOptions::default()
    })
}

/// A text each way.
async fn chat(alice: &Session, bob: &Session) -> msrp::Result<()> {
    for (from, to, name, text) in [
        (alice, bob, "alice", "Shall I send you the photo?"),
        (bob, alice, "bob", "Yes, please!"),
    ] {
        let transfer = from.send(text, SendOptions::default()).await?;
        let received = next(to).await.text().await?;
        transfer.acknowledged().await?;
        println!("{name}: {received}");
        assert_eq!(received, text);
    }
    Ok(())
}

/// A photo, read from a file, with a report from Bob when he has all of it.
async fn file(alice: &Session, bob: &Session) -> msrp::Result<()> {
    let photo: Vec<u8> = (0..300_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let folder = std::env::temp_dir().join(format!("msrp-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    let (original, copy) = (folder.join("photo.jpg"), folder.join("copy.jpg"));
    std::fs::write(&original, &photo).expect("the photo can be written");

    let options = SendOptions {
        content_type: "image/jpeg".into(),
        success_report: true,
        ..SendOptions::default()
    };
    let transfer = alice.send(Body::file(&original), options).await?;
    // Bob takes it while it still comes.
    let mut message = next(bob).await;
    let content_type = message.content_type().to_owned();
    let len = message.save(&copy, |_, _| {}).await?;
    let report = transfer.delivered(Duration::from_secs(30)).await?;
    println!(
        "alice: {content_type} of {len} octets; bob reports {}",
        report.status.0
    );

    assert_eq!(std::fs::read(&copy).expect("the copy is there"), photo);
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    Ok(())
}

async fn next(session: &Session) -> Message {
    session.recv().await.expect("the session is open")
}

fn indented(sdp: &str) -> String {
    sdp.lines().map(|line| format!("    {line}\n")).collect()
}
