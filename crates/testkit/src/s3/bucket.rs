//! What S3 does, in memory, with the limits that people meet: parts of at least 5 MiB, pages of 1,000 keys.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const MIN_PART_BYTES: usize = 5 << 20;
const PAGE_KEYS: usize = 1_000;

/// A bucket; clones share it.
#[derive(Clone)]
pub struct Bucket {
    name: &'static str,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Kept>,
    uploads: BTreeMap<String, BTreeMap<i32, Bytes>>,
}

struct Kept {
    bytes: Bytes,
    tag: String,
    at: Timestamp,
}

impl Kept {
    fn new(bytes: Bytes) -> Self {
        Self { tag: tag(&bytes), bytes, at: std::time::SystemTime::now().into() }
    }
}

fn tag(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

impl Bucket {
    pub fn new(name: &'static str) -> Self {
        Self { name, shelf: Arc::default() }
    }

    /// The keys of objects, and the ids of uploads that are under way.
    pub fn contents(&self) -> (Vec<String>, Vec<String>) {
        let shelf = self.lock();
        (shelf.objects.keys().cloned().collect(), shelf.uploads.keys().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.name { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }
}

async fn read(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else { return Ok(Bytes::new()) };
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.try_next().await.map_err(|_| s3_error!(IncompleteBody))? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn done<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

fn length(range: &Range<u64>) -> Option<i64> {
    i64::try_from(range.end - range.start).ok()
}

#[async_trait]
impl S3 for Bucket {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        self.check(&input.bucket)?;
        let kept = Kept::new(read(input.body).await?);
        let output = PutObjectOutput { e_tag: Some(ETag::Strong(kept.tag.clone())), ..Default::default() };
        self.lock().objects.insert(input.key, kept);
        done(output)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.check(&input.bucket)?;
        let shelf = self.lock();
        let kept = shelf.objects.get(&input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        let size = kept.bytes.len() as u64;
        let range = match input.range {
            Some(range) => range.check(size)?,
            None => 0..size,
        };
        let content_range = input.range.map(|_| format!("bytes {}-{}/{size}", range.start, range.end - 1));
        #[expect(clippy::cast_possible_truncation, reason = "objects in memory fit into memory")]
        let bytes = kept.bytes.slice(range.start as usize..range.end as usize);
        done(GetObjectOutput {
            body: Some(StreamingBlob::from(Body::from(bytes))),
            content_length: length(&range),
            content_range,
            e_tag: Some(ETag::Strong(kept.tag.clone())),
            last_modified: Some(kept.at.clone()),
            ..Default::default()
        })
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        self.check(&input.bucket)?;
        let shelf = self.lock();
        let kept = shelf.objects.get(&input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        done(HeadObjectOutput {
            content_length: length(&(0..kept.bytes.len() as u64)),
            e_tag: Some(ETag::Strong(kept.tag.clone())),
            last_modified: Some(kept.at.clone()),
            ..Default::default()
        })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        self.check(&input.bucket)?;
        let CopySource::Bucket { key, .. } = &input.copy_source else { return Err(s3_error!(NotImplemented)) };
        let mut shelf = self.lock();
        let bytes = shelf.objects.get(key.as_ref()).ok_or_else(|| s3_error!(NoSuchKey))?.bytes.clone();
        let kept = Kept::new(bytes);
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(kept.tag.clone())),
            last_modified: Some(kept.at.clone()),
            ..Default::default()
        };
        shelf.objects.insert(input.key, kept);
        done(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.check(&request.input.bucket)?;
        self.lock().objects.remove(&request.input.key);
        done(DeleteObjectOutput::default())
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.check(&request.input.bucket)?;
        let mut shelf = self.lock();
        let mut deleted = Vec::new();
        for object in request.input.delete.objects {
            shelf.objects.remove(&object.key);
            deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
        }
        done(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() })
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        self.check(&input.bucket)?;
        if input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "nothing here lists by folder"));
        }
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().or(input.start_after).unwrap_or_default();
        let shelf = self.lock();
        let mut found = shelf.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let contents: Vec<Object> = found
            .by_ref()
            .take(PAGE_KEYS)
            .map(|(key, kept)| Object {
                key: Some(key.clone()),
                size: i64::try_from(kept.bytes.len()).ok(),
                e_tag: Some(ETag::Strong(kept.tag.clone())),
                last_modified: Some(kept.at.clone()),
                ..Default::default()
            })
            .collect();
        let is_truncated = found.next().is_some();
        let next_continuation_token = contents.last().filter(|_| is_truncated).and_then(|last| last.key.clone());
        done(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            key_count: i32::try_from(contents.len()).ok(),
            is_truncated: Some(is_truncated),
            contents: Some(contents),
            next_continuation_token,
            ..Default::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        self.check(&input.bucket)?;
        let id = Uuid::new_v4().to_string();
        self.lock().uploads.insert(id.clone(), BTreeMap::new());
        let (bucket, key, upload_id) = (Some(input.bucket), Some(input.key), Some(id));
        done(CreateMultipartUploadOutput { bucket, key, upload_id, ..Default::default() })
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let bytes = read(input.body).await?;
        let e_tag = Some(ETag::Strong(tag(&bytes)));
        let mut shelf = self.lock();
        let parts = shelf.uploads.get_mut(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        parts.insert(input.part_number, bytes);
        done(UploadPartOutput { e_tag, ..Default::default() })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let mut shelf = self.lock();
        let parts = shelf.uploads.get(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let numbers: Vec<i32> = named.iter().filter_map(|part| part.part_number).collect();
        let chosen: Option<Vec<&Bytes>> = numbers.iter().map(|number| parts.get(number)).collect();
        let chosen = chosen.filter(|parts| !parts.is_empty()).ok_or_else(|| s3_error!(InvalidPart))?;
        if chosen[..chosen.len() - 1].iter().any(|part| part.len() < MIN_PART_BYTES) {
            return Err(s3_error!(EntityTooSmall));
        }
        let kept = Kept::new(chosen.into_iter().flatten().copied().collect());
        let e_tag = Some(ETag::Strong(kept.tag.clone()));
        shelf.uploads.remove(&input.upload_id);
        shelf.objects.insert(input.key.clone(), kept);
        let (bucket, key) = (Some(input.bucket), Some(input.key));
        done(CompleteMultipartUploadOutput { bucket, key, e_tag, ..Default::default() })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.lock().uploads.remove(&request.input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        done(AbortMultipartUploadOutput::default())
    }
}
