//! The S3 door: the buckets behind the sandbox's Amazon S3 file locations.
//!
//! The wire is `s3s`'s: it parses requests and checks their signatures (SigV4, in the header or the URL).
//! What a bucket holds is the model's. Requests signed for another region, or for a bucket that no file
//! location names, are refused as Amazon does.

mod api;
mod body;
mod bucket;
mod listing;
mod multipart;

use std::fmt::Write as _;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};

use super::cut::{Cuttable, Knife};
use super::http::{accept, finish};
use super::stop::Stop;
use super::tenant::Tenant;
use bucket::Buckets;

/// The S3 door, before and while it serves.
#[derive(Clone)]
pub(super) struct S3Door(S3Service);

impl S3Door {
    /// A door that one pair of keys opens.
    pub(super) fn new(tenant: Arc<Tenant>, access_key_id: &str, secret_access_key: &str) -> Self {
        let mut builder = S3ServiceBuilder::new(Buckets::new(tenant));
        builder.set_auth(SimpleAuth::from_single(access_key_id, secret_access_key));
        Self(builder.build())
    }

    /// Serves the door's port until the sandbox stops.
    pub(super) async fn serve(self, listener: TcpListener, stop: Stop) {
        accept(listener, stop, move |stream, stop| self.clone().converse(stream, stop)).await;
    }

    async fn converse(self, stream: TcpStream, stop: Stop) {
        let knife = Knife::default();
        let io = TokioIo::new(Cuttable::new(stream, knife.clone()));
        let service = service_fn(move |request: Request<Incoming>| {
            let (service, knife) = (self.0.clone(), knife.clone());
            async move {
                let mut request = request.map(s3s::Body::from);
                request.extensions_mut().insert(knife);
                service.call(request).await
            }
        });
        finish(http1::Builder::new().serve_connection(io, service), stop).await;
    }
}

/// An entity tag: the sum in hexadecimal digits.
fn etag(md5: &[u8; 16]) -> String {
    md5.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
