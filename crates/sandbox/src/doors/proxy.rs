//! A proxy that stands in for the service's host names.
//!
//! Many tools have `https://{subdomain}.auth.marketingcloudapis.com` wired in. With `HTTPS_PROXY` set to
//! this door, and the sandbox's authority trusted, they talk to the sandbox without knowing. The proxy
//! never lets anything out to another machine: it answers for the service's names, tunnels to loopback,
//! and refuses the rest.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::http::uri::Authority as UriAuthority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::cut::{Cuttable, Knife};
use super::hosts::ServiceHost;
use super::http::{Dropped, accept, answer, converse, finish};
use super::stop::Stop;
use super::tenant::Tenant;
use crate::model::Door;

/// What the proxy needs to stand in for the service.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) tls: Arc<ServerConfig>,
    /// Ports of the sandbox's own HTTP doors, which clients may ask for through the proxy too.
    pub(crate) own_ports: Arc<[u16]>,
}

/// Where a proxied request belongs.
enum Place {
    Service(Door),
    Loopback(UriAuthority),
    Elsewhere,
}

impl Proxy {
    /// Serves the proxy's port until the sandbox stops.
    pub(crate) async fn serve(self, listener: TcpListener, stop: Stop) {
        accept(listener, stop, move |stream, stop| {
            let proxy = self.clone();
            async move {
                let knife = Knife::default();
                let io = TokioIo::new(Cuttable::new(stream, knife.clone()));
                let service = {
                    let stop = stop.clone();
                    service_fn(move |request| proxy.clone().pass(request, knife.clone(), stop.clone()))
                };
                finish(http1::Builder::new().serve_connection(io, service), stop).await;
            }
        })
        .await;
    }

    async fn pass(self, request: Request<Incoming>, knife: Knife, stop: Stop) -> Result<Response<Body>, Dropped> {
        let place = request.uri().authority().map_or(Place::Elsewhere, |it| self.place(it));
        match (request.method() == Method::CONNECT, place) {
            (true, Place::Service(door)) => {
                tokio::spawn(self.impersonate(request, door, stop));
                Ok(Response::default())
            }
            (true, Place::Loopback(authority)) => Ok(tunnel(request, authority).await),
            // Some clients ask a proxy for https URLs in the clear rather than by CONNECT.
            (false, Place::Service(door)) => answer(self.tenant, door, knife, request).await,
            (false, Place::Loopback(it)) if it.port_u16().is_some_and(|it| self.own_ports.contains(&it)) => {
                answer(self.tenant, Door::Any, knife, request).await
            }
            _ => Ok(refusal()),
        }
    }

    fn place(&self, authority: &UriAuthority) -> Place {
        let host = authority.host();
        match ServiceHost::of(host) {
            Some(ServiceHost::Auth) => Place::Service(Door::Auth),
            Some(ServiceHost::Rest) => Place::Service(Door::Rest),
            Some(ServiceHost::Soap) => Place::Service(Door::Soap),
            None if is_loopback(host) => Place::Loopback(authority.clone()),
            None => Place::Elsewhere,
        }
    }

    /// Ends TLS as the service's host and answers what comes through it.
    async fn impersonate(self, request: Request<Incoming>, door: Door, stop: Stop) {
        let stream = match hyper::upgrade::on(request).await {
            Ok(upgraded) => TokioIo::new(upgraded),
            Err(error) => return debug!(%error, "a client did not follow its CONNECT"),
        };
        match TlsAcceptor::from(self.tls).accept(stream).await {
            Ok(stream) => converse(stream, self.tenant, door, stop).await,
            Err(error) => debug!(%error, "a client refused the sandbox's certificate"),
        }
    }
}

async fn tunnel(request: Request<Incoming>, to: UriAuthority) -> Response<Body> {
    let port = to.port_u16().unwrap_or(443);
    let Ok(mut far) = TcpStream::connect((to.host().trim_matches(['[', ']']), port)).await else {
        let mut response = Response::new(Body::from("nothing listens there\n"));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        return response;
    };
    tokio::spawn(async move {
        if let Ok(near) = hyper::upgrade::on(request).await {
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(near), &mut far).await;
        }
    });
    Response::default()
}

fn refusal() -> Response<Body> {
    let mut response =
        Response::new(Body::from("this proxy stands in for *.auth, *.rest and *.soap.marketingcloudapis.com and reaches nothing else\n"));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}
