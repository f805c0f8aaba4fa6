//! The S3 operations.

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::body::{Announced, receive};
use super::bucket::{Asked, Buckets, entries_max, is_url, modified, only_new, refusal, size};
use super::etag;
use super::listing::spelled;
use super::multipart::PartLine;
use crate::model::FileError;

/// What an upload says of its bytes: a whole object's and a part's have these members in common, and no type.
macro_rules! announced {
    ($input:ident) => {
        Announced {
            length: $input.content_length,
            md5: $input.content_md5,
            checksums: Checksum {
                checksum_crc32: $input.checksum_crc32,
                checksum_crc32c: $input.checksum_crc32c,
                checksum_crc64nvme: $input.checksum_crc64nvme,
                checksum_sha1: $input.checksum_sha1,
                checksum_sha256: $input.checksum_sha256,
                checksum_type: None,
            },
        }
    };
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let names = self.tenant.ask_briefly(|model, _| model.buckets()).await;
        let bucket = |name| Bucket { name: Some(name), ..Bucket::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(names.into_iter().map(bucket).collect()), ..ListBucketsOutput::default() }))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        Err(match self.reach(&request, &request.input.bucket).await {
            Ok(_) => s3_error!(BucketAlreadyOwnedByYou),
            Err(_) => s3_error!(AccessDenied, "the sandbox's buckets are those of its file locations"),
        })
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.reach(&request, &request.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.reach(&request, &request.input.bucket).await?;
        let constraint = request.region.map(|it| BucketLocationConstraint::from(it.as_str().to_owned()));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: constraint }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let only_new = only_new(input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let received = receive(input.body, announced!(input), request.trailing_headers).await?;
        let object = (received.bytes, etag(&received.md5));
        let tag = self.store(&bucket, "put", &input.key, object, only_new).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(tag), ..PutObjectOutput::default() }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let stat = self.object(&bucket, "head", &request.input.key).await?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(size(&stat)),
            e_tag: Some(self.tag(&bucket, &stat).await?),
            last_modified: Some(modified(&stat)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let stat = self.object(&bucket, "get", &input.key).await?;
        let tag = self.tag(&bucket, &stat).await?;
        if let Some(ETagCondition::ETag(wanted)) = &input.if_match
            && *wanted != tag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let asked = input.range.map(|range| range.check(stat.size));
        let asked = asked.transpose().map_err(|_| s3_error!(InvalidRange))?;
        let range = asked.clone().unwrap_or(0..stat.size);
        let (location, path) = (bucket.location.clone(), stat.path.clone());
        let part = range.clone();
        let bytes = self.tenant.ask(move |model, _| {
            let bytes = model.file_get(&location, &path)?;
            let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes[at(part.start)..at(part.end)].to_vec())
        });
        let bytes: Vec<u8> = bytes.await.map_err(|error: FileError| refusal(&error))?;
        let content_range = asked.map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, stat.size));
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(bytes.len()).ok(),
            body: Some(StreamingBlob::from(s3s::Body::from(bytes))),
            content_range,
            e_tag: Some(tag),
            last_modified: Some(modified(&stat)),
            ..GetObjectOutput::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        self.delete(&bucket, &request.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let quiet = request.input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in request.input.delete.objects {
            match self.delete(&bucket, &object.key).await {
                Ok(()) if quiet => {}
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(object.key),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), ..DeleteObjectsOutput::default() }))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let CopySource::Bucket { bucket: from, key: source, .. } = &request.input.copy_source else {
            return Err(s3_error!(NotImplemented, "the sandbox copies from buckets only"));
        };
        let from = self.reach(&request, from).await?;
        let (from, source) = (from.location, source.to_string());
        let (key, target) = (request.input.key.clone(), request.input.key.clone());
        let stat = self.perform(&bucket, "copy", &key, 0, move |model, location, now_ms| {
            let bytes = model.file_get(&from, &source)?.to_vec();
            model.file_put(location, &target, bytes, now_ms)?;
            model.file_stat(location, &target)?.ok_or(FileError::NotFound(target))
        });
        let stat = stat.await?;
        let result = CopyObjectResult {
            e_tag: Some(self.tag(&bucket, &stat).await?),
            last_modified: Some(modified(&stat)),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() }))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let asked = Asked {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: input.marker.clone().unwrap_or_default(),
            entries_max: entries_max(input.max_keys)?,
            url_encoded: is_url(input.encoding_type.as_ref()),
        };
        let max_keys = i32::try_from(asked.entries_max).ok();
        let url_encoded = asked.url_encoded;
        let listed = self.list(&bucket, asked).await?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(bucket.name),
            prefix: input.prefix.map(|it| spelled(&it, url_encoded)),
            marker: input.marker.map(|it| spelled(&it, url_encoded)),
            max_keys,
            is_truncated: Some(listed.next_after.is_some()),
            next_marker: listed.next_after.map(|it| spelled(&it, url_encoded)),
            contents: Some(listed.objects),
            common_prefixes: Some(listed.prefixes),
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        // A continuation token is the last entry of the page before it.
        let after = input.continuation_token.clone().or_else(|| input.start_after.clone());
        let asked = Asked {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: after.unwrap_or_default(),
            entries_max: entries_max(input.max_keys)?,
            url_encoded: is_url(input.encoding_type.as_ref()),
        };
        let max_keys = i32::try_from(asked.entries_max).ok();
        let url_encoded = asked.url_encoded;
        let listed = self.list(&bucket, asked).await?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(bucket.name),
            prefix: input.prefix.map(|it| spelled(&it, url_encoded)),
            max_keys,
            key_count: i32::try_from(listed.objects.len() + listed.prefixes.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(listed.next_after.is_some()),
            next_continuation_token: listed.next_after,
            contents: Some(listed.objects),
            common_prefixes: Some(listed.prefixes),
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(|it| spelled(&it, url_encoded)),
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let key = request.input.key;
        self.perform(&bucket, "create_upload", &key, 0, |_, _, _| Ok(())).await?;
        let id = self.uploads().start(&key);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket.name),
            key: Some(key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let part = receive(input.body, announced!(input), request.trailing_headers).await?;
        let bytes = part.bytes.len() as u64;
        self.perform(&bucket, "upload_part", &input.key, bytes, |_, _, _| Ok(())).await?;
        let tag = self.uploads().put_part(&input.upload_id, &input.key, input.part_number, part)?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(ETag::Strong(tag)), ..UploadPartOutput::default() }))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let lines = self.uploads().parts(&input.upload_id, &input.key)?;
        let part = |line: PartLine| Part {
            e_tag: Some(ETag::Strong(line.etag)),
            part_number: Some(line.number),
            size: i64::try_from(line.bytes).ok(),
            ..Part::default()
        };
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(bucket.name),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(false),
            parts: Some(lines.into_iter().map(part).collect()),
            ..ListPartsOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        let input = request.input;
        let only_new = only_new(input.if_none_match.as_ref(), input.if_match.as_ref())?;
        let parts = input.multipart_upload.and_then(|it| it.parts).unwrap_or_default();
        let joined = self.uploads().complete(&input.upload_id, &input.key, &parts)?;
        let object = (joined.bytes, joined.etag);
        let tag = self.store(&bucket, "complete_upload", &input.key, object, only_new).await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(bucket.name),
            key: Some(input.key),
            e_tag: Some(tag),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let bucket = self.reach(&request, &request.input.bucket).await?;
        self.perform(&bucket, "abort_upload", &request.input.key, 0, |_, _, _| Ok(())).await?;
        self.uploads().abort(&request.input.upload_id, &request.input.key)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
