//! Uploads in parts, until they are completed or given up.

use std::collections::{BTreeMap, HashMap};

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};

use super::body::Received;
use super::etag;

/// The smallest part that is not the last (S3's own limit).
const PART_BYTES_MIN: usize = 5 << 20;
/// Parts are numbered from 1 to this (S3's own limit).
const PART_NUMBER_MAX: i32 = 10_000;

/// The uploads in parts that are under way, by id.
#[derive(Default)]
pub(super) struct Uploads {
    by_id: HashMap<String, Upload>,
    started: u64,
}

struct Upload {
    key: String,
    parts: BTreeMap<i32, Received>,
}

/// A part as a listing shows it.
pub(super) struct PartLine {
    pub(super) number: i32,
    pub(super) etag: String,
    pub(super) bytes: usize,
}

/// The parts joined: a whole object.
pub(super) struct Joined {
    pub(super) bytes: Vec<u8>,
    /// MD5 of the parts' MD5s, a dash and their number, as S3 gives it.
    pub(super) etag: String,
}

impl Uploads {
    /// Starts an upload of `key` and gives its id.
    pub(super) fn start(&mut self, key: &str) -> String {
        self.started += 1;
        let id = format!("upload-{}-{}", self.started, uuid::Uuid::new_v4().simple());
        self.by_id.insert(id.clone(), Upload { key: key.to_owned(), parts: BTreeMap::new() });
        id
    }

    /// Keeps a part; a part of the same number takes the earlier one's place. Gives its entity tag.
    pub(super) fn put_part(&mut self, id: &str, key: &str, number: i32, part: Received) -> S3Result<String> {
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Part number must be between 1 and {PART_NUMBER_MAX}"));
        }
        let etag = etag(&part.md5);
        self.upload(id, key)?.parts.insert(number, part);
        Ok(etag)
    }

    /// The parts that arrived so far.
    pub(super) fn parts(&mut self, id: &str, key: &str) -> S3Result<Vec<PartLine>> {
        let line = |(number, part): (&i32, &Received)| PartLine { number: *number, etag: etag(&part.md5), bytes: part.bytes.len() };
        Ok(self.upload(id, key)?.parts.iter().map(line).collect())
    }

    /// Forgets the upload and its parts.
    pub(super) fn abort(&mut self, id: &str, key: &str) -> S3Result<()> {
        self.upload(id, key)?;
        self.by_id.remove(id);
        Ok(())
    }

    /// Checks the client's list of parts and joins them. The upload is gone afterwards; a refusal leaves it.
    pub(super) fn complete(&mut self, id: &str, key: &str, wanted: &[CompletedPart]) -> S3Result<Joined> {
        let upload = self.upload(id, key)?;
        let numbers = upload.check(wanted)?;
        let mut upload = self.by_id.remove(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut parts: Vec<Received> = numbers.iter().filter_map(|number| upload.parts.remove(number)).collect();
        let sums: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
        let etag = format!("{}-{}", etag(&Md5::checksum(&sums)), parts.len());
        let whole: usize = parts.iter().map(|part| part.bytes.len()).sum();
        let mut bytes = std::mem::take(&mut parts[0].bytes);
        bytes.reserve_exact(whole - bytes.len());
        for part in parts.drain(1..) {
            bytes.extend_from_slice(&part.bytes);
        }
        Ok(Joined { bytes, etag })
    }

    fn upload(&mut self, id: &str, key: &str) -> S3Result<&mut Upload> {
        self.by_id
            .get_mut(id)
            .filter(|upload| upload.key == key)
            .ok_or_else(|| s3_error!(NoSuchUpload, "The specified upload does not exist"))
    }
}

impl Upload {
    /// The numbers of the parts in `wanted`, which must ascend, exist and be large enough.
    fn check(&self, wanted: &[CompletedPart]) -> S3Result<Vec<i32>> {
        if wanted.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        let mut numbers: Vec<i32> = Vec::with_capacity(wanted.len());
        for (at, part) in wanted.iter().enumerate() {
            let number = part.part_number.unwrap_or_default();
            if numbers.last().is_some_and(|last| number <= *last) {
                return Err(s3_error!(InvalidPartOrder));
            }
            let kept = self.parts.get(&number).filter(|kept| part.e_tag.as_ref().is_none_or(|given| given.value() == etag(&kept.md5)));
            let kept = kept.ok_or_else(|| s3_error!(InvalidPart, "Part {number} is not there"))?;
            if kept.bytes.len() < PART_BYTES_MIN && at + 1 != wanted.len() {
                return Err(s3_error!(EntityTooSmall, "Part {number} is smaller than the minimum"));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3s::crypto::Md5;

    fn part(bytes: Vec<u8>) -> Received {
        Received { md5: Md5::checksum(&bytes), bytes }
    }

    fn listed(numbers: &[i32]) -> Vec<CompletedPart> {
        let part = |number: &i32| CompletedPart { part_number: Some(*number), ..CompletedPart::default() };
        numbers.iter().map(part).collect()
    }

    fn uploads(sizes: &[usize]) -> (Uploads, String) {
        let mut uploads = Uploads::default();
        let id = uploads.start("k");
        for (at, size) in sizes.iter().enumerate() {
            let byte = u8::try_from(at).expect("few parts");
            let number = i32::try_from(at + 1).expect("few parts");
            uploads.put_part(&id, "k", number, part(vec![byte; *size])).expect("a known upload");
        }
        (uploads, id)
    }

    #[test]
    fn parts_join_in_order() {
        let (mut uploads, id) = uploads(&[PART_BYTES_MIN, 3]);
        let joined = uploads.complete(&id, "k", &listed(&[1, 2])).expect("both parts are there");
        assert_eq!(joined.bytes.len(), PART_BYTES_MIN + 3);
        assert_eq!(joined.bytes[PART_BYTES_MIN..], [1, 1, 1]);
        assert!(joined.etag.ends_with("-2"));
    }

    #[test]
    fn a_missing_part_is_refused_and_the_upload_stays() {
        let (mut uploads, id) = uploads(&[3]);
        assert!(uploads.complete(&id, "k", &listed(&[1, 2])).is_err());
        assert!(uploads.complete(&id, "k", &listed(&[1])).is_ok());
    }

    #[test]
    fn a_small_part_in_the_middle_is_refused() {
        let (mut uploads, id) = uploads(&[3, 3]);
        assert!(uploads.complete(&id, "k", &listed(&[1, 2])).is_err());
    }

    #[test]
    fn parts_out_of_order_are_refused() {
        let (mut uploads, id) = uploads(&[PART_BYTES_MIN, PART_BYTES_MIN]);
        assert!(uploads.complete(&id, "k", &listed(&[2, 1])).is_err());
    }

    #[test]
    fn an_upload_belongs_to_its_key() {
        let (mut uploads, id) = uploads(&[3]);
        assert!(uploads.complete(&id, "other", &listed(&[1])).is_err());
    }

    #[test]
    fn an_aborted_upload_is_gone() {
        let (mut uploads, id) = uploads(&[3]);
        uploads.abort(&id, "k").expect("it was there");
        assert!(uploads.parts(&id, "k").is_err());
    }
}
