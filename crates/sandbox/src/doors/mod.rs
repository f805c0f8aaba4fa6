//! Real sockets around the [model](crate::model): tokens, REST, SOAP, inspection, SFTP, S3, and a proxy.
//!
//! Everything listens on 127.0.0.1. The doors hold no knowledge of Marketing Cloud beyond their own wire;
//! what a call does is the model's matter, and so is which fault meets it. The doors carry faults out where
//! they happen, on the socket.

mod authority;
mod cut;
mod error;
mod hosts;
mod http;
mod keeper;
mod operation;
mod options;
mod proxy;
mod ready;
mod s3;
mod sftp;
mod state;
mod stop;
mod tenant;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::model::{Config, Door, Model, Urls};
use authority::Authority;
pub use authority::AuthorityError;
pub use error::StartError;
use http::listen;
use keeper::Keeper;
pub use options::{Options, Ports, ProxyOptions, SftpLogin, SftpOptions};
use proxy::Proxy;
pub use ready::{Ready, S3Ready, SftpReady};
use s3::S3Door;
use sftp::{Account, SftpDoor};
pub use state::State;
use state::{Vault, write_atomically};
use stop::StopSignal;
use tenant::Tenant;

const AUTHORITY_KEY_FILE: &str = "authority_key.pem";
const SFTP_PASSWORD_FILE: &str = "sftp_password";
const S3_SECRET_FILE: &str = "s3_secret_access_key";
/// Random bytes in a password or secret key.
const SECRET_BYTES: usize = 24;

/// A Marketing Cloud to practise on.
pub struct Sandbox;

/// A sandbox whose doors are open. Dropping it closes them; [`Running::stop`] also saves the state.
#[derive(Debug)]
pub struct Running {
    /// How to reach it.
    pub ready: Ready,
    stop: StopSignal,
    tasks: JoinSet<()>,
    keeper: Arc<Keeper>,
}

impl Sandbox {
    /// Opens all doors, and returns once they listen. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// A [`StartError`] when the state cannot be read or a port cannot be taken. Nothing listens then.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let vault = Vault::open(&options.state)?;
        let model = match vault.read_model()? {
            Some(snapshot) => Model::restore(&snapshot)?,
            None => Model::new(options.config.clone()),
        };
        let config = model.config().clone();
        let tenant = Tenant::new(model);
        let stop = StopSignal::new();
        let mut tasks = JoinSet::new();

        let http = HttpDoors::open(&options.ports).await?;
        tenant.ask_here(|model, _| model.set_urls(http.urls()));
        let inspect_url = format!("{}__inspect/", http.base());
        let urls = http.urls();
        let own_ports = http.ports();
        http.serve(&tenant, &stop, &mut tasks);

        let sftp = open_sftp(&options, &vault, &config, &tenant, &stop, &mut tasks).await?;
        let s3 = open_s3(&options.ports, &vault, &config, &tenant, &stop, &mut tasks).await?;
        let proxy = match &options.proxy {
            Some(wanted) => Some(open_proxy(wanted, &vault, own_ports, &tenant, &stop, &mut tasks).await?),
            None => None,
        };

        let keeper = Arc::new(Keeper::new(vault, Arc::clone(&tenant)));
        tasks.spawn(tenant.keep_time(stop.ear()));
        tasks.spawn(Arc::clone(&keeper).keep_saved(stop.ear()));
        let ready = Ready {
            auth_url: urls.auth,
            rest_url: urls.rest,
            soap_url: urls.soap,
            client_id: config.client_id,
            client_secret: config.client_secret,
            account_id: config.account_id.to_string(),
            sftp,
            s3,
            inspect_url,
            proxy_url: proxy,
            // Clients may run in another folder than the sandbox.
            ca_file: options.proxy.map(|proxy| std::path::absolute(&proxy.ca_file).unwrap_or(proxy.ca_file)),
        };
        Ok(Running { ready, stop, tasks, keeper })
    }
}

impl Running {
    /// Writes the ready file; see [`Ready::write`].
    ///
    /// # Errors
    /// [`StartError::State`] when the file cannot be written.
    pub fn write_ready_file(&self, path: &Path) -> Result<(), StartError> {
        self.ready.write(path)
    }

    /// Calls the model directly, at the present time: for tests that live in the same process.
    pub async fn model<R: Send + 'static>(&self, call: impl FnOnce(&mut Model, i64) -> R + Send + 'static) -> R {
        self.keeper.tenant().ask(call).await
    }

    /// Closes the doors: answers under way may end, connections are then cut, and the state is saved.
    ///
    /// # Errors
    /// [`StartError::State`] when the state could not be saved.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.give();
        while self.tasks.join_next().await.is_some() {}
        let keeper = Arc::clone(&self.keeper);
        match tokio::task::spawn_blocking(move || keeper.save()).await {
            Ok(saved) => saved,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// The HTTP doors with their listeners.
struct HttpDoors {
    main: TcpListener,
    auth: Option<TcpListener>,
    rest: Option<TcpListener>,
    soap: Option<TcpListener>,
}

impl HttpDoors {
    async fn open(ports: &Ports) -> Result<Self, StartError> {
        let own = async |door, port| match port {
            Some(port) => Ok::<_, StartError>(Some(take(door, port).await?)),
            None => Ok(None),
        };
        Ok(Self {
            main: take("http", ports.http).await?,
            auth: own("auth", ports.auth).await?,
            rest: own("rest", ports.rest).await?,
            soap: own("soap", ports.soap).await?,
        })
    }

    fn base(&self) -> String {
        base_url(&self.main)
    }

    fn urls(&self) -> Urls {
        let url = |own: &Option<TcpListener>| base_url(own.as_ref().unwrap_or(&self.main));
        Urls { auth: url(&self.auth), rest: url(&self.rest), soap: url(&self.soap) }
    }

    fn ports(&self) -> Arc<[u16]> {
        let own = [&self.auth, &self.rest, &self.soap].into_iter().flatten();
        std::iter::once(&self.main).chain(own).map(port_of).collect()
    }

    fn serve(self, tenant: &Arc<Tenant>, stop: &StopSignal, tasks: &mut JoinSet<()>) {
        for (door, listener) in [(Door::Any, Some(self.main)), (Door::Auth, self.auth), (Door::Rest, self.rest), (Door::Soap, self.soap)] {
            if let Some(listener) = listener {
                tasks.spawn(http::serve(listener, Arc::clone(tenant), door, stop.ear()));
            }
        }
    }
}

async fn open_sftp(
    options: &Options,
    vault: &Vault,
    config: &Config,
    tenant: &Arc<Tenant>,
    stop: &StopSignal,
    tasks: &mut JoinSet<()>,
) -> Result<SftpReady, StartError> {
    let host_key = sftp::host_key(vault)?;
    let host_key_fingerprint = sftp::fingerprint(&host_key);
    // The default user name of a business unit's site is its MID.
    let user = config.account_id.to_string();
    let password = vault.once(SFTP_PASSWORD_FILE, new_secret)?;
    let listener = take("sftp", options.ports.sftp).await?;
    let ready = SftpReady {
        host: "127.0.0.1".to_owned(),
        port: port_of(&listener),
        user: user.clone(),
        password: password.clone(),
        host_key_fingerprint,
    };
    let account = Account { user, password, authorized_keys: options.sftp.authorized_keys.clone(), login: options.sftp.login };
    tasks.spawn(SftpDoor::new(Arc::clone(tenant), account, host_key).serve(listener, stop.ear()));
    Ok(ready)
}

async fn open_s3(
    ports: &Ports,
    vault: &Vault,
    config: &Config,
    tenant: &Arc<Tenant>,
    stop: &StopSignal,
    tasks: &mut JoinSet<()>,
) -> Result<S3Ready, StartError> {
    let secret_access_key = vault.once(S3_SECRET_FILE, new_secret)?;
    let listener = take("s3", ports.s3).await?;
    // A model without a bucket still has the door: file locations with buckets may come by REST.
    let bucket = config.bucket.clone();
    let access_key_id = bucket.as_ref().map_or_else(|| "SANDBOX".to_owned(), |bucket| bucket.access_key_id.clone());
    let ready = S3Ready {
        endpoint: format!("http://127.0.0.1:{}", port_of(&listener)),
        bucket: bucket.as_ref().map(|it| it.bucket.clone()).unwrap_or_default(),
        region: bucket.as_ref().map(|it| it.region.clone()).unwrap_or_default(),
        access_key_id: access_key_id.clone(),
        secret_access_key: secret_access_key.clone(),
        file_location_key: bucket.map(|it| it.location_key).unwrap_or_default(),
    };
    let door = S3Door::new(Arc::clone(tenant), &access_key_id, &secret_access_key);
    tasks.spawn(door.serve(listener, stop.ear()));
    Ok(ready)
}

/// Opens the proxy and gives its URL.
async fn open_proxy(
    wanted: &ProxyOptions,
    vault: &Vault,
    own_ports: Arc<[u16]>,
    tenant: &Arc<Tenant>,
    stop: &StopSignal,
    tasks: &mut JoinSet<()>,
) -> Result<String, StartError> {
    let authority = Authority::of(&vault.once(AUTHORITY_KEY_FILE, Authority::new_key)?)?;
    let tls = authority.server_config()?;
    let listener = take("proxy", wanted.port).await?;
    write_atomically(&wanted.ca_file, authority.certificate_pem.as_bytes())
        .map_err(|error| StartError::state("write the certificate authority", &wanted.ca_file, error))?;
    let url = base_url(&listener);
    let proxy = Proxy { tenant: Arc::clone(tenant), tls, own_ports };
    tasks.spawn(proxy.serve(listener, stop.ear()));
    Ok(url)
}

async fn take(door: &'static str, port: u16) -> Result<TcpListener, StartError> {
    listen(port).await.map_err(|source| StartError::Listen { door, port, source })
}

fn port_of(listener: &TcpListener) -> u16 {
    // A bound TCP socket has an address; without one no client could reach it anyway.
    listener.local_addr().map_or(0, |address| address.port())
}

fn base_url(listener: &TcpListener) -> String {
    format!("http://127.0.0.1:{}/", port_of(listener))
}

fn new_secret() -> Result<String, StartError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
