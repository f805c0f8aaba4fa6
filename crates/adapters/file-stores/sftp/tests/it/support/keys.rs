//! Keys made by OpenSSH's own `ssh-keygen`, once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The passphrase of [`Kind::UserEncrypted`].
pub const ENCRYPTED_WITH: &str = "staple battery";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server's Ed25519 key.
    Host,
    /// The same server's RSA key.
    HostRsa,
    /// A key that no server has.
    Stranger,
    /// An account's key.
    User,
    /// An account's RSA key in the older PEM format.
    UserRsa,
    /// An account's key under a passphrase.
    UserEncrypted,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Host, Self::HostRsa, Self::Stranger, Self::User, Self::UserRsa, Self::UserEncrypted];

    fn file(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Host | Self::Stranger | Self::User => &["-t", "ed25519", "-N", ""],
            Self::HostRsa => &["-t", "rsa", "-b", "2048", "-N", ""],
            Self::UserRsa => &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""],
            // One round, as unoptimised code takes long for the usual sixteen.
            Self::UserEncrypted => &["-t", "ed25519", "-a", "1", "-N", ENCRYPTED_WITH],
        }
    }
}

pub fn private_key_path(kind: Kind) -> PathBuf {
    folder().join(kind.file())
}

pub fn private_key(kind: Kind) -> String {
    fs::read_to_string(private_key_path(kind)).unwrap()
}

/// The public key as a line: algorithm, base64, comment.
pub fn public_key(kind: Kind) -> String {
    fs::read_to_string(private_key_path(kind).with_extension("pub")).unwrap().trim().to_owned()
}

/// The public key's fingerprint, as `ssh-keygen` tells it.
pub fn fingerprint(kind: Kind) -> String {
    let told = Command::new("ssh-keygen").arg("-lf").arg(private_key_path(kind)).output().unwrap();
    String::from_utf8(told.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sftp-keys-1");
        if !folder.exists() {
            let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            for kind in Kind::ALL {
                let mut keygen = Command::new("ssh-keygen");
                keygen.args(["-q", "-C", "test", "-f"]).arg(fresh.path().join(kind.file())).args(kind.options());
                let done = keygen.output().expect("ssh-keygen is missing: apt-get install openssh-client");
                assert!(done.status.success(), "{done:?}");
            }
            // Another process of tests may have been quicker, which is as good.
            let _ = fs::rename(fresh.path(), &folder);
        }
        folder
    })
}
