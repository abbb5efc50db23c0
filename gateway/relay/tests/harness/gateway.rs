//! As much of a gateway as a client needs: signing in and the WebSocket, in clear or over TLS.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use relay::{Relay, websocket};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::viewer;

/// As much of a gateway as a client needs.
pub async fn serve(relay: Relay) -> Url {
    serve_with(relay, None).await
}

pub async fn serve_with(relay: Relay, tls: Option<TlsAcceptor>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let relay = relay.clone();
            let service = service_fn(move |request| answer(relay.clone(), request));
            let tls = tls.clone();
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                // A client that does not trust us ends the handshake: that is its test's business.
                match tls {
                    None => drop(
                        http.serve_connection(TokioIo::new(stream), service)
                            .with_upgrades()
                            .await,
                    ),
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(
                                http.serve_connection(TokioIo::new(stream), service)
                                    .with_upgrades()
                                    .await,
                            );
                        }
                    }
                }
            });
        }
    });
    url
}

async fn answer(
    relay: Relay,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/api/v1/session" {
        let body = request.body_mut().collect().await.unwrap().to_bytes();
        let right = body == r#"{"password":"secret","user":"wang"}"#;
        let (status, text) = if right {
            (200, r#"{"user":"wang","token":"good"}"#)
        } else {
            (
                401,
                r#"{"title":"wrong credentials","detail":"user or password is wrong"}"#,
            )
        };
        return Ok(Response::builder()
            .status(status)
            .body(text.into())
            .unwrap());
    }
    assert_eq!(request.headers()["authorization"], "Bearer good");
    let response = websocket::upgrade(&request).unwrap();
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        relay.upgraded(upgraded, viewer()).await
    });
    Ok(response.map(|()| Full::default()))
}
