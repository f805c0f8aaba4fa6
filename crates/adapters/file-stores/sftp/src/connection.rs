//! One connection: TCP, SSH, login, SFTP.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use outflow_ports::FileStoreError;
use russh::{
    AlgorithmKind, ChannelMsg, Disconnect, Preferred,
    client::{self, Config, Handle, Handler},
    keys::{Algorithm, HashAlg, PublicKeyOrCertificate, ssh_key::Fingerprint},
};
use russh_sftp::{
    client::{Config as SftpConfig, RawSftpSession, rawsession::Limits},
    extensions,
    protocol::{Packet, Status, StatusCode},
};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    algorithms,
    fault::Fault,
    host_key::{Listed, Trust, same_kind},
    login::{log_in, login_refused},
    settings::Endpoint,
    status_codes::KnownCodes,
};

/// What every server must take in one write, by the protocol's draft.
const CHUNK_BYTES_MIN: u64 = 32 * 1024;
/// What we send in one write where the server says that it may be so much. OpenSSH takes 255 KiB.
const CHUNK_BYTES_MAX: u64 = 256 * 1024;
/// Room in a packet for what stands around the bytes of a write.
const PACKET_OVERHEAD_BYTES: u64 = 1024;
/// The library's own timer runs from the moment a request is queued, which on a slow line may be minutes before it is sent; ours
/// (`Connection::answered`) measures silence instead.
const REQUEST_TIMEOUT_SECS: u64 = 24 * 60 * 60;
/// Longest wait for a goodbye to be queued.
const GOODBYE: Duration = Duration::from_millis(500);
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// A connection that is logged in and speaks SFTP.
pub(crate) struct Connection {
    handle: Handle<Gate>,
    pub(crate) sftp: RawSftpSession,
    /// Bytes in one write.
    pub(crate) chunk_bytes: usize,
    silence_max: Duration,
    renames_over: bool,
    tells_room: bool,
}

impl Connection {
    /// Connects, checks the host key, logs in and starts SFTP.
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, Fault> {
        let mut handle = shake_hands(endpoint).await?;
        within(endpoint.connect_timeout, "logging in", log_in(&mut handle, endpoint)).await?;
        within(endpoint.connect_timeout, "starting SFTP", Self::start_sftp(handle, endpoint)).await
    }

    async fn start_sftp(handle: Handle<Gate>, endpoint: &Endpoint) -> Result<Self, Fault> {
        let dropped = |it: russh::Error| Fault::Dropped(it.to_string());
        let mut channel = handle.channel_open_session().await.map_err(dropped)?;
        channel.request_subsystem(true, "sftp").await.map_err(dropped)?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::Failure) => {
                    return Err(Fault::Final(login_refused(endpoint, "it offers no SFTP to this account".to_owned())));
                }
                Some(_) => {}
                None => return Err(Fault::Dropped("the server closed the channel".to_owned())),
            }
        }
        let config = SftpConfig { request_timeout_secs: REQUEST_TIMEOUT_SECS, ..SftpConfig::default() };
        let mut sftp = RawSftpSession::new_with_config(KnownCodes::new(channel.into_stream()), config);
        let offered = sftp.init().await?.extensions;
        let mut chunk_bytes = CHUNK_BYTES_MIN;
        if offered.contains_key(extensions::LIMITS) {
            let limits = Limits::from(sftp.limits().await?);
            let packet = limits.packet_len.map(|it| it.saturating_sub(PACKET_OVERHEAD_BYTES));
            if let Some(bytes) = [limits.write_len, packet].into_iter().flatten().min() {
                chunk_bytes = bytes.clamp(1024, CHUNK_BYTES_MAX);
            }
            sftp.set_limits(limits);
        }
        Ok(Self {
            chunk_bytes: usize::try_from(chunk_bytes).unwrap_or(32 * 1024),
            silence_max: endpoint.idle_timeout,
            renames_over: offered.contains_key(POSIX_RENAME),
            tells_room: offered.contains_key(extensions::STATVFS),
            handle,
            sftp,
        })
    }

    /// Whether it has ended, by whoever.
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye, so that the server does not count the connection any longer.
    pub(crate) async fn close(self) {
        let _ = timeout(GOODBYE, self.handle.disconnect(Disconnect::ByApplication, "", "")).await;
    }

    /// The answer to a request, or that the server fell silent.
    pub(crate) async fn answered<T, E: Into<Fault>>(&self, request: impl Future<Output = Result<T, E>>) -> Result<T, Fault> {
        match timeout(self.silence_max, request).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Fault::Dropped(format!("no answer for {:?}", self.silence_max))),
        }
    }

    /// Length of the file, if there is one.
    pub(crate) async fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        let found = crate::fault::unless_gone(self.answered(self.sftp.stat(path)).await)?;
        Ok(found.map(|it| it.attrs.len()))
    }

    /// Removes a file; one that is gone already is no error.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), Fault> {
        crate::fault::unless_gone(self.answered(self.sftp.remove(path)).await).map(drop)
    }

    /// Moves a file, over another if there is one: at once where the server can, else by removing that one first.
    pub(crate) async fn rename_over(&self, from: &str, to: &str) -> Result<(), Fault> {
        if self.renames_over {
            match self.answered(self.sftp.extended(POSIX_RENAME, two_strings(from, to))).await? {
                Packet::Status(Status { status_code: StatusCode::Ok, .. }) => return Ok(()),
                Packet::Status(Status { status_code: StatusCode::OpUnsupported, .. }) => {}
                Packet::Status(status) => return Err(Fault::Answer(status)),
                _ => return Err(Fault::Dropped("an answer to another question".to_owned())),
            }
        }
        match self.answered(self.sftp.rename(from, to)).await {
            Ok(_) => Ok(()),
            // Servers give different codes where a file is in the way, so it is looked for.
            Err(Fault::Answer(status)) => {
                if self.length(to).await?.is_none() {
                    return Err(Fault::Answer(status));
                }
                self.remove(to).await?;
                self.answered(self.sftp.rename(from, to)).await.map(drop)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Bytes that the folder's disk still takes, where the server tells.
    pub(crate) async fn room(&self, folder: &str) -> Option<u64> {
        if !self.tells_room {
            return None;
        }
        let disk = self.answered(self.sftp.statvfs(folder)).await.ok()?;
        Some(disk.blocks_avail.saturating_mul(disk.fragment_size))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// Stands at the door and looks at the host key.
pub(crate) struct Gate {
    trust: Arc<Trust>,
}

/// Why the door stayed shut.
#[derive(Debug)]
pub(crate) enum Refusal {
    HostKey { seen: Fingerprint, algorithm: Algorithm, expected: String },
    Ssh(russh::Error),
}

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl Handler for Gate {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.clone(),
            PublicKeyOrCertificate::Certificate(it) => it.public_key().clone().into(),
        };
        self.trust.judge(&key).map(|()| true).map_err(|expected| Refusal::HostKey {
            seen: key.fingerprint(HashAlg::Sha256),
            algorithm: key.algorithm(),
            expected,
        })
    }
}

/// Connects and checks the host key. A server may have keys of several kinds and shows one: where it is not a pinned one, the others
/// are asked for before the server is refused.
async fn shake_hands(endpoint: &Endpoint) -> Result<Handle<Gate>, Fault> {
    let legacy = endpoint.legacy_algorithms;
    let mut kinds = endpoint.trust.algorithms(legacy);
    let mut refused: Option<(Vec<Fingerprint>, String)> = None;
    loop {
        let preferred = algorithms::preferred(legacy, kinds.clone());
        match (greet(endpoint, preferred).await?, refused.take()) {
            (Ok(handle), _) => return Ok(handle),
            (Err(Refusal::HostKey { seen, algorithm, expected }), earlier) => {
                kinds.retain(|it| !same_kind(it, &algorithm));
                let mut all = earlier.map_or_else(Vec::new, |(all, _)| all);
                all.push(seen);
                if kinds.is_empty() || !endpoint.trust.may_have_another() {
                    return Err(Fault::Final(host_key_refused(endpoint, &all, expected)));
                }
                refused = Some((all, expected));
            }
            (Err(Refusal::Ssh(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, .. })), Some((all, expected))) => {
                return Err(Fault::Final(host_key_refused(endpoint, &all, expected)));
            }
            (Err(Refusal::Ssh(russh::Error::NoCommonAlgo { kind, theirs, .. })), _) => {
                return Err(Fault::Final(login_refused(endpoint, no_common_algorithm(&kind, &theirs, legacy))));
            }
            (Err(Refusal::Ssh(error)), _) => return Err(Fault::Dropped(error.to_string())),
        }
    }
}

async fn greet(endpoint: &Endpoint, preferred: Preferred) -> Result<Result<Handle<Gate>, Refusal>, Fault> {
    let config = Config {
        preferred,
        gex: algorithms::groups(),
        nodelay: true,
        // Closes what nobody uses any more, and what has died without a word.
        inactivity_timeout: Some(endpoint.idle_timeout),
        ..Config::default()
    };
    let gate = Gate { trust: Arc::clone(&endpoint.trust) };
    within(endpoint.connect_timeout, "connecting", async {
        let dropped = |it: std::io::Error| Fault::Dropped(it.to_string());
        let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(dropped)?;
        tcp.set_nodelay(true).map_err(dropped)?;
        Ok(client::connect_stream(Arc::new(config), tcp, gate).await)
    })
    .await
}

fn host_key_refused(endpoint: &Endpoint, seen: &[Fingerprint], expected: String) -> FileStoreError {
    FileStoreError::HostKey { store: endpoint.to_string(), seen: Listed(seen).to_string(), expected }
}

fn no_common_algorithm(kind: &AlgorithmKind, theirs: &[String], legacy: bool) -> String {
    let what = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key signature",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "message authentication",
    };
    let remedy = if legacy {
        "none of them is known here"
    } else {
        "if these are old ones and you accept them for this server, set `legacy_algorithms: true`"
    };
    format!("no {what} in common, it offers {}; {remedy}", theirs.join(", "))
}

async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(Fault::Dropped(format!("{what} took longer than {limit:?}"))))
}

/// Two strings as SSH writes them: each after its length.
fn two_strings(one: &str, other: &str) -> Vec<u8> {
    let mut data = Vec::with_capacity(one.len() + other.len() + 8);
    for text in [one, other] {
        data.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        data.extend_from_slice(text.as_bytes());
    }
    data
}
