//! Taking an upload in: its bytes, and the sums its sender gave for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt as _;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Result, TrailingHeaders, s3_error};

/// Allocated for an upload before its first byte, at most: a client may announce any length.
const RESERVED_BYTES_MAX: usize = 64 << 20;

/// What a sender says of its bytes beforehand.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// `Content-Length` of the payload, decoded.
    pub(super) length: Option<i64>,
    /// `Content-MD5`, in base64.
    pub(super) md5: Option<String>,
    /// `x-amz-checksum-*`.
    pub(super) checksums: Checksum,
}

/// An upload that arrived whole.
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    /// The MD5 of `bytes`.
    pub(super) md5: [u8; 16],
}

/// Reads `body` to its end and compares length and sums with what was announced, beforehand or in
/// trailers.
pub(super) async fn receive(body: Option<StreamingBlob>, announced: Announced, trailers: Option<TrailingHeaders>) -> S3Result<Received> {
    let length = announced.length.and_then(|length| usize::try_from(length).ok());
    let mut bytes = Vec::with_capacity(length.unwrap_or(0).min(RESERVED_BYTES_MAX));
    if let Some(mut body) = body {
        while let Some(chunk) = body.try_next().await.map_err(|error| s3_error!(IncompleteBody, "{error}"))? {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length.is_some_and(|length| length != bytes.len()) {
        return Err(s3_error!(IncompleteBody, "You did not provide the number of bytes specified by the Content-Length HTTP header"));
    }
    let sums = with_trailers(announced.checksums, trailers);
    // Sums of a large upload take a while; the door stays open to others meanwhile.
    tokio::task::spawn_blocking(move || check(bytes, announced.md5, &sums)).await.map_err(|error| s3_error!(InternalError, "{error}"))?
}

fn check(bytes: Vec<u8>, md5: Option<String>, given: &Checksum) -> S3Result<Received> {
    let computed_md5 = Md5::checksum(&bytes);
    if md5.is_some_and(|given| given != BASE64.encode(computed_md5)) {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received"));
    }
    let mut hasher = ChecksumHasher {
        crc32: given.checksum_crc32.as_ref().map(|_| s3s::crypto::Checksum::new()),
        crc32c: given.checksum_crc32c.as_ref().map(|_| s3s::crypto::Checksum::new()),
        sha1: given.checksum_sha1.as_ref().map(|_| s3s::crypto::Checksum::new()),
        sha256: given.checksum_sha256.as_ref().map(|_| s3s::crypto::Checksum::new()),
        crc64nvme: given.checksum_crc64nvme.as_ref().map(|_| s3s::crypto::Checksum::new()),
    };
    hasher.update(&bytes);
    let computed = hasher.finalize();
    let agree = computed.checksum_crc32 == given.checksum_crc32
        && computed.checksum_crc32c == given.checksum_crc32c
        && computed.checksum_sha1 == given.checksum_sha1
        && computed.checksum_sha256 == given.checksum_sha256
        && computed.checksum_crc64nvme == given.checksum_crc64nvme;
    match agree {
        true => Ok(Received { bytes, md5: computed_md5 }),
        false => Err(s3_error!(BadDigest, "The checksum you specified did not match what we received")),
    }
}

/// Sums may come after the bytes (`aws-chunked` with a trailer), as recent SDKs send them.
fn with_trailers(mut sums: Checksum, trailers: Option<TrailingHeaders>) -> Checksum {
    let Some(trailers) = trailers.and_then(|trailers| trailers.take()) else {
        return sums;
    };
    let given = |name: &str| trailers.get(name)?.to_str().ok().map(str::to_owned);
    for (slot, name) in [
        (&mut sums.checksum_crc32, "x-amz-checksum-crc32"),
        (&mut sums.checksum_crc32c, "x-amz-checksum-crc32c"),
        (&mut sums.checksum_sha1, "x-amz-checksum-sha1"),
        (&mut sums.checksum_sha256, "x-amz-checksum-sha256"),
        (&mut sums.checksum_crc64nvme, "x-amz-checksum-crc64nvme"),
    ] {
        if let Some(value) = given(name) {
            *slot = Some(value);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc32(text: &str) -> Checksum {
        Checksum { checksum_crc32: Some(text.to_owned()), ..Checksum::default() }
    }

    #[test]
    fn bytes_without_sums_are_taken_as_they_are() {
        let received = check(b"hello".to_vec(), None, &Checksum::default()).expect("no sum, no fault");
        assert_eq!(received.bytes, b"hello");
    }

    #[test]
    fn a_right_sum_passes() {
        assert!(check(b"hello".to_vec(), None, &crc32("NhCmhg==")).is_ok());
    }

    #[test]
    fn a_wrong_sum_is_refused() {
        assert!(check(b"hellO".to_vec(), None, &crc32("NhCmhg==")).is_err());
    }

    #[test]
    fn a_wrong_md5_is_refused() {
        assert!(check(b"hello".to_vec(), Some("XUFAKrxLKna5cZ2REBfFkg==".to_owned()), &Checksum::default()).is_ok());
        assert!(check(b"hellO".to_vec(), Some("XUFAKrxLKna5cZ2REBfFkg==".to_owned()), &Checksum::default()).is_err());
    }
}
