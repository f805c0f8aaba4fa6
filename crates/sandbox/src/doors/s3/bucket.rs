//! The model's buckets, as the S3 operations need them: with faults, journal, entity tags and listings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::etag;
use super::listing::{PAGE_ENTRIES_MAX, Page, Wanted, page, spelled};
use super::multipart::Uploads;
use crate::doors::cut::Knife;
use crate::doors::operation::{Operation, journal_status};
use crate::doors::tenant::Tenant;
use crate::model::{FileError, FileFault, FileStat, LocationKind, Model};

/// All buckets of the tenant.
pub(super) struct Buckets {
    pub(super) tenant: Arc<Tenant>,
    uploads: Mutex<Uploads>,
    etags: Mutex<HashMap<(String, String), KnownTag>>,
}

/// An entity tag and the state of the object it was computed of.
struct KnownTag {
    size: u64,
    modified_ms: i64,
    etag: String,
}

/// An operation and the fault that meets it.
struct Strike {
    operation: Operation,
    bytes: u64,
    fault: Option<FileFault>,
}

/// A bucket that a request may reach.
pub(super) struct Reached {
    pub(super) name: String,
    /// The file location by which the model knows it.
    pub(super) location: String,
    pub(super) knife: Option<Knife>,
}

impl Buckets {
    pub(super) fn new(tenant: Arc<Tenant>) -> Self {
        Self { tenant, uploads: Mutex::default(), etags: Mutex::default() }
    }

    /// The bucket of a request, if there is one and the request is signed for its region.
    pub(super) async fn reach<T>(&self, request: &S3Request<T>, bucket: &str) -> S3Result<Reached> {
        let wanted = bucket.to_owned();
        let found = self.tenant.ask_briefly(move |model, _| {
            let location = model.location_of_bucket(&wanted)?;
            match &location.kind {
                LocationKind::Bucket(bucket) => Some((location.key.clone(), bucket.place.clone())),
                _ => None,
            }
        });
        let (location, region) = found.await.ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))?;
        // File locations spell regions without dashes.
        let signed_for = request.region.as_ref().map(|region| region.as_str().replace('-', ""));
        if signed_for.is_some_and(|signed_for| signed_for != region) {
            return Err(s3_error!(AuthorizationHeaderMalformed, "The authorization header is malformed; the region is wrong"));
        }
        Ok(Reached { name: bucket.to_owned(), location, knife: request.extensions.get::<Knife>().cloned() })
    }

    /// Carries out one operation with the faults that are set for it, and notes it in the journal.
    ///
    /// `bytes` are those that the request brings; a fault strikes when that many have passed.
    pub(super) async fn perform<R: Send + 'static>(
        &self,
        bucket: &Reached,
        name: &'static str,
        key: &str,
        bytes: u64,
        call: impl FnOnce(&mut Model, &str, i64) -> Result<R, FileError> + Send + 'static,
    ) -> S3Result<R> {
        let strike = self.strike(bucket, name, key, bytes).await;
        self.carry_out(bucket, strike, call).await
    }

    /// The fault that meets an operation, if any.
    async fn strike(&self, bucket: &Reached, name: &'static str, key: &str, bytes: u64) -> Strike {
        let operation = Operation::new("s3", name, &bucket.location, key);
        let noted = operation.clone();
        let fault = self.tenant.ask_briefly(move |model, _| model.file_fault(&noted.query(bytes))).await;
        Strike { operation, bytes, fault }
    }

    async fn carry_out<R: Send + 'static>(
        &self,
        bucket: &Reached,
        Strike { operation, bytes, fault }: Strike,
        call: impl FnOnce(&mut Model, &str, i64) -> Result<R, FileError> + Send + 'static,
    ) -> S3Result<R> {
        let refused = match &fault {
            Some(FileFault::Denied) => Some((403, s3_error!(AccessDenied, "Access Denied"))),
            Some(FileFault::LoginRefused) => Some((
                403,
                s3_error!(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided"),
            )),
            Some(FileFault::NoSpace { .. }) => Some((503, s3_error!(SlowDown, "Please reduce your request rate"))),
            Some(FileFault::DropConnection { .. }) => Some((0, s3_error!(InternalError, "the connection is cut"))),
            Some(FileFault::Delay { millis }) => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                None
            }
            Some(FileFault::LoseAnswer | FileFault::TruncateSilently { .. }) | None => None,
        };
        let location = bucket.location.clone();
        let asked = self.tenant.ask(move |model, now_ms| {
            let (status, answer) = match refused {
                Some((status, error)) => (status, Err(error)),
                None => match call(model, &location, now_ms) {
                    Ok(answer) => (200, Ok(answer)),
                    Err(error) => (journal_status(&error), Err(refusal(&error))),
                },
            };
            model.note_file_call(&operation.query(bytes), status, now_ms);
            answer
        });
        let answer = asked.await;
        if let (Some(knife), Some(FileFault::DropConnection { .. } | FileFault::LoseAnswer)) = (&bucket.knife, &fault) {
            knife.sever();
        }
        answer
    }

    /// What lies under a key.
    pub(super) async fn object(&self, bucket: &Reached, name: &'static str, key: &str) -> S3Result<FileStat> {
        let wanted = key.to_owned();
        self.perform(bucket, name, key, 0, move |model, location, _| model.file_stat(location, &wanted)?.ok_or(FileError::NotFound(wanted)))
            .await
    }

    /// Stores an object, unless a condition speaks against it.
    pub(super) async fn store(
        &self,
        bucket: &Reached,
        name: &'static str,
        key: &str,
        object: (Vec<u8>, String),
        only_new: bool,
    ) -> S3Result<ETag> {
        let (mut bytes, etag) = object;
        let strike = self.strike(bucket, name, key, bytes.len() as u64).await;
        if let Some(FileFault::TruncateSilently { after_bytes }) = strike.fault {
            bytes.truncate(usize::try_from(after_bytes).unwrap_or(usize::MAX));
        }
        let wanted = key.to_owned();
        let stored = self.carry_out(bucket, strike, move |model, location, now_ms| {
            if only_new && model.file_stat(location, &wanted)?.is_some() {
                return Err(FileError::Exists(wanted));
            }
            model.file_put(location, &wanted, bytes, now_ms)?;
            model.file_stat(location, &wanted)
        });
        if let Some(stat) = stored.await? {
            self.remember_tag(bucket, &stat, &etag);
        }
        Ok(ETag::Strong(etag))
    }

    /// Removes an object; removing what is not there succeeds, as on S3.
    pub(super) async fn delete(&self, bucket: &Reached, key: &str) -> S3Result<()> {
        let wanted = key.to_owned();
        self.perform(bucket, "delete", key, 0, move |model, location, _| match model.file_remove(location, &wanted) {
            Ok(()) | Err(FileError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    pub(super) async fn tag(&self, bucket: &Reached, stat: &FileStat) -> S3Result<ETag> {
        let place = (bucket.name.clone(), stat.path.clone());
        let known = self
            .etags()
            .get(&place)
            .and_then(|known| (known.size == stat.size && known.modified_ms == stat.modified_ms).then(|| known.etag.clone()));
        if let Some(known) = known {
            return Ok(ETag::Strong(known));
        }
        let (location, path) = (bucket.location.clone(), stat.path.clone());
        let computed = self.tenant.ask(move |model, _| model.file_get(&location, &path).map(|bytes| etag(&Md5::checksum(bytes))));
        let computed = computed.await.map_err(|error| refusal(&error))?;
        self.remember_tag(bucket, stat, &computed);
        Ok(ETag::Strong(computed))
    }

    fn remember_tag(&self, bucket: &Reached, stat: &FileStat, etag: &str) {
        let known = KnownTag { size: stat.size, modified_ms: stat.modified_ms, etag: etag.to_owned() };
        self.etags().insert((bucket.name.clone(), stat.path.clone()), known);
    }

    fn etags(&self) -> MutexGuard<'_, HashMap<(String, String), KnownTag>> {
        self.etags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn list(&self, bucket: &Reached, asked: Asked) -> S3Result<Listed> {
        let prefix = asked.prefix.clone();
        let entries = self.perform(bucket, "list", &asked.prefix, 0, move |model, location, _| model.file_list(location, &prefix)).await?;
        let Page { contents, prefixes, next_after } = page(
            entries,
            |stat| stat.path.as_str(),
            &Wanted { prefix: &asked.prefix, delimiter: asked.delimiter.as_deref(), after: &asked.after, entries_max: asked.entries_max },
        );
        let mut objects = Vec::with_capacity(contents.len());
        for stat in contents {
            objects.push(Object {
                e_tag: Some(self.tag(bucket, &stat).await?),
                key: Some(spelled(&stat.path, asked.url_encoded)),
                last_modified: Some(modified(&stat)),
                size: Some(size(&stat)),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Object::default()
            });
        }
        let prefix = |text: String| CommonPrefix { prefix: Some(spelled(&text, asked.url_encoded)) };
        Ok(Listed { objects, prefixes: prefixes.into_iter().map(prefix).collect(), next_after })
    }
}

/// A listing as either version of the call asks for it.
pub(super) struct Asked {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    pub(super) after: String,
    pub(super) entries_max: usize,
    pub(super) url_encoded: bool,
}

/// What it gives.
pub(super) struct Listed {
    pub(super) objects: Vec<Object>,
    pub(super) prefixes: Vec<CommonPrefix>,
    pub(super) next_after: Option<String>,
}

pub(super) fn entries_max(asked: Option<MaxKeys>) -> S3Result<usize> {
    match asked.map(usize::try_from) {
        None => Ok(PAGE_ENTRIES_MAX),
        Some(Ok(asked)) => Ok(asked.min(PAGE_ENTRIES_MAX)),
        Some(Err(_)) => Err(s3_error!(InvalidArgument, "max-keys must not be negative")),
    }
}

pub(super) fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|it| it.as_str() == EncodingType::URL)
}

pub(super) fn modified(stat: &FileStat) -> Timestamp {
    let since = Duration::from_millis(stat.modified_ms.max(0).unsigned_abs());
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}

pub(super) fn size(stat: &FileStat) -> i64 {
    i64::try_from(stat.size).unwrap_or(i64::MAX)
}

pub(super) fn refusal(error: &FileError) -> S3Error {
    match error {
        FileError::NoLocation(_) => s3_error!(NoSuchBucket, "The specified bucket does not exist"),
        FileError::NotFound(_) => s3_error!(NoSuchKey, "The specified key does not exist."),
        FileError::Exists(_) => {
            s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
        }
        _ => s3_error!(InvalidArgument, "{error}"),
    }
}

/// Whether a write may only make a new object. A condition on a certain tag is not among what the sandbox
/// models.
pub(super) fn only_new(if_none_match: Option<&IfNoneMatch>, if_match: Option<&IfMatch>) -> S3Result<bool> {
    match (if_none_match, if_match) {
        (None, None) => Ok(false),
        (Some(ETagCondition::Any), None) => Ok(true),
        _ => Err(s3_error!(NotImplemented, "the sandbox knows `If-None-Match: *` as the only condition of a write")),
    }
}
