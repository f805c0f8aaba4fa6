//! Keys that are stored encrypted.

use outflow_baseline::{Damage, KeyCipher, KeysHeader, OpenError, SegmentInfo, StoredKeys, StoredKeysWriter, WriteError};
use outflow_domain::KeyFingerprint;
use rand::{Rng, SeedableRng, rngs::StdRng};

const HEADER: KeysHeader = KeysHeader { scheme: 1, folding_version: 2, activation: [3; 16], keys_digest: [4; 16], key_check: [5; 8] };
const NONCE: [u8; 8] = [6; 8];

fn cipher() -> KeyCipher {
    KeyCipher::new(&[7; 32])
}

type Keys = Vec<(KeyFingerprint, Vec<u8>)>;

/// So many keys in order, with texts of all lengths.
fn keys(count: usize) -> Keys {
    let mut chance = StdRng::seed_from_u64(count as u64);
    let mut keys: Keys = (0..count)
        .map(|at| (KeyFingerprint(chance.random()), format!("\"marker-{at:05}\"{}", "x".repeat(chance.random_range(0..40))).into_bytes()))
        .collect();
    keys.sort();
    keys
}

fn written(keys: &Keys, header: KeysHeader) -> (Vec<u8>, SegmentInfo) {
    let mut writer = StoredKeysWriter::new(Vec::new(), header, NONCE, cipher()).unwrap();
    keys.iter().for_each(|(key, text)| writer.push(*key, text).unwrap());
    let (info, bytes) = writer.finish_into().unwrap();
    (bytes, info)
}

fn read(bytes: &[u8], info: SegmentInfo, cipher: KeyCipher) -> Result<Keys, OpenError> {
    let file = StoredKeys::open(bytes, &HEADER, info)?;
    let (mut cursor, mut keys) = (file.cursor(cipher), Keys::new());
    while let Some((key, text)) = cursor.next_key()? {
        keys.push((key, text.to_vec()));
    }
    Ok(keys)
}

#[test]
fn keys_are_read_as_they_were_written() {
    for count in [0, 1, 511, 512, 513, 3000] {
        let keys = keys(count);
        let (bytes, info) = written(&keys, HEADER);
        assert_eq!((info.bytes, info.entries), (bytes.len() as u64, count as u64));
        let file = StoredKeys::open(&bytes[..], &HEADER, info).unwrap();
        assert_eq!((file.len(), file.is_empty()), (count as u64, count == 0));
        assert_eq!(read(&bytes, info, cipher()).unwrap(), keys);
    }
}

#[test]
fn a_text_longer_than_a_block_has_one_of_its_own() {
    let keys: Keys = (0..4).map(|it| (KeyFingerprint(it), vec![b'k'; 40_000 + it as usize * 20_000])).collect();
    let (bytes, info) = written(&keys, HEADER);
    assert_eq!(read(&bytes, info, cipher()).unwrap(), keys);
}

#[test]
fn ascending_keys_are_found_and_others_are_not() {
    let all = keys(2000);
    let (stored, absent): (Vec<_>, Vec<_>) = all.iter().cloned().enumerate().partition(|(at, _)| at % 3 == 0);
    let (bytes, info) = written(&stored.iter().map(|(_, it)| it.clone()).collect(), HEADER);
    let file = StoredKeys::open(&bytes[..], &HEADER, info).unwrap();
    let mut cursor = file.cursor(cipher());
    for (key, text) in &all {
        let is_stored = stored.iter().any(|(_, it)| it.0 == *key);
        assert_eq!(cursor.find(*key).unwrap(), is_stored.then_some(text.as_slice()));
        assert_eq!(cursor.find(*key).unwrap(), is_stored.then_some(text.as_slice()), "asked twice");
    }
    let mut cursor = file.cursor(cipher());
    for (_, (key, _)) in absent.iter().step_by(400) {
        assert_eq!(cursor.find(*key).unwrap(), None);
    }
}

#[test]
fn no_key_can_be_read_without_the_cipher() {
    let (bytes, info) = written(&keys(700), HEADER);
    assert!(!bytes.windows(6).any(|it| it == b"marker"));
    let refused = read(&bytes, info, KeyCipher::new(&[8; 32])).unwrap_err();
    assert_eq!(refused, OpenError::Torn(Damage::Block { block: 0, blocks: 2 }));
    assert_eq!(format!("{:?}", cipher()), "KeyCipher(****)");
}

#[test]
fn every_changed_byte_is_noticed() {
    let (bytes, info) = written(&keys(20), HEADER);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        assert!(read(&changed, info, cipher()).is_err(), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn every_missing_byte_is_noticed() {
    let (bytes, info) = written(&keys(20), HEADER);
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], info, cipher()).is_err(), "{length} bytes");
    }
}

/// The index says which fingerprint a block begins with, and its checksum can be made anew; the block's own tag cannot.
#[test]
fn no_key_can_be_given_for_another() {
    let keys = keys(2);
    let (mut bytes, info) = written(&keys, HEADER);
    let (first, second) = (96..112, 112..128);
    let (one, other) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
    bytes[first].copy_from_slice(&other);
    bytes[second].copy_from_slice(&one);
    let refused = read(&bytes, info, cipher()).unwrap_err();
    assert_eq!(refused, OpenError::Torn(Damage::Block { block: 0, blocks: 1 }));
}

#[test]
fn the_file_of_somebody_else_is_refused_by_name() {
    for (header, wanted) in [
        (KeysHeader { activation: [0; 16], ..HEADER }, OpenError::OtherActivation),
        (KeysHeader { key_check: [0; 8], ..HEADER }, OpenError::OtherSecret),
        (KeysHeader { keys_digest: [0; 16], ..HEADER }, OpenError::OtherMapping),
        (KeysHeader { scheme: 9, ..HEADER }, OpenError::OtherScheme { found: 9, expected: 1 }),
        (KeysHeader { folding_version: 9, ..HEADER }, OpenError::OtherFolding { found: 9, expected: 2 }),
    ] {
        let (bytes, info) = written(&keys(3), header);
        assert_eq!(read(&bytes, info, cipher()).unwrap_err(), wanted);
    }
    let (bytes, info) = written(&keys(3), HEADER);
    let named = SegmentInfo { checksum: info.checksum ^ 1, ..info };
    assert_eq!(read(&bytes, named, cipher()).unwrap_err(), OpenError::NotTheNamedFile { found: info, named });
    assert_eq!(read(&[b'x'; 200], info, cipher()).unwrap_err(), OpenError::NotABaseline);
}

#[test]
fn keys_have_to_ascend() {
    let mut writer = StoredKeysWriter::new(Vec::new(), HEADER, NONCE, cipher()).unwrap();
    writer.push(KeyFingerprint(2), b"two").unwrap();
    for key in [1, 2] {
        let refused = writer.push(KeyFingerprint(key), b"again");
        assert!(matches!(refused, Err(WriteError::NotAscending { previous: 2, .. })));
    }
}

/// The bytes of a file are promised, so that whoever has the secret can read them with other tools: RFC 8452 and this layout.
#[test]
fn the_layout_is_as_specified() {
    let keys: Keys = vec![(KeyFingerprint(1), b"\"a\"".to_vec()), (KeyFingerprint(2), b"7,\"b\"".to_vec())];
    let (bytes, _) = written(&keys, HEADER);
    assert_eq!(&bytes[..16], b"\x89OFKEYS\n\x01\0\x01\0\x02\0\0\0");
    assert_eq!(
        (&bytes[16..64], &bytes[64..92]),
        (&[[3; 16], [4; 16], [[5; 8], NONCE].concat().try_into().unwrap()].concat()[..], &[0; 28][..])
    );
    assert_eq!(&bytes[96..128], [1_u128.to_le_bytes(), 2_u128.to_le_bytes()].concat());
    // Two lengths and two texts: 2 × 4 + 3 + 5 bytes of ciphertext, then the index.
    let index = &bytes[144..192];
    assert_eq!(&index[..16], 1_u128.to_le_bytes());
    assert_eq!(&index[32..], [&96_u64.to_le_bytes()[..], &2_u32.to_le_bytes(), &16_u32.to_le_bytes()].concat());
    assert_eq!(bytes.len(), 96 + 32 + 16 + 48 + 32);
    assert_eq!(&bytes[192..212], [&144_u64.to_le_bytes()[..], &2_u64.to_le_bytes(), &1_u32.to_le_bytes()].concat());
}

/// A reader of its own, in another language, decrypts the same keys.
#[test]
fn the_reader_reads_the_same_keys() {
    let keys = keys(530);
    let (bytes, _) = written(&keys, HEADER);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, bytes).unwrap();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_keys.py");
    let read = |key: &str| std::process::Command::new("python3").arg(&script).arg(&file).arg(key).output().expect("python3 runs");
    let output = read(&"07".repeat(32));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let header =
        format!("keys scheme 1 folding 2 activation {} keys {} key-check {} count 530\n", "03".repeat(16), "04".repeat(16), "05".repeat(8));
    let lines = keys.iter().map(|(key, text)| format!("{:032x} {}\n", key.0, String::from_utf8_lossy(text)));
    assert_eq!(String::from_utf8_lossy(&output.stdout), header + &lines.collect::<String>());
    assert!(read(&"08".repeat(32)).stderr.starts_with(b"refused: a block does not match"));
}
