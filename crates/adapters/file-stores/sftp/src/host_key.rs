//! Which server is the right one.
//!
//! A host key is judged before any name, password or signature leaves. There is no "trust on first use": nobody looks at the first
//! use of an unattended program.

use std::fmt;

use ring::hmac;
use russh::keys::{
    Algorithm, HashAlg, PublicKey,
    ssh_key::{
        Fingerprint,
        known_hosts::{Entry, HostPatterns, Marker},
    },
};

use crate::{algorithms, settings::InvalidSettings};

/// How a person says which host keys are right.
#[derive(Clone, Debug)]
pub enum HostKeys {
    /// Fingerprints, `SHA256:…`. Several, so that a new key can be let in before the server changes to it.
    Pinned(Vec<String>),
    /// The text of a `known_hosts` file, as OpenSSH writes it; its certificate authorities are not used.
    KnownHosts(String),
}

/// Host keys that were read and belong to one server.
#[derive(Debug)]
pub(crate) enum Trust {
    Pinned(Vec<Fingerprint>),
    Known { trusted: Vec<PublicKey>, revoked: Vec<PublicKey> },
}

impl Trust {
    pub(crate) fn of(keys: &HostKeys, host: &str, port: u16) -> Result<Self, InvalidSettings> {
        match keys {
            HostKeys::Pinned(texts) => texts.iter().map(|it| fingerprint(it)).collect::<Result<_, _>>().map(Self::Pinned),
            HostKeys::KnownHosts(text) => Ok(Self::known(text, host, port)),
        }
    }

    /// Lines that cannot be read are passed over, as OpenSSH does: they can only make us trust less.
    fn known(text: &str, host: &str, port: u16) -> Self {
        let host = host.to_lowercase();
        let sought = if port == 22 { host } else { format!("[{host}]:{port}") };
        let (mut trusted, mut revoked) = (Vec::new(), Vec::new());
        let entries = text.lines().filter_map(|it| it.trim().parse::<Entry>().ok());
        for entry in entries.filter(|it| names(it.host_patterns(), &sought)) {
            match entry.marker() {
                None => trusted.push(entry.public_key().clone()),
                Some(Marker::Revoked) => revoked.push(entry.public_key().clone()),
                Some(Marker::CertAuthority) => {}
            }
        }
        Self::Known { trusted, revoked }
    }

    /// `Err` says, for a person, what was expected instead.
    pub(crate) fn judge(&self, key: &PublicKey) -> Result<(), String> {
        let is_in = |keys: &[PublicKey]| keys.iter().any(|it| it.key_data() == key.key_data());
        match self {
            Self::Pinned(pinned) if pinned.contains(&key.fingerprint(HashAlg::Sha256)) => Ok(()),
            Self::Pinned(pinned) if pinned.is_empty() => Err("not pinned: no host key is".to_owned()),
            Self::Pinned(pinned) => Err(format!("not the pinned {}", Listed(pinned))),
            Self::Known { revoked, .. } if is_in(revoked) => Err("revoked in known_hosts".to_owned()),
            Self::Known { trusted, .. } if is_in(trusted) => Ok(()),
            Self::Known { trusted, .. } if trusted.is_empty() => Err("not in known_hosts".to_owned()),
            Self::Known { trusted, .. } => {
                let trusted: Vec<_> = trusted.iter().map(|it| it.fingerprint(HashAlg::Sha256)).collect();
                Err(format!("not the one in known_hosts, {}", Listed(&trusted)))
            }
        }
    }

    /// Algorithms to ask the server's key for. Those of keys in known_hosts come first, or a server with several keys might show one
    /// that nobody wrote down.
    pub(crate) fn algorithms(&self, legacy: bool) -> Vec<Algorithm> {
        let mut algorithms = algorithms::host_keys(legacy);
        if let Self::Known { trusted, .. } = self {
            algorithms.sort_by_key(|it| !trusted.iter().any(|key| same_kind(&key.algorithm(), it)));
        }
        algorithms
    }

    /// Whether another key of the same server might be the right one: a fingerprint does not tell the kind of its key.
    pub(crate) fn may_have_another(&self) -> bool {
        matches!(self, Self::Pinned(pinned) if !pinned.is_empty())
    }
}

/// Whether both use the same kind of key: RSA keys sign with several digests.
pub(crate) fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    let rsa = |it: &Algorithm| matches!(it, Algorithm::Rsa { .. });
    one == other || (rsa(one) && rsa(other))
}

fn fingerprint(text: &str) -> Result<Fingerprint, InvalidSettings> {
    let text = text.trim();
    // Padding is how other tools print base64.
    match text.trim_end_matches('=').parse::<Fingerprint>() {
        Ok(it) if it.is_sha256() => Ok(it),
        _ => Err(InvalidSettings::Fingerprint { text: text.to_owned() }),
    }
}

fn names(patterns: &HostPatterns, sought: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&key, sought.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let fits = |pattern: &str| glob(pattern.to_lowercase().as_bytes(), sought.as_bytes());
            let denied = patterns.iter().filter_map(|it| it.strip_prefix('!')).any(fits);
            !denied && patterns.iter().filter(|it| !it.starts_with('!')).any(|it| fits(it))
        }
    }
}

/// `*` stands for any characters, `?` for one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => glob(rest, text) || (!text.is_empty() && glob(pattern, &text[1..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => glob(pattern, text),
        ([one, pattern @ ..], [other, text @ ..]) if one == other => glob(pattern, text),
        _ => false,
    }
}

/// Fingerprints, for a person.
pub(crate) struct Listed<'a>(pub(crate) &'a [Fingerprint]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fingerprint) in self.0.iter().enumerate() {
            write!(f, "{}{fingerprint}", if at == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILagOJFgwaMNhBWQINinKOXmqS4Gh5NgxgriXwdOoINJ";

    /// Whether `ftp.example.com` on the port may show the key `ONE`.
    fn check(known_hosts: &str, port: u16) -> Result<(), String> {
        let keys = HostKeys::KnownHosts(known_hosts.replace("ONE", ONE).replace("OTHER", OTHER));
        Trust::of(&keys, "FTP.example.com", port).unwrap().judge(&ONE.parse().unwrap())
    }

    #[test]
    fn a_known_key_is_trusted() {
        check("ftp.example.com ONE", 22).unwrap();
    }

    #[test]
    fn a_port_other_than_22_is_part_of_the_name() {
        check("[ftp.example.com]:2222 ONE", 2222).unwrap();
        check("ftp.example.com ONE", 2222).unwrap_err();
    }

    #[test]
    fn an_unknown_server_is_not_trusted() {
        assert_eq!(check("www.example.com ONE", 22).unwrap_err(), "not in known_hosts");
    }

    #[test]
    fn a_changed_key_is_not_trusted() {
        assert!(check("ftp.example.com OTHER", 22).unwrap_err().starts_with("not the one in known_hosts, SHA256:"));
    }

    #[test]
    fn a_revoked_key_is_not_trusted_whatever_else_is_said() {
        assert_eq!(check("ftp.example.com ONE\n@revoked * ONE", 22).unwrap_err(), "revoked in known_hosts");
    }

    #[test]
    fn a_certificate_authority_is_no_host_key() {
        check("@cert-authority *.example.com ONE", 22).unwrap_err();
    }

    #[test]
    fn patterns_may_name_many_and_except_some() {
        check("*.example.com ONE", 22).unwrap();
        check("a,ftp.example.co? ONE", 22).unwrap();
        check("*.example.com,!ftp.* ONE", 22).unwrap_err();
    }

    #[test]
    fn lines_that_cannot_be_read_are_passed_over() {
        check("# a comment\n\nrubbish\nftp.example.com ssh-new AAAA\nftp.example.com ONE a comment", 22).unwrap();
    }

    #[test]
    fn a_hashed_name_is_found() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"twenty bytes of salt");
        let tag = hmac::sign(&key, b"ftp.example.com");
        let patterns = HostPatterns::HashedName { salt: b"twenty bytes of salt".to_vec(), hash: tag.as_ref().try_into().unwrap() };
        check(&format!("{} ONE", patterns.to_string()), 22).unwrap();
    }

    #[test]
    fn pins_are_fingerprints() {
        let key: PublicKey = ONE.parse().unwrap();
        let seen = key.fingerprint(HashAlg::Sha256).to_string();
        let other = OTHER.parse::<PublicKey>().unwrap().fingerprint(HashAlg::Sha256).to_string();
        let judge = |pins: &[&str]| {
            let pins = HostKeys::Pinned(pins.iter().map(|&it| it.to_owned()).collect());
            Trust::of(&pins, "ftp.example.com", 22).unwrap().judge(&key)
        };
        judge(&[&seen]).unwrap();
        judge(&[&other, &format!(" {seen}= ")]).unwrap();
        assert_eq!(judge(&[&other]).unwrap_err(), format!("not the pinned {other}"));
        assert_eq!(judge(&[]).unwrap_err(), "not pinned: no host key is");
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in ["", "SHA256:", "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "SHA256:short"] {
            let keys = HostKeys::Pinned(vec![text.to_owned()]);
            let error = Trust::of(&keys, "ftp.example.com", 22).unwrap_err();
            assert!(matches!(error, InvalidSettings::Fingerprint { .. }), "{text}");
        }
    }

    #[test]
    fn the_kinds_of_known_keys_are_asked_for_first() {
        let keys = HostKeys::KnownHosts(format!("ftp.example.com {ONE}"));
        let trust = Trust::of(&keys, "ftp.example.com", 22).unwrap();
        assert_eq!(trust.algorithms(false)[0], Algorithm::Ed25519);
        assert!(!trust.algorithms(false).contains(&Algorithm::Rsa { hash: None }));
        assert!(trust.algorithms(true).contains(&Algorithm::Rsa { hash: None }));
    }
}
