//! From checked configuration to the adapters that do it: the one place that knows both.

use std::{collections::BTreeMap, fs::Permissions, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use outflow_domain::Name;
use outflow_engine::{Compute, Job, Ports, Split, TRAIL_ENTRIES_MIN};
use outflow_file_store_object_store::{Credentials, S3Settings, S3Store};
use outflow_file_store_sftp::{HostKeys, PrivateKeyText, SftpSettings, SftpStore};
use outflow_ledger_sqlite::SqliteLedger;
use outflow_local_state::{StateFolder, SystemClock, SystemEntropy};
use outflow_marketing_cloud::{ClientSecret as TakenSecret, ReqwestTransport, SalesforceCloud, Settings, TransportOptions};
use outflow_ports::{Clock, Entropy, FileStore, Ledger, MarketingCloud, ProgressSink, Query, Source};
use outflow_project::{
    Activation, ClientSecret, Connection, FileLocation, FileRoute, Project, S3Access, S3Credentials, ServerIdentity, Sftp, Tenant, TlsMode,
};
use outflow_source_files::{
    CsvOptions, FileFormat, FilesSettings, FilesSource, S3Credentials as SourceCredentials, S3Settings as SourceS3, TableFiles,
};
use outflow_source_postgres::{PostgresSettings, PostgresSource, SslMode};

use crate::project::environment;

/// Seconds east of Greenwich of the service's own clock: <https://help.salesforce.com/s/articleView?id=000384850>.
const SERVER_OFFSET_S: i32 = -6 * 3600;

/// How long a thread may take for the batch it has in hand when a run is stopped.
const LAST_BATCH: Duration = Duration::from_secs(10);

/// Why an adapter could not be made from the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used")]
pub struct Unusable {
    what: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The error that this cannot be used, for a reason.
pub fn unusable(what: impl Into<String>) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Unusable {
    let what = what.into();
    move |source| Unusable { what, source }
}

macro_rules! or_unusable {
    ($result:expr, $($what:tt)*) => { $result.map_err(|it| unusable(format!($($what)*))(Box::new(it))) };
}

/// Everything of this machine that runs share.
pub struct Machine {
    /// The state folder.
    pub state: StateFolder,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    compute: Compute,
    /// Where a query engine may put what does not fit into memory: its owner's alone, and gone with the program.
    spill: tempfile::TempDir,
    // Never dropped where it would wait for its threads; see `Drop`.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Machine {
    /// Looks at this machine: as many threads for columns as it has cores.
    pub fn new(project: &Project) -> std::io::Result<Self> {
        // Before the runtime, which may not be dropped where this fails: it would wait for its threads.
        let spill = tempfile::Builder::new().prefix("outflow-").permissions(Permissions::from_mode(0o700)).tempdir().map_err(|it| {
            let place = std::env::temp_dir();
            std::io::Error::new(
                it.kind(),
                format!("no folder can be made in `{}`, where TMPDIR points or by default: {it}", place.display()),
            )
        })?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("columns").enable_all().build()?;
        let compute = Compute::Threads { runtime: runtime.handle().clone(), threads };
        let state = StateFolder::new(&project.state);
        Ok(Self { state, spill, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), compute, runtime: Some(runtime) })
    }

    /// The day that it is, in UTC.
    pub fn today(&self) -> Date {
        TimeZone::UTC.to_datetime(Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default()).date()
    }

    /// Ends the threads for columns once each has done what it has in hand: nothing of a stopped run writes a file any more afterwards.
    pub async fn end_computing(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread that hangs in a dead disk must not keep the program.
            let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LAST_BATCH)).await;
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The job that an activation is.
pub fn job(project: &Project, activation: &Activation) -> Job {
    let (_, connection) = project.route(activation);
    let question = project.question(activation);
    Job {
        activation: activation.wish.clone(),
        query: Query { sql: question.sql },
        model_key: question.primary_key.to_vec(),
        file_location: connection.file_route.file_location().to_owned(),
        project_secret: Arc::from(project.secret.expose().as_bytes()),
        server_offset_s: SERVER_OFFSET_S,
        split: Split::default(),
        trail_entries_min: TRAIL_ENTRIES_MIN,
    }
}

/// All ports of an activation.
pub fn ports(
    project: &Project,
    activation: &Activation,
    machine: &Machine,
    ledger: Arc<dyn Ledger>,
    progress: Arc<dyn ProgressSink>,
) -> Result<Ports, Unusable> {
    let (_, connection) = project.route(activation);
    let question = project.question(activation);
    Ok(Ports {
        source: source(question.source_name, question.source, &project.folder, machine)?,
        cloud: cloud(connection, machine)?,
        files: file_store(connection, machine)?,
        ledger,
        baselines: Arc::new(machine.state.baselines(activation.name())),
        all_baselines: Arc::new(machine.state.clone()),
        history: Arc::new(machine.state.history(activation.name())),
        spool: Arc::new(machine.state.spool(activation.name())),
        clock: Arc::clone(&machine.clock),
        entropy: Arc::clone(&machine.entropy),
        progress,
        compute: machine.compute.clone(),
    })
}

/// The ledger of the state folder, made when there is none.
pub fn ledger(machine: &Machine) -> Result<Arc<dyn Ledger>, outflow_ports::LedgerError> {
    Ok(Arc::new(SqliteLedger::open(&machine.state.ledger())?))
}

/// The ledger of the state folder for reading only; `None` when nothing has run yet.
pub fn ledger_to_read(state: &StateFolder) -> Result<Option<Arc<dyn Ledger>>, outflow_ports::LedgerError> {
    Ok(SqliteLedger::open_read_only(&state.ledger())?.map(|it| Arc::new(it) as Arc<dyn Ledger>))
}

/// A source of the project.
pub fn source(name: &Name, source: &outflow_project::Source, folder: &Path, machine: &Machine) -> Result<Arc<dyn Source>, Unusable> {
    match source {
        outflow_project::Source::Files(files) => {
            let tables: BTreeMap<String, TableFiles> = files.tables.iter().map(|(table, it)| (table.clone(), table_files(it))).collect();
            let settings = FilesSettings {
                name: name.to_string(),
                tables,
                base_folder: folder.to_owned(),
                s3: Some(source_s3(files.s3.as_ref())),
                memory_limit_bytes: FilesSettings::MEMORY_LIMIT_BYTES,
                spill_folder: Some(machine.spill.path().to_owned()),
            };
            Ok(Arc::new(FilesSource::new(settings)))
        }
        outflow_project::Source::Postgres(it) => {
            let settings = PostgresSettings {
                name: name.to_string(),
                host: it.host.clone(),
                port: it.port,
                database: it.database.clone(),
                user: it.user.clone(),
                password: it.password.clone(),
                ssl_mode: match it.tls {
                    TlsMode::Disable => SslMode::Disable,
                    TlsMode::Prefer => SslMode::Prefer,
                    TlsMode::Require => SslMode::Require,
                    TlsMode::VerifyFull => SslMode::VerifyFull,
                },
                root_certificate: it.root_cert.clone(),
                application_name: PostgresSettings::APPLICATION_NAME.to_owned(),
                connect_timeout: PostgresSettings::CONNECT_TIMEOUT,
                statement_timeout: None,
            };
            Ok(Arc::new(or_unusable!(PostgresSource::new(settings), "source `{name}`")?))
        }
    }
}

fn table_files(table: &outflow_project::FileTable) -> TableFiles {
    let path = |it: &FileLocation| match it {
        FileLocation::Local(path) => path.display().to_string(),
        FileLocation::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
    };
    let format = match table.format {
        outflow_project::FileFormat::Parquet => FileFormat::Parquet,
        outflow_project::FileFormat::Csv => FileFormat::Csv(CsvOptions::default()),
        outflow_project::FileFormat::Ndjson => FileFormat::Ndjson,
    };
    TableFiles { paths: table.locations.iter().map(path).collect(), format }
}

/// How `s3://` paths are reached: what the project does not say comes from the environment.
fn source_s3(access: Option<&S3Access>) -> SourceS3 {
    let region = access.and_then(|it| it.region.clone());
    let region = region.or_else(|| environment("AWS_REGION")).or_else(|| environment("AWS_DEFAULT_REGION"));
    let credentials = match access.and_then(|it| it.credentials.clone()) {
        Some(S3Credentials { access_key_id, secret_access_key }) => SourceCredentials::Keys { access_key_id, secret_access_key },
        None => SourceCredentials::Environment(aws_variables()),
    };
    SourceS3 {
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint: access.and_then(|it| it.endpoint.as_ref()).map(ToString::to_string),
        credentials,
    }
}

/// The business unit of a connection.
pub fn cloud(connection: &Connection, machine: &Machine) -> Result<Arc<dyn MarketingCloud>, Unusable> {
    let name = &connection.name;
    let it = &connection.marketing_cloud;
    let secret = |it: &ClientSecret| TakenSecret { text: it.text.clone(), expires: it.expires };
    let (client_id, active) = (it.client_id.as_str(), secret(&it.client_secret));
    let settings = match &it.tenant {
        Tenant::Subdomain(subdomain) => Settings::for_subdomain(name.as_str(), &subdomain.to_string(), client_id, active),
        Tenant::At(url) => Settings::for_auth_url(name.as_str(), url.as_str(), client_id, active),
    };
    let settings = settings.and_then(|them| them.with_staged_secret(it.staged_client_secret.as_ref().map(secret)));
    let mut settings = or_unusable!(settings, "connection `{name}`")?;
    let account = it.account_id.as_ref().map(|it| it.parse::<u64>()).transpose();
    settings = settings.with_account(or_unusable!(account, "the account id of connection `{name}`")?);
    if let Some(url) = &it.soap_url {
        settings = or_unusable!(settings.with_soap_url(url.as_str()), "connection `{name}`")?;
    }
    if let Some(url) = &it.rest_url {
        settings = or_unusable!(settings.with_rest_url(url.as_str()), "connection `{name}`")?;
    }
    let transport = or_unusable!(ReqwestTransport::new(&transport_options()?), "connection `{name}`")?;
    Ok(Arc::new(SalesforceCloud::new(settings, Arc::new(transport), Arc::clone(&machine.clock), Arc::clone(&machine.entropy))))
}

/// The way out of this network, where the environment names one as it does for other programs.
fn transport_options() -> Result<TransportOptions, Unusable> {
    let named = |names: [&'static str; 2]| {
        names.into_iter().find_map(|it| environment(it).filter(|value| !value.is_empty()).map(|value| (it, value)))
    };
    let proxy = match named(["HTTPS_PROXY", "https_proxy"]) {
        Some((name, url)) => {
            // As elsewhere, `proxy.example.com:3128` will do.
            let url = if url.contains("://") { url } else { format!("http://{url}") };
            Some(or_unusable!(url.parse::<url::Url>(), "the proxy that `{name}` names")?)
        }
        None => None,
    };
    let no_proxy = named(["NO_PROXY", "no_proxy"]).map(|(_, hosts)| hosts);
    Ok(TransportOptions { proxy, no_proxy, ..TransportOptions::default() })
}

/// The place where files of a connection are put.
pub fn file_store(connection: &Connection, machine: &Machine) -> Result<Arc<dyn FileStore>, Unusable> {
    let name = &connection.name;
    match &connection.file_route {
        FileRoute::Sftp(it) => {
            let settings = or_unusable!(sftp(it), "the known hosts of connection `{name}`")?;
            Ok(Arc::new(or_unusable!(SftpStore::new(settings, Arc::clone(&machine.clock)), "the file route of connection `{name}`")?))
        }
        FileRoute::S3(it) => {
            let credentials = match &it.credentials {
                Some(keys) => Credentials::Keys {
                    access_key_id: keys.access_key_id.clone(),
                    secret_access_key: keys.secret_access_key.clone(),
                    session_token: None,
                },
                None => Credentials::Environment(aws_variables()),
            };
            let settings = S3Settings {
                bucket: it.bucket.clone(),
                prefix: it.prefix.clone(),
                region: it.region.clone(),
                endpoint: it.endpoint.as_ref().map(ToString::to_string),
                credentials,
            };
            Ok(Arc::new(or_unusable!(S3Store::new(settings), "the file route of connection `{name}`")?))
        }
    }
}

fn sftp(it: &Sftp) -> std::io::Result<SftpSettings> {
    let host_keys = match &it.server {
        ServerIdentity::Fingerprints(fingerprints) => HostKeys::Pinned(fingerprints.clone()),
        ServerIdentity::KnownHosts(path) => HostKeys::KnownHosts(std::fs::read_to_string(path)?),
    };
    let mut settings = SftpSettings::new(&it.host, &it.user, host_keys);
    settings.port = it.port;
    settings.password.clone_from(&it.password);
    settings.private_key = it.private_key.as_ref().map(|key| PrivateKeyText { text: key.pem.clone(), passphrase: key.passphrase.clone() });
    settings.folder.clone_from(&it.folder);
    settings.connections_max = it.connections_max;
    settings.legacy_algorithms = it.legacy_algorithms;
    Ok(settings)
}

#[allow(clippy::disallowed_methods, reason = "the program itself reads its environment")]
fn aws_variables() -> Vec<(String, outflow_domain::Secret)> {
    std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).map(|(name, value)| (name, outflow_domain::Secret::new(value))).collect()
}
