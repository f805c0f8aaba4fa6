//! A sandbox with one data extension, and a project that leads there.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use outflow_ledger_sqlite::SqliteLedger;
use outflow_ports::Ledger as _;
use outflow_sandbox::{
    Options, Running, Sandbox,
    model::{DataExtensionSpec, ENHANCED_FTP, Effect, Fault, FieldSpec, FieldType, ImportFault, JournalEntry, Model, Switches, When},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    people::{self, Person, Rows},
    program::{DEADLINE, Program, Told},
};

/// The one activation, and the key of the data extension it fills.
pub const ACTIVATION: &str = "members";
pub const DATA_EXTENSION: &str = "Loyalty_Members";

/// A Marketing Cloud to practise on, a project folder, and the program in it.
pub struct World {
    // Dropped first, within the runtime.
    sandbox: Option<Running>,
    runtime: Runtime,
    _folder: TempDir,
    pub program: Program,
}

/// What a project says where worlds differ.
#[derive(Clone, Debug)]
pub struct Project {
    /// The file of the model, beside `outflow.yaml`.
    pub file: &'static str,
    /// The source, as YAML in one line; the file where absent.
    pub source: Option<String>,
    pub sql: String,
    pub route: Route,
    pub host_key: String,
    pub secret: String,
    pub data_extension: &'static str,
    /// More of the destination, each key with a comma before it.
    pub destination: &'static str,
    /// The activation, without `to`.
    pub activation: String,
}

/// How files travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Sftp,
    S3,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            file: "people.csv",
            source: None,
            sql: "SELECT id, email, name, points, CAST(born AS DATE) AS born, tier FROM people".to_owned(),
            route: Route::Sftp,
            host_key: "${MC_SFTP_HOST_KEY}".to_owned(),
            secret: "${OUTFLOW_SECRET}".to_owned(),
            data_extension: DATA_EXTENSION,
            destination: "",
            activation: activation("import: rest"),
        }
    }
}

/// The activation with one more line.
pub fn activation(line: &str) -> String {
    format!(
        "from: people\n    insert: true\n    primary_key: {{ Id: id }}\n    fields: {{ Email: email, Name: name, Points: points, Born: born }}\n    custom_attributes: [tier]\n    {line}"
    )
}

fn field(name: &str, field_type: FieldType, max_length: Option<u32>, is_key: bool) -> FieldSpec {
    FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length,
        required: Some(is_key),
        primary_key: Some(is_key),
        ..FieldSpec::default()
    }
}

impl World {
    /// A sandbox that answers at once, with an empty data extension, and a project that is yet to be written.
    pub fn new() -> Self {
        Self::beside(|_| Options::default())
    }

    /// A world whose sandbox starts with options of its own, which may need the world's folder.
    pub fn beside(options: impl FnOnce(&Path) -> Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::Builder::new().prefix("outflow-e2e-").tempdir().expect("a temporary folder");
        let sandbox = runtime.block_on(Sandbox::start(options(folder.path()))).expect("free ports on loopback");
        let ready = &sandbox.ready;
        let environment = BTreeMap::from([
            ("MC_AUTH_URL", ready.auth_url.clone()),
            ("MC_CLIENT_ID", ready.client_id.clone()),
            ("MC_CLIENT_SECRET", ready.client_secret.clone()),
            ("MC_ACCOUNT_ID", ready.account_id.clone()),
            ("MC_SFTP_PORT", ready.sftp.port.to_string()),
            ("MC_SFTP_USER", ready.sftp.user.clone()),
            ("MC_SFTP_PASSWORD", ready.sftp.password.clone()),
            ("MC_SFTP_HOST_KEY", ready.sftp.host_key_fingerprint.clone()),
            ("MC_S3_ENDPOINT", ready.s3.endpoint.clone()),
            ("MC_S3_BUCKET", ready.s3.bucket.clone()),
            ("MC_S3_REGION", ready.s3.region.clone()),
            ("MC_S3_KEY", ready.s3.access_key_id.clone()),
            ("MC_S3_SECRET", ready.s3.secret_access_key.clone()),
            ("MC_S3_LOCATION", ready.s3.file_location_key.clone()),
            ("OUTFLOW_SECRET", "a secret of the tests, of forty characters and more".to_owned()),
        ]);
        let mut program = Program::new(folder.path(), environment);
        if let (Some(proxy), Some(authority)) = (&ready.proxy_url, &ready.ca_file) {
            program.environment.insert("HTTPS_PROXY", proxy.clone());
            program.environment.insert("SSL_CERT_FILE", authority.display().to_string());
        }
        let world = Self { sandbox: Some(sandbox), runtime, _folder: folder, program };
        world.model(|model, _| model.set_switches(Switches::instant()));
        world.create(
            DATA_EXTENSION,
            vec![
                field("Id", FieldType::Text, Some(20), true),
                field("Email", FieldType::EmailAddress, None, false),
                field("Name", FieldType::Text, Some(100), false),
                field("Points", FieldType::Number, None, false),
                field("Born", FieldType::Date, None, false),
            ],
        );
        world
    }

    /// A world with the usual project, over these people.
    pub fn of(people: &[Person]) -> Self {
        let world = Self::new();
        let project = Project::default();
        world.write(&project);
        world.write_people(&project, people);
        world
    }

    /// Makes another data extension.
    pub fn create(&self, key: &'static str, fields: Vec<FieldSpec>) {
        let spec = DataExtensionSpec { key: Some(key.into()), name: Some(key.into()), fields, ..DataExtensionSpec::default() };
        self.model(move |model, now| model.create_data_extension(&spec, now)).expect("the data extension is sound");
    }

    /// Looks at, or changes, what Marketing Cloud is.
    pub fn model<R: Send + 'static>(&self, call: impl FnOnce(&mut Model, i64) -> R + Send + 'static) -> R {
        let sandbox = self.sandbox.as_ref().expect("the sandbox runs as long as its world");
        self.runtime.block_on(sandbox.model(call))
    }

    /// Something goes wrong with imports.
    pub fn fault(&self, when: When, fault: ImportFault) {
        self.model(move |model, _| model.add_fault(Fault { when, effect: Effect::Import { fault } }));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.program.folder.join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path(".outflow")
    }

    /// Writes the people where the project's model reads them.
    pub fn write_people(&self, project: &Project, people: &[Person]) {
        people::write(people, &self.path(project.file));
    }

    /// Writes the project.
    pub fn write(&self, project: &Project) {
        let route = match project.route {
            Route::Sftp => format!(
                "sftp: {{ host: 127.0.0.1, port: \"${{MC_SFTP_PORT}}\", user: \"${{MC_SFTP_USER}}\", password: \"${{MC_SFTP_PASSWORD}}\", host_key: \"{}\" }}",
                project.host_key
            ),
            Route::S3 => "s3: { endpoint: \"${MC_S3_ENDPOINT}\", bucket: \"${MC_S3_BUCKET}\", region: \"${MC_S3_REGION}\", access_key_id: \"${MC_S3_KEY}\", secret_access_key: \"${MC_S3_SECRET}\", file_location: \"${MC_S3_LOCATION}\" }".to_owned(),
        };
        let source =
            project.source.clone().unwrap_or_else(|| format!("{{ files: {{ tables: {{ people: {{ path: {} }} }} }} }}", project.file));
        let text = format!(
            r#"version: 1
secret: {secret}
connections:
  cloud:
    marketing_cloud: {{ auth_url: "${{MC_AUTH_URL}}", client_id: "${{MC_CLIENT_ID}}", client_secret: "${{MC_CLIENT_SECRET}}", account_id: "${{MC_ACCOUNT_ID}}" }}
    file_route: {{ {route} }}
sources:
  lake: {source}
models:
  people:
    source: lake
    primary_key: id
    sql: {sql}
segments:
  gold: {{ model: people, where: "tier = 'gold'" }}
destinations:
  members: {{ connection: cloud, data_extension: {data_extension}{destination} }}
activations:
  {ACTIVATION}:
    to: members
    {activation}
"#,
            secret = project.secret,
            sql = project.sql,
            data_extension = project.data_extension,
            destination = project.destination,
            activation = project.activation,
        );
        fs::write(self.path("outflow.yaml"), text).expect("the project can be written");
    }

    /// One run of the activation, with this end.
    #[track_caller]
    pub fn run(&self, code: i32) -> Told {
        self.program.ends(code, &["run", ACTIVATION])
    }

    /// What the program says of the activation.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.program.json(0, &["status"])["activations"][0].clone()
    }

    /// What the data extension holds, asked at the inspect door.
    pub fn rows(&self) -> Rows {
        self.rows_of(DATA_EXTENSION)
    }

    pub fn rows_of(&self, key: &str) -> Rows {
        let document = self.inspect("GET", &format!("data-extensions/{key}/rows"));
        let columns = document["columns"].as_array().expect("columns are listed");
        let rows = document["rows"].as_array().expect("rows are listed").iter().map(|row| {
            let values = columns.iter().zip(row["values"].as_array().expect("a row has values"));
            let values: BTreeMap<String, Option<String>> =
                values.map(|(column, value)| (column.as_str().unwrap_or_default().to_owned(), value.as_str().map(str::to_owned))).collect();
            (values["Id"].clone().unwrap_or_default(), values)
        });
        rows.collect()
    }

    /// Asks the inspect door, as any client may.
    pub fn inspect(&self, method: &str, path: &str) -> Value {
        let url = self.sandbox.as_ref().expect("the sandbox runs as long as its world").ready.inspect_url.clone();
        http(method, &format!("{url}{path}"))
    }

    /// The calls so far.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.model(|model, _| model.journal().entries().cloned().collect())
    }

    pub fn forget_calls(&self) {
        self.model(|model, _| model.clear_journal());
    }

    /// Calls that change something at the other end.
    pub fn writing_calls(&self) -> Vec<JournalEntry> {
        self.journal().into_iter().filter(writes).collect()
    }

    /// Files that lie at either file location.
    pub fn files(&self) -> Vec<String> {
        let bucket = self.program.environment["MC_S3_LOCATION"].clone();
        self.model(move |model, _| {
            let lists = [ENHANCED_FTP, &bucket].map(|it| model.file_list(it, "").expect("both locations are there"));
            lists.into_iter().flatten().filter(|it| !it.is_dir).map(|it| it.path).collect()
        })
    }

    /// Every file below the state folder.
    pub fn state_files(&self) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![self.state()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files
    }

    /// Each list of the history is one that the ledger names, and each that it names is there.
    #[track_caller]
    pub fn history_is_named(&self, when: &str) {
        let ledger = SqliteLedger::open_read_only(&self.state().join("ledger.sqlite")).expect("a ledger").expect("there is one");
        let named = self.runtime.block_on(ledger.history(&ACTIVATION.parse().expect("a name"))).expect("the history");
        let mut named: Vec<String> = named.into_iter().map(|it| it.file.name).collect();
        named.sort();
        assert_eq!(self.history_files(), named, "{when}");
    }

    /// The lists of the history, by name.
    pub fn history_files(&self) -> Vec<String> {
        let files = self.state_files().into_iter().filter(|it| it.components().any(|it| it.as_os_str() == "history"));
        let mut names: Vec<String> = files.filter_map(|it| it.file_name()?.to_str().map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// Private files of runs that are still there.
    pub fn spool_files(&self) -> Vec<PathBuf> {
        self.state_files().into_iter().filter(|it| it.components().any(|it| it.as_os_str() == "spool")).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            // Its end is not what these tests are about.
            let _ = self.runtime.block_on(sandbox.stop());
        }
    }
}

/// Whether a call changes anything: files by `sftp` and `s3`, definitions and imports by `soap` and `rest`.
fn writes(call: &JournalEntry) -> bool {
    let method = call.method.to_lowercase();
    match call.door.as_str() {
        "auth" => false,
        "rest" => method != "get",
        "soap" => !matches!(method.as_str(), "retrieve" | "describe" | "getsystemstatus" | "versioninfo"),
        "sftp" => !matches!(method.as_str(), "login" | "stat" | "lstat" | "list" | "read" | "readdir" | "realpath" | "opendir"),
        "s3" => !matches!(method.as_str(), "get" | "head" | "list" | "stat" | "read" | "login"),
        other => panic!("a door nobody told of: {other}"),
    }
}

/// One HTTP call without any client's help; the answer's JSON, null where it is empty.
pub fn http(method: &str, url: &str) -> Value {
    let rest = url.strip_prefix("http://").expect("the inspect door speaks plain HTTP");
    let (host, path) = rest.split_once('/').expect("an address has a path");
    let mut stream = TcpStream::connect(host).expect("the door is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket takes a timeout");
    write!(stream, "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .expect("the door listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the door answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {url}: {answer}");
    serde_json::from_str(body).unwrap_or(Value::Null)
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "it never came to be: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
