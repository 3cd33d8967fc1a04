//! What there is to compare TLS with: the same octets over a plain tokio-rustls stream, in reads and writes of at most
//! 64 KiB. Setting it up is not part of the time.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::bare::BLOCK_LEN;
use crate::{Done, End, Load};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

pub(crate) fn run(end: End, load: &Load) -> Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match end {
            End::Send => send(load).await,
            End::Recv => receive(load).await,
        }
    })
}

/// Writes every message, waits for one octet whenever the window is full and at the end.
async fn send(load: &Load) -> Result<Done> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let place: Value = serde_json::from_str(&line)?;
    let port = place["port"].as_u64().ok_or("no port in the line")?;
    let pem = place["cert"].as_str().ok_or("no certificate in the line")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", u16::try_from(port)?)).await?;
    stream.set_nodelay(true)?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    // The same memory as a session sends from: a short block again and again would never leave the cache.
    let message = vec![b'x'; load.octets];
    let start = Instant::now();
    for number in 1..=load.count {
        let mut left = message.as_slice();
        while !left.is_empty() {
            let taken = stream.write(&left[..left.len().min(BLOCK_LEN)]).await?;
            left = &left[taken..];
        }
        stream.flush().await?;
        if load.window == 1 || number == load.count {
            stream.read_exact(&mut [0]).await?;
        }
    }
    Ok(Done {
        octets: (load.octets * load.count) as u64,
        messages: load.count as u64,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Reads everything, and writes one octet for each message of a window of one, else at the end.
async fn receive(load: &Load) -> Result<Done> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    println!("{}", json!({"port": port, "cert": made.cert.pem()}));
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes())?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
    let mut block = vec![0; BLOCK_LEN];
    let all = load.octets * load.count;
    let step = if load.window == 1 { load.octets } else { all };
    let (mut octets, mut next) = (0, step);
    while octets < all {
        let len = stream.read(&mut block).await?;
        if len == 0 {
            return Err("the stream ended".into());
        }
        octets += len;
        if octets >= next {
            stream.write_all(&[0]).await?;
            stream.flush().await?;
            next += step;
        }
    }
    Ok(Done {
        octets: octets as u64,
        messages: load.count as u64,
        seconds: 0.0,
    })
}
