//! The SFTP door: the tenant's own site, with `Import`, `Export` and `Reports` in its home folder.
//!
//! What the public documentation says of it (Salesforce Help, "File Transfer Protocol (FTP) accounts" and
//! "Marketing Cloud Engagement Enhanced FTP guidelines"): login by password, by key, by either or by both; at
//! most ten connections for an account; idle connections close after ten minutes. What it does not say
//! follows OpenSSH's server, such as the refusal to rename onto a file that is there.

mod login;
mod paths;
mod session;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Disconnect};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use super::cut::{Cuttable, Knife};
use super::http::accept;
use super::operation::Operation;
use super::state::Vault;
use super::stop::Stop;
use super::tenant::Tenant;
use super::{SftpLogin, StartError};
use crate::model::FileFault;
use login::{Proof, Trial};
use session::FileSession;

/// Simultaneous connections of an account, at most.
const CONNECTIONS_MAX: usize = 10;
/// An idle connection closes after this long.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// A refused login is answered after this long; a real server takes longer, which would only slow tests.
const REFUSAL_DELAY: Duration = Duration::from_millis(20);
/// Bytes a client may send ahead of our reading, per channel.
const WINDOW_BYTES: u32 = 2 << 20;
/// Messages of a client that may wait for us, per channel: one for each byte of the window. With fewer, a
/// client that sends many small requests ahead (as for a large download) would stop the connection's one
/// task in delivering them, and that task is also the one that our answers wait for.
const WAITING_MESSAGES_MAX: usize = WINDOW_BYTES as usize;

const HOST_KEY_FILE: &str = "sftp_host_key";

/// Who may log in, and how.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) authorized_keys: Vec<PublicKey>,
    pub(super) login: SftpLogin,
}

/// The SFTP door, before and while it serves.
#[derive(Clone)]
pub(super) struct SftpDoor {
    tenant: Arc<Tenant>,
    account: Arc<Account>,
    config: Arc<Config>,
    places: Arc<Semaphore>,
}

impl SftpDoor {
    pub(super) fn new(tenant: Arc<Tenant>, account: Account, host_key: PrivateKey) -> Self {
        let config = Config {
            keys: vec![host_key],
            auth_rejection_time: REFUSAL_DELAY,
            auth_rejection_time_initial: Some(Duration::ZERO),
            inactivity_timeout: Some(IDLE_MAX),
            window_size: WINDOW_BYTES,
            channel_buffer_size: WAITING_MESSAGES_MAX,
            nodelay: true,
            ..Config::default()
        };
        Self { tenant, account: Arc::new(account), config: Arc::new(config), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// Serves the door's port until the sandbox stops.
    pub(super) async fn serve(self, listener: TcpListener, stop: Stop) {
        accept(listener, stop, move |stream, stop| self.clone().talk(stream, stop)).await;
    }

    async fn talk(self, stream: TcpStream, mut stop: Stop) {
        let knife = Knife::default();
        let connection = Connection {
            tenant: self.tenant,
            trial: Trial::new(Arc::clone(&self.account)),
            places: self.places,
            knife: knife.clone(),
            place: None,
            channels: HashMap::new(),
        };
        let stream = Cuttable::new(stream, knife.clone());
        let session = match russh::server::run_stream(self.config, stream, connection).await {
            Ok(session) => session,
            Err(error) => return debug!(%error, "an SSH client did not begin properly"),
        };
        tokio::select! {
            ended = session => {
                if let Err(error) = ended {
                    debug!(%error, "an SSH connection ended early");
                }
            }
            // The session runs in a task of the library's own; without its stream it ends.
            () = stop.wished() => knife.sever(),
        }
    }
}

/// The host key, made once for a state.
pub(super) fn host_key(vault: &Vault) -> Result<PrivateKey, StartError> {
    let text = vault.once(HOST_KEY_FILE, || {
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
            .and_then(|key| key.to_openssh(LineEnding::LF))
            .map(|text| text.to_string())
            .map_err(StartError::HostKey)
    })?;
    PrivateKey::from_openssh(text).map_err(StartError::HostKey)
}

/// A key's fingerprint as OpenSSH prints it.
pub(super) fn fingerprint(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

/// One SSH connection.
struct Connection {
    tenant: Arc<Tenant>,
    trial: Trial,
    places: Arc<Semaphore>,
    knife: Knife,
    place: Option<OwnedSemaphorePermit>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Connection {
    async fn judge(&mut self, user: &str, proof: Proof<'_>) -> Auth {
        let operation = Operation::new("sftp", "login", "", user);
        let noted = operation.clone();
        let fault = self.tenant.ask_briefly(move |model, _| model.file_fault(&noted.query(0))).await;
        match fault {
            Some(FileFault::Delay { millis }) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Some(FileFault::LoginRefused | FileFault::Denied) => return self.trial.refuse(),
            Some(FileFault::DropConnection { .. } | FileFault::LoseAnswer) => self.knife.sever(),
            Some(FileFault::NoSpace { .. } | FileFault::TruncateSilently { .. }) | None => {}
        }
        let auth = self.trial.judge(user, proof);
        let status = if auth == Auth::Accept { 200 } else { 401 };
        self.tenant.ask_briefly(move |model, now_ms| model.note_file_call(&operation.query(0), status, now_ms)).await;
        auth
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, Self::Error> {
        Ok(self.trial.refuse())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, Proof::Password(password)).await)
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: russh::server::PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(match self.trial.would_take(user, offer.public_key) {
            true => Auth::Accept,
            false => self.trial.refuse(),
        })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, Proof::Key(key.public_key)).await)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Self::Error> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => self.place = Some(place),
            Err(_) => session.disconnect(Disconnect::TooManyConnections, "too many simultaneous connections for this account", "")?,
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        // OpenSSH's client reports a failure when it hears no exit status.
        session.exit_status_request(channel, 0)?;
        session.close(channel)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        match self.channels.remove(&id).filter(|_| name == "sftp" && self.place.is_some()) {
            Some(channel) => {
                session.channel_success(id)?;
                let files = FileSession::new(Arc::clone(&self.tenant), self.knife.clone());
                russh_sftp::server::run(channel.into_stream(), files).await;
                Ok(())
            }
            None => session.channel_failure(id),
        }
    }
}
