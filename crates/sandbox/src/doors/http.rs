//! The HTTP doors: tokens, REST, SOAP and inspection, on one port or several.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::debug;

use super::cut::{Cuttable, Knife};
use super::stop::Stop;
use super::tenant::Tenant;
use crate::model::{Door, HttpAnswer, HttpRequest, Wire};

/// Bytes of a request's body that are read; far above what the service takes.
const REQUEST_BYTES_MAX: usize = 256 << 20;
/// How long answers under way may take once the sandbox shall stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// The connection ends here, without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was ended without an answer")]
pub(crate) struct Dropped;

/// Serves one port until the sandbox stops.
pub(crate) async fn serve(listener: TcpListener, tenant: Arc<Tenant>, door: Door, stop: Stop) {
    accept(listener, stop, move |stream, stop| {
        let tenant = Arc::clone(&tenant);
        async move { converse(stream, tenant, door, stop).await }
    })
    .await;
}

/// Accepts connections and gives each a task, until the sandbox stops and all of them ended.
pub(crate) async fn accept<F>(listener: TcpListener, mut stop: Stop, talk: impl Fn(tokio::net::TcpStream, Stop) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.wished() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Small answers should not wait for more to come.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(talk(stream, stop.clone()));
                }
                // Out of file descriptors, most likely: others will be closed, so go on.
                Err(error) => {
                    debug!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all_ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// Answers the requests of one connection from the model.
pub(crate) async fn converse<S>(stream: S, tenant: Arc<Tenant>, door: Door, stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let knife = Knife::default();
    let service = {
        let knife = knife.clone();
        service_fn(move |request| answer(Arc::clone(&tenant), door, knife.clone(), request))
    };
    let io = TokioIo::new(Cuttable::new(stream, knife));
    finish(http1::Builder::new().serve_connection(io, service), stop).await;
}

/// Runs a connection to its end; once the sandbox shall stop, it ends after the answer under way.
pub(crate) async fn finish<I, S, B>(connection: http1::Connection<I, S>, mut stop: Stop)
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = connection.with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.wished() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}

/// Answers one request, and lets the answer travel as the model says.
pub(crate) async fn answer(tenant: Arc<Tenant>, door: Door, knife: Knife, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let is_head = request.method() == Method::HEAD;
    let request = read(request).await?;
    let answer = tenant.ask(move |model, now_ms| model.http(door, &request, now_ms)).await;
    match answer.wire {
        Wire::Whole => {}
        Wire::Delay { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
        Wire::DropBeforeAnswer => return Err(Dropped),
        // There is nothing to cut off where no more bytes would leave anyway.
        Wire::Truncate { bytes } if !is_head && bytes < answer.body.len() => {
            knife.sever_after_body(bytes);
        }
        Wire::Truncate { .. } => {}
    }
    Ok(response(answer))
}

async fn read(request: Request<Incoming>) -> Result<HttpRequest, Dropped> {
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), REQUEST_BYTES_MAX).await.map_err(|_| Dropped)?;
    let header =
        |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(HttpRequest {
        method: head.method.as_str().to_owned(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(header).collect(),
        body: body.into(),
    })
}

fn response(answer: HttpAnswer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Listens on a loopback port; 0 takes a free one.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await
}
