//! The client over TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use perf_monitor_http::{Client, ClientOptions, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A peer that answers one request over TLS; its URL, and its certificate in PEM.
async fn tls_peer() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let Ok(mut tls) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await else {
            return;
        };
        let _ = tls.read(&mut [0; 4096]).await;
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure").await;
        let _ = tls.shutdown().await;
    });
    (url, made.cert.pem())
}

async fn get(options: ClientOptions, url: &str) -> Result<http::Response<Bytes>, Error> {
    let request = http::Request::get(url).body(Bytes::new()).unwrap();
    Client::new(options).send(request, Duration::from_secs(10)).await
}

#[tokio::test]
async fn a_certificate_that_is_trusted_lets_the_request_through() {
    let (url, pem) = tls_peer().await;
    let options = ClientOptions::default().root_certificates(pem.as_bytes()).unwrap();
    let answer = get(options, &url).await.unwrap();
    assert_eq!(&answer.body()[..], b"secure");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_connect_error() {
    let (url, _) = tls_peer().await;
    let error = get(ClientOptions::default(), &url).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert!(error.to_string().starts_with("no TLS with https://localhost:"), "{error}");
}

/// The URL of a peer that speaks no TLS: it says `said`, then waits for the client to go.
async fn plain_peer(said: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(said).await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    url
}

#[tokio::test]
async fn a_peer_without_tls_is_a_connect_error() {
    let url = plain_peer(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = get(ClientOptions::default(), &url).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_in_the_handshake_runs_into_the_connect_timeout() {
    let url = plain_peer(b"").await;
    let begun = Instant::now();
    let error = get(ClientOptions::default(), &url).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(error.to_string().contains("no connection to"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[test]
fn what_is_no_certificate_is_invalid() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = ClientOptions::default().root_certificates(pem.as_bytes()).unwrap_err();
        assert!(error.is_invalid(), "{pem}");
    }
}
