//! `outflow-bench`: the comparison without a network.
//!
//! The engine, the files source, the ledger and the state folder are the real ones; Marketing Cloud and the file route are stand-ins that
//! say yes at once, so that what is measured is ours. `benches/run.sh` runs this beside the alternatives and prints the table.

mod cloud;
mod data;
mod decode;
mod memory;
mod phases;
mod scan;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use clap::{Parser, Subcommand};
use outflow_domain::{
    Activation, FieldWish, ImportRoute, InsertMode,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_engine::{Compute, Job, Ports, RunOptions, Split, TRAIL_ENTRIES_MIN};
use outflow_ledger_sqlite::SqliteLedger;
use outflow_local_state::{StateFolder, SystemClock, SystemEntropy};
use outflow_ports::Query;
use outflow_source_files::{FileFormat, FilesSettings, FilesSource, TableFiles};

/// Threads that work on columns, and partitions that are read side by side.
const THREADS: usize = 2;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write `before.parquet` and `after.parquet`: 1 % changed, 0.5 % new, 0.5 % gone.
    Data { folder: PathBuf, rows: u64 },
    /// Decode every column of a Parquet file with the raw reader, and do nothing with it.
    Decode { file: PathBuf },
    /// Read a Parquet file through the files source, and do nothing with it.
    Scan { file: PathBuf },
    /// Run the activation over a Parquet file with this state folder, and print what it took as JSON.
    Run {
        file: PathBuf,
        state: PathBuf,
        /// The data extension asks nothing of its texts, so that there is nothing to check: what checking adds is the difference.
        #[arg(long)]
        asks_nothing: bool,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().what {
        What::Data { folder, rows } => data::write(&folder, rows),
        What::Decode { file } => decode::decode(&file, THREADS),
        What::Scan { file } => scan::scan(&file, THREADS),
        What::Run { file, state, asks_nothing } => run(&file, &state, asks_nothing),
    }
}

fn run(file: &Path, state: &Path, asks_nothing: bool) -> Result<(), Box<dyn std::error::Error>> {
    let peak = memory::Peak::watch();
    let columns = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let network = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let phases = Arc::new(phases::Phases::default());
    let compute = Compute::Threads { runtime: columns.handle().clone(), threads: THREADS };
    let state = StateFolder::new(state);
    let activation = activation();
    let counted = Arc::new(cloud::Counted::default());
    let ports = Ports {
        source: Arc::new(source(file)),
        cloud: Arc::new(cloud::YesCloud::new(state.root(), Arc::clone(&counted), asks_nothing)),
        files: Arc::new(cloud::NoFiles::new(Arc::clone(&counted))),
        ledger: Arc::new(SqliteLedger::open(&state.ledger())?),
        baselines: Arc::new(state.baselines(&activation.name)),
        all_baselines: Arc::new(state.clone()),
        history: Arc::new(state.history(&activation.name)),
        spool: Arc::new(state.spool(&activation.name)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        progress: Arc::clone(&phases) as _,
        compute,
    };
    let job = Job {
        activation,
        query: Query { sql: "SELECT * FROM customers".into() },
        model_key: Vec::new(),
        file_location: "bench".into(),
        project_secret: Arc::from(&b"the secret of the benchmark, thirty-two bytes"[..]),
        server_offset_s: -6 * 3600,
        split: Split::default(),
        trail_entries_min: TRAIL_ENTRIES_MIN,
    };
    let began = Instant::now();
    let report = network.block_on(outflow_engine::run(&job, &ports, &RunOptions::default()))?;
    let seconds = began.elapsed().as_secs_f64();
    let result = serde_json::json!({
        "seconds": seconds,
        "source_rows": report.plan.source_rows,
        "rows_sent": report.plan.rows_to_send(),
        "csv_bytes": report.plan.parts.iter().map(|it| it.bytes).sum::<u64>(),
        "bytes_sent": counted.bytes(),
        "calls_that_write": counted.writes(),
        "anonymous_peak_bytes": peak.anonymous_bytes(),
        "file_backed_peak_bytes": peak.file_backed_bytes(),
        "phases_seconds": phases.seconds(),
    });
    println_json(&result);
    columns.shutdown_background();
    Ok(())
}

#[allow(clippy::print_stdout, reason = "its whole purpose is to print the result")]
fn println_json(value: &serde_json::Value) {
    println!("{value}");
}

fn source(file: &Path) -> FilesSource {
    let table = TableFiles { paths: vec![file.display().to_string()], format: FileFormat::Parquet };
    FilesSource::new(FilesSettings {
        name: "bench".into(),
        tables: [("customers".to_owned(), table)].into(),
        base_folder: PathBuf::from("/"),
        s3: None,
        memory_limit_bytes: FilesSettings::MEMORY_LIMIT_BYTES,
        spill_folder: None,
    })
}

fn activation() -> Activation {
    let wish = |field: &str, column: &str| FieldWish::new(field.parse().expect("a field name"), column);
    Activation {
        name: "bench".parse().expect("a name"),
        data_extension: "Bench".parse().expect("a key"),
        table: outflow_domain::TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![wish("Id", "id")],
        fields: data::FIELDS.iter().map(|(field, column, _)| wish(field, column)).collect(),
        custom_attributes: Vec::new(),
        on_exit: outflow_domain::OnExit::Keep,
        when_null: outflow_domain::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: outflow_domain::Guards::default(),
    }
}
