//! The transport over real sockets on loopback.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use outflow_marketing_cloud::{HttpRequest, HttpResponse, HttpTransport, Method, ReqwestTransport, TransportError, TransportOptions};
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Answer: yes\r\nConnection: close\r\n\r\nhello";

fn request(scheme: &str, address: SocketAddr) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        url: format!("{scheme}://localhost:{}/path?$page=1", address.port()).parse().unwrap(),
        headers: vec![("SOAPAction".to_owned(), "Retrieve".to_owned())],
        body: "the body".into(),
        timeout: Duration::from_secs(20),
    }
}

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(&TransportOptions::default()).unwrap()
}

async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"the body") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await.unwrap_or(0) {
            0 => break,
            length => read.extend_from_slice(&bytes[..length]),
        }
    }
    String::from_utf8(read).unwrap()
}

/// A server that answers one connection after another with these bytes, and closes it.
async fn serve(answer: &'static [u8]) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.send(read_request(&mut stream).await).ok();
            stream.write_all(answer).await.ok();
        }
    });
    (address, requests)
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let (address, mut requests) = serve(ANSWER).await;
    let answer = transport().send(request("http", address)).await.unwrap();
    assert_eq!((answer.status, &answer.body[..], answer.header("x-answer")), (200, &b"hello"[..], Some("yes")));
    let seen = requests.recv().await.unwrap();
    assert!(seen.starts_with("POST /path?$page=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.to_lowercase().contains("soapaction: retrieve\r\n"), "{seen}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (address, _requests) = serve(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    let HttpResponse { status, .. } = transport().send(request("http", address)).await.unwrap();
    assert_eq!(status, 302);
}

#[tokio::test]
async fn nobody_at_the_port_means_that_nothing_was_sent() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = transport().send(request("http", address)).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_may_have_been_heard() {
    for answer in
        [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"]
    {
        let (address, mut requests) = serve(answer).await;
        let error = transport().send(request("http", address)).await.unwrap_err();
        assert!(matches!(error, TransportError::Interrupted { .. }), "{error:?}");
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err(), "the request was sent twice");
    }
}

#[tokio::test]
async fn a_silent_server_may_have_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = HttpRequest { timeout: Duration::from_millis(200), ..request("http", listener.local_addr().unwrap()) };
    let error = transport().send(silent).await.unwrap_err();
    assert!(matches!(&error, TransportError::Interrupted { message } if message == "no answer in time"), "{error:?}");
}

/// A TLS server with a certificate of its own making; gives the certificate as PEM.
async fn serve_tls() -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer_tls(&acceptor, stream).await;
        }
    });
    (address, made.cert.pem())
}

async fn answer_tls(acceptor: &TlsAcceptor, stream: TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    read_request(&mut stream).await;
    stream.write_all(ANSWER).await.ok();
    stream.shutdown().await.ok();
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_named_and_nothing_is_sent() {
    let (address, _) = serve_tls().await;
    let error = transport().send(request("https", address)).await.unwrap_err();
    assert!(matches!(&error, TransportError::Certificate { host, .. } if host == "localhost"), "{error:?}");
    assert!(!error.may_have_arrived());
}

#[tokio::test]
async fn an_extra_authority_is_trusted() {
    let (address, pem) = serve_tls().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let options = TransportOptions { extra_ca_file: Some(file.path().to_owned()), ..TransportOptions::default() };
    let answer = ReqwestTransport::new(&options).unwrap().send(request("https", address)).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn an_unusable_authority_file_is_told() {
    let error = |path: &std::path::Path| {
        let options = TransportOptions { extra_ca_file: Some(path.to_owned()), ..TransportOptions::default() };
        ReqwestTransport::new(&options).unwrap_err().to_string()
    };
    let mut empty = tempfile::NamedTempFile::new().unwrap();
    empty.write_all(b"no certificate").unwrap();
    assert!(error(empty.path()).contains("holds no usable certificate"));
    let missing = empty.path().with_extension("missing");
    assert!(error(&missing).contains("cannot be read"));
}
