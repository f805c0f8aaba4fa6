//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Keeps Salesforce Marketing Cloud data extensions in step with your data.
#[derive(Debug, Parser)]
#[command(name = "outflow", version, about, propagate_version = true)]
pub struct Arguments {
    /// The project's folder, where `outflow.yaml` is.
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".", env = "OUTFLOW_PROJECT")]
    pub project: PathBuf,
    /// Tables for people, or one JSON document on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// What is logged on standard error: `error`, `warn`, `info`, `debug`, or a filter such as `outflow_engine=debug`.
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn", env = "OUTFLOW_LOG", value_parser = log_filter)]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A filter that will be understood once logging starts.
fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Output {
    /// What a command line wants that cannot be understood as a whole.
    pub fn wanted_by(words: impl Iterator<Item = OsString>) -> Self {
        let words: Vec<OsString> = words.collect();
        let is_json = words.iter().any(|it| it == "--output=json") || words.windows(2).any(|it| it[0] == "--output" && it[1] == "json");
        if is_json { Self::Json } else { Self::Text }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a small, commented, working project.
    Init {
        /// Where; the project's folder when absent.
        folder: Option<PathBuf>,
    },
    /// Report every problem of the project at once.
    Check(Check),
    /// Print the JSON Schema of project files, for editors.
    Schema,
    /// Find data extensions.
    #[command(subcommand)]
    Destination(Destination),
    /// Show what a run would do, and change nothing anywhere.
    Plan(Plan),
    /// Send what changed since the last run, and establish what became of each row.
    Run(Run),
    /// Read the data extension back and compare it with the model, row by row.
    Verify(Verify),
    /// List past runs, or explain one.
    Runs {
        /// A run to be explained.
        run: Option<String>,
        /// Only runs of this activation.
        #[arg(long)]
        activation: Option<String>,
        /// Most runs to list.
        #[arg(long, default_value_t = 20)]
        most: usize,
    },
    /// List the rows of a run that were not sent or not taken, by reason, with what to do.
    Rejects(Rejects),
    /// Tell what became of one row: what the model says, what is confirmed, and in which runs it was sent.
    Why(Why),
    /// Tell for each activation when it last succeeded and what is pending or blocked.
    Status,
    /// Give up on an import whose end is not known; its rows stay in doubt.
    Abandon {
        /// The import, as the blocked run or `outflow status` names it.
        import: String,
    },
    /// What the destination has confirmed to hold.
    #[command(subcommand)]
    Baseline(Baseline),
    /// A Marketing Cloud to practise on, on this machine.
    Sandbox(Sandbox),
    /// Show the main job from beginning to end against the sandbox.
    Demo {
        /// Keep the sandbox up afterwards, until Ctrl-C.
        #[arg(long)]
        stay: bool,
    },
}

/// `outflow check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Also test sources, credentials, permissions and file routes.
    #[arg(long)]
    pub connect: bool,
    /// With `--connect`, also put a small file on each route and remove it.
    #[arg(long, requires = "connect")]
    pub canary: bool,
}

/// `outflow destination`.
#[derive(Debug, Subcommand)]
pub enum Destination {
    /// List the data extensions of each connection.
    List {
        /// Only of this connection.
        #[arg(long)]
        connection: Option<String>,
    },
    /// Show a data extension: its fields, primary key, retention and number of rows.
    Show {
        /// A destination of the project, or the external key of a data extension.
        name: String,
        /// The connection, where a key is given and there are several.
        #[arg(long)]
        connection: Option<String>,
    },
}

/// `outflow plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The activation.
    pub activation: String,
    /// Exit with 2 when there is something to do.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Plan to send every row, whatever the baseline says.
    #[arg(long)]
    pub full: bool,
    /// Plan to send rows again that the service refused before.
    #[arg(long)]
    pub retry_refused: bool,
}

/// `outflow run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The activations, run one after the other.
    #[arg(required = true)]
    pub activations: Vec<String>,
    /// Let the rows through that guards hold back in this plan, as `outflow run`, `plan` and `status` name it.
    #[arg(long, value_name = "PLAN_ID")]
    pub approve: Option<String>,
    /// Send every row, whatever the baseline says.
    #[arg(long)]
    pub full: bool,
    /// Send rows again that the service refused before.
    #[arg(long)]
    pub retry_refused: bool,
}

/// `outflow verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The activation.
    pub activation: String,
    /// Send the rows that have drifted, and whatever else changed since the last run.
    #[arg(long)]
    pub repair: bool,
    /// Exit with 2 when rows have drifted.
    #[arg(long, conflicts_with = "repair")]
    pub detailed_exitcode: bool,
}

/// `outflow rejects`.
#[derive(Debug, Args)]
pub struct Rejects {
    /// The run, or an activation for its last one.
    pub run: String,
    /// Show keys as they are; they are masked otherwise.
    #[arg(long)]
    pub show_values: bool,
    /// Also write all of them to a file that only you can read, with keys as they are; a file that is there is replaced.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `outflow why`.
#[derive(Debug, Args)]
pub struct Why {
    /// The activation.
    pub activation: String,
    /// The row's key; `--key field=value` for each field where the key has several.
    #[arg(long, required = true, value_name = "VALUE")]
    pub key: Vec<String>,
    /// Also read what the data extension holds now.
    #[arg(long)]
    pub destination: bool,
    /// Show values as they are; they are masked otherwise.
    #[arg(long)]
    pub show_values: bool,
}

/// `outflow baseline`.
#[derive(Debug, Subcommand)]
pub enum Baseline {
    /// Make the baseline anew.
    Rebuild {
        /// The activation.
        activation: String,
        /// From what.
        #[arg(long, value_enum)]
        from: RebuildFrom,
    },
}

/// What a baseline is rebuilt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RebuildFrom {
    /// The rows that the data extension holds now, read back.
    Destination,
}

/// `outflow sandbox`.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Where its state lives: a folder, or `memory`.
    #[arg(long, default_value = "memory")]
    pub state: String,
    /// Written as JSON once every door listens: addresses and credentials.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Answer CONNECT for the service's own host names, with a certificate authority written beside the ready file.
    #[arg(long, requires = "ready_file")]
    pub proxy: bool,
    /// Port of the proxy; a free one when absent.
    #[arg(long, default_value_t = 0, requires = "proxy")]
    pub proxy_port: u16,
    /// Port of tokens, REST, SOAP and inspection; a free one when absent.
    #[arg(long, default_value_t = 0)]
    pub http_port: u16,
    /// Port of SFTP; a free one when absent.
    #[arg(long, default_value_t = 0)]
    pub sftp_port: u16,
    /// Port of S3; a free one when absent.
    #[arg(long, default_value_t = 0)]
    pub s3_port: u16,
    /// Public keys that may log in by SFTP, as in `authorized_keys`.
    #[arg(long, value_name = "FILE")]
    pub authorized_keys: Option<PathBuf>,
}
