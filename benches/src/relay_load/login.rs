//! AUTH at a relay (RFC 4976 §5.1): before the time runs, so by what the library has.

use bytes::BytesMut;
use msrp::proto::IdSource;
use msrp::proto::auth::{AuthHeaders, ClientAuth, ClientAuthOptions, Login, Next};
use msrp::wire::{Frame, Head, Method, Parser, ParserLimits, RequestHead, Uri, UriPath};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Load, Result};

/// Where the relay brings what it gets for `own`.
pub(crate) async fn log_in<S>(
    stream: &mut S,
    relay: &Uri,
    own: &str,
    load: &Load,
) -> Result<UriPath>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let login = Login::new(load.user.as_str(), load.password.as_str(), None)?;
    // On loopback all is trusted.
    let options = ClientAuthOptions {
        accept_unproved: true,
        accept_addresses: true,
        ..ClientAuthOptions::default()
    };
    let mut ids = IdSource::new([7; 32]);
    let mut auth = ClientAuth::new(login, options, IdSource::new([8; 32]));
    let mut parser = Parser::new(ParserLimits::default());
    let mut headers = auth.begin(relay, None, None);
    loop {
        let request = request(&mut ids, relay, own, &headers);
        stream.write_all(&request).await?;
        stream.flush().await?;
        let head = response(stream, &mut parser).await?;
        match auth.handle_response(&head) {
            Next::Retry(again) => headers = again,
            Next::Granted(grant) => return Ok(grant.use_path),
            Next::Reconnect(_) => return Err("the relay wants another connection".into()),
            Next::Failed(failure) => return Err(failure.into()),
        }
    }
}

fn request(ids: &mut IdSource, relay: &Uri, own: &str, headers: &AuthHeaders) -> BytesMut {
    let mut out = BytesMut::new();
    let head = RequestHead {
        transaction_id: ids.transaction_id(),
        method: &Method::Auth,
        to_path: relay.as_str().as_bytes(),
        from_path: own.as_bytes(),
        message_id: None,
        headers: &headers.as_pairs(),
    };
    head.encode(&mut out);
    out
}

async fn response<S>(stream: &mut S, parser: &mut Parser) -> Result<Head>
where
    S: AsyncRead + Unpin,
{
    let mut response = None;
    loop {
        while let Some(frame) = parser.next()? {
            match (frame, response.take()) {
                (Frame::Head(head), None) => response = Some(head),
                (Frame::End(_), Some(head)) => return Ok(head),
                (_, before) => response = before,
            }
        }
        let mut block = BytesMut::with_capacity(4096);
        if stream.read_buf(&mut block).await? == 0 {
            return Err("the relay hung up on AUTH".into());
        }
        parser.push(block.freeze());
    }
}
