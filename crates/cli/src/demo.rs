//! `outflow demo`: the main job from beginning to end, with nothing but this program.
//!
//! It starts the sandbox, writes a model and a project into a folder of its own, and then runs the very commands a person would, as child
//! processes, so that what is shown is what everybody gets.

mod customers;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use outflow_sandbox::{
    Options, Running, Sandbox,
    model::{DataExtensionSpec, FieldSpec, FieldType},
};

use serde_json::{Value, json};

use crate::{
    args::Output,
    commands::{Done, failed},
    exit::Exit,
    output::{self, number},
    project::Refused,
    stop::Stop,
};
use customers::{Change, Customers};

/// Customers of the model.
const CUSTOMERS: u32 = 100_000;
/// Members of the club that is only updated.
const CLUB: u32 = 2_000;

/// Runs the demo; with `stay` the sandbox is kept up afterwards.
pub async fn demo(output: Output, stay: bool) -> Done {
    let began = Instant::now();
    let folder = std::env::temp_dir().join(format!("outflow-demo-{}", std::process::id()));
    let shown = Demo::begin(output, folder.clone()).await;
    let mut demo = shown.map_err(|it| failed(output, "DEMO-001", it.as_ref()))?;
    let told = demo.tell().await;
    if let Err(error) = &told {
        output::error(output, "DEMO-001", error.as_ref());
    } else {
        demo.headline(&format!("That was the whole job, in {:.0} s.", began.elapsed().as_secs_f64()));
        let program = std::env::current_exe().map_or_else(|_| "outflow".into(), |it| it.display().to_string());
        demo.say(&format!("Next: `{program} init my-project`, and `{program} -C my-project check`."));
        if output == Output::Json {
            output::json(&json!({ "commands": demo.documents }));
        }
    }
    if stay && told.is_ok() {
        demo.say(&format!(
            "\nThe sandbox stays up until Ctrl-C. Its addresses: {}\nThe project is in {}; try `set -a; . {}/.env; set +a; outflow -C {0} status`.",
            folder.join("ready.json").display(),
            folder.display(),
            folder.display()
        ));
        Stop::listen().asked().await;
    }
    let stopped = demo.sandbox.stop().await;
    let removed = std::fs::remove_dir_all(&folder);
    // A document is printed by now, and there is only one.
    stopped.map_err(|it| failed(Output::Text, "DEMO-001", &it))?;
    removed.map_err(|it| failed(Output::Text, "DEMO-001", &it))?;
    Ok(if told.is_ok() { Exit::Success } else { Exit::Failed })
}

type Told<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Demo {
    folder: PathBuf,
    sandbox: Running,
    environment: BTreeMap<&'static str, String>,
    output: Output,
    /// What the commands told, where a program listens.
    documents: Vec<Value>,
}

/// The story is for people: where a program listens, it goes to standard error.
fn say(output: Output, text: &str) {
    match output {
        Output::Text => output::text(text),
        Output::Json => output::error_line(text),
    }
}

impl Demo {
    async fn begin(output: Output, folder: PathBuf) -> Told<Self> {
        say(output, "\n== A Marketing Cloud to practise on, and a model of 100,000 customers in Parquet");
        std::fs::create_dir_all(&folder)?;
        let sandbox = Sandbox::start(Options::default()).await?;
        sandbox.write_ready_file(&folder.join("ready.json"))?;
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
            ("OUTFLOW_SECRET", "a secret that is good enough for a demo, and for nothing else".to_owned()),
        ]);
        let env_file: String = environment.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        std::fs::write(folder.join(".env"), env_file)?;
        let demo = Self { folder, sandbox, environment, output, documents: Vec::new() };
        demo.make_data_extensions().await?;
        demo.write_project()?;
        demo.write_model(&Change::default())?;
        demo.say(&format!("  {} in {}", number(u64::from(CUSTOMERS)), demo.model_file().display()));
        Ok(demo)
    }

    fn say(&self, text: &str) {
        say(self.output, text);
    }

    fn headline(&self, text: &str) {
        self.say(&format!("\n== {text}"));
    }

    fn model_file(&self) -> PathBuf {
        self.folder.join("customers.parquet")
    }

    fn write_model(&self, change: &Change) -> Told {
        // A reader that still has the old file open goes on reading the old one.
        let next = self.folder.join("customers.parquet.new");
        Customers { count: CUSTOMERS, change }.write(&next)?;
        std::fs::rename(next, self.model_file())?;
        Ok(())
    }

    fn write_project(&self) -> Told {
        std::fs::write(self.folder.join("outflow.yaml"), PROJECT)?;
        Ok(())
    }

    /// What an administrator of Marketing Cloud has set up: two data extensions, one of them with members already.
    async fn make_data_extensions(&self) -> Told {
        let made = self.sandbox.model(|model, now_ms| {
            model.create_data_extension(&loyalty_members(), now_ms)?;
            model.create_data_extension(&club_members(), now_ms)?;
            for number in 0..CLUB {
                let key = customers::key(number * 7);
                let values = BTreeMap::from([("CustomerKey".to_owned(), Some(key)), ("Points".to_owned(), Some("0".to_owned()))]);
                model
                    .upsert_row("Birthday_Club", &values, now_ms)
                    .map_err(|it| outflow_sandbox::model::SchemaError { code: 0, message: it.0 })?;
            }
            Ok::<_, outflow_sandbox::model::SchemaError>(())
        });
        Ok(made.await?)
    }

    async fn tell(&mut self) -> Told {
        self.headline("What would a first run do? A plan changes nothing anywhere");
        self.outflow(&["plan", "loyalty"], &[0]).await?;
        self.headline("The first run: columns are created, every customer is inserted, and each row is confirmed");
        self.outflow(&["run", "loyalty"], &[0, 3]).await?;

        self.headline("Overnight the model changes: 1,000 customers changed, 500 joined, 500 left; one has an address nobody can write to");
        self.write_model(&Change { changed: 1_000, joined: 500, left: 500, bad_address: true })?;
        self.outflow(&["plan", "loyalty"], &[0]).await?;
        self.headline("The second run sends only the difference, and flags those who left; the bad address is refused, with its reason");
        self.outflow(&["run", "loyalty"], &[3]).await?;

        self.headline("The third run finds nothing new, and sends nothing: the refused row is remembered");
        self.outflow(&["run", "loyalty"], &[3]).await?;

        self.headline("29,000 customers have other points at once. Is that right? A guard holds them, and nothing is sent");
        self.write_model(&Change { changed: 30_000, joined: 500, left: 500, bad_address: true })?;
        self.outflow(&["run", "loyalty"], &[4]).await?;
        self.headline("Somebody has looked: it is right. The approval lets just these rows through");
        let plan = self.held_plan().await?;
        self.outflow(&["run", "loyalty", "--approve", &plan], &[3]).await?;

        self.headline("Update-only: the birthday club has 2,000 members; only they are updated, nobody is added");
        self.outflow(&["run", "birthday-club"], &[0]).await?;

        self.headline("What happened, and what the data extensions hold");
        self.outflow(&["status"], &[0]).await?;
        self.outflow(&["destination", "show", "loyalty-members"], &[0]).await?;
        self.outflow(&["destination", "show", "birthday-club"], &[0]).await?;
        self.show_rows().await
    }

    /// This very program, to be called as a person would.
    fn command(&self, arguments: &[&str]) -> Told<tokio::process::Command> {
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        command.arg("-C").arg(&self.folder).args(arguments).envs(&self.environment).stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// The plan whose rows are held, as the run has told it just now.
    async fn held_plan(&self) -> Told<String> {
        let told = self.command(&["status", "--output", "json"])?.output().await?;
        let status: Value = serde_json::from_slice(&told.stdout)?;
        let plan = status["activations"].as_array().and_then(|it| it.iter().find_map(|it| it["held"]["plan"].as_str()));
        Ok(plan.ok_or_else(|| Refused("the guard has held nothing".to_owned()))?.to_owned())
    }

    /// Runs this very program and shows what it prints, or keeps it for the document.
    async fn outflow(&mut self, arguments: &[&str], expected: &[i32]) -> Told {
        self.say(&format!("\n$ outflow {}", arguments.join(" ")));
        let mut command = self.command(arguments)?;
        let status = match self.output {
            Output::Text => command.status().await?,
            Output::Json => {
                let told = command.args(["--output", "json"]).stderr(Stdio::inherit()).output().await?;
                let document: Value = serde_json::from_slice(&told.stdout)?;
                self.documents.push(json!({ "arguments": arguments, "exit": told.status.code(), "document": document }));
                told.status
            }
        };
        match status.code() {
            Some(code) if expected.contains(&code) => Ok(()),
            code => Err(Box::new(Refused(format!(
                "`outflow {}` ended with {code:?}, and one of {expected:?} was expected",
                arguments.join(" ")
            )))),
        }
    }

    async fn show_rows(&self) -> Told {
        self.say("\nThe first rows of Loyalty_Members, as Marketing Cloud has them:");
        let (columns, rows) = self.sandbox.model(|model, _| model.rows("Loyalty_Members").unwrap_or_default()).await;
        let header: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = output::table(&header);
        for row in rows.iter().take(4) {
            table.add_row(row.values.iter().map(|it| it.clone().unwrap_or_default()));
        }
        self.say(&table.to_string());
        let member = columns.iter().position(|it| it == "IsMember");
        let has_left = |values: &[Option<String>]| member.is_some_and(|at| values[at].as_deref() == Some("False"));
        let flagged = rows.iter().filter(|it| has_left(&it.values)).count() as u64;
        self.say(&format!("{} of them have left the model, and say so: their IsMember is False.", number(flagged)));
        let journal = self.folder.join("ready.json");
        self.say(&format!(
            "{} rows in all. With `--stay` the sandbox is still there afterwards, with every call in its journal ({}journal).",
            number(rows.len() as u64),
            self.sandbox.ready.inspect_url
        ));
        is_there(&journal)
    }
}

fn is_there(path: &Path) -> Told {
    path.metadata()?;
    Ok(())
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

fn loyalty_members() -> DataExtensionSpec {
    DataExtensionSpec {
        key: Some("Loyalty_Members".into()),
        name: Some("Loyalty Members".into()),
        fields: vec![
            field("CustomerKey", FieldType::Text, Some(20), true),
            field("Email", FieldType::EmailAddress, None, false),
            field("FirstName", FieldType::Text, Some(40), false),
            field("Points", FieldType::Number, None, false),
            field("Born", FieldType::Date, None, false),
            field("IsMember", FieldType::Boolean, None, false),
        ],
        ..DataExtensionSpec::default()
    }
}

fn club_members() -> DataExtensionSpec {
    DataExtensionSpec {
        key: Some("Birthday_Club".into()),
        name: Some("Birthday Club".into()),
        fields: vec![field("CustomerKey", FieldType::Text, Some(20), true), field("Points", FieldType::Number, None, false)],
        ..DataExtensionSpec::default()
    }
}

const PROJECT: &str = r#"version: 1
secret: ${OUTFLOW_SECRET}

connections:
  marketing-cloud:
    marketing_cloud:
      auth_url: ${MC_AUTH_URL}
      client_id: ${MC_CLIENT_ID}
      client_secret: ${MC_CLIENT_SECRET}
      account_id: ${MC_ACCOUNT_ID}
    file_route:
      sftp:
        host: 127.0.0.1
        port: ${MC_SFTP_PORT}
        user: ${MC_SFTP_USER}
        password: ${MC_SFTP_PASSWORD}
        host_key: ${MC_SFTP_HOST_KEY}

sources:
  lake:
    files:
      tables:
        customers:
          path: customers.parquet
          format: parquet

models:
  customers:
    source: lake
    primary_key: [customer_id]
    sql: SELECT customer_id, email, first_name, points, born, tier, lifetime_value FROM customers

destinations:
  loyalty-members:
    connection: marketing-cloud
    data_extension: Loyalty_Members
  birthday-club:
    connection: marketing-cloud
    data_extension: Birthday_Club

activations:
  loyalty:
    from: customers
    to: loyalty-members
    insert: true
    primary_key: { CustomerKey: customer_id }
    fields:
      Email: email
      FirstName: first_name
      Points: points
      Born: born
    custom_attributes: [tier, lifetime_value]
    on_exit: { flag: { field: IsMember, value: false, present: true } }
    guards: { max_updates: 20 %, max_deletes: 2 % }
  birthday-club:
    from: customers
    to: birthday-club
    insert: false
    primary_key: { CustomerKey: customer_id }
    fields: { Points: points }
"#;
