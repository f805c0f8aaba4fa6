//! One file per command.

mod abandon;
mod baseline;
mod check;
mod destination;
mod held;
mod init;
mod plan;
mod rejects;
mod run;
mod runs;
mod sandbox;
mod schema;
mod status;
mod verify;
mod why;

use std::sync::Arc;

use outflow_engine::{EngineError, Job, Ports};
use outflow_local_state::{ActivationLock, LockError};
use outflow_project::{Activation, Connection, Project};

use crate::{
    args::{Arguments, Command, Output},
    assemble::{self, Machine},
    exit::Exit,
    output,
    progress::Shown,
};

/// Carries the command out.
pub async fn dispatch(arguments: &Arguments) -> Exit {
    let done = match &arguments.command {
        Command::Init { folder } => init::init(arguments, folder.as_deref()),
        Command::Check(it) => check::check(arguments, it).await,
        Command::Schema => schema::schema(),
        Command::Destination(it) => destination::destination(arguments, it).await,
        Command::Plan(it) => plan::plan(arguments, it).await,
        Command::Run(it) => run::run(arguments, it).await,
        Command::Verify(it) => verify::verify(arguments, it).await,
        Command::Runs { run, activation, most } => runs::runs(arguments, run.as_deref(), activation.as_deref(), *most).await,
        Command::Rejects(it) => rejects::rejects(arguments, it).await,
        Command::Why(it) => why::why(arguments, it).await,
        Command::Status => status::status(arguments).await,
        Command::Abandon { import } => abandon::abandon(arguments, import).await,
        Command::Baseline(it) => baseline::baseline(arguments, it).await,
        Command::Sandbox(it) => sandbox::sandbox(arguments, it).await,
        Command::Demo { stay } => crate::demo::demo(arguments.output, *stay).await,
    };
    done.unwrap_or_else(|exit| exit)
}

/// A command's end; an error has been printed by then.
pub type Done = Result<Exit, Exit>;

/// Prints an error of any kind and says how the program ends.
pub fn failed(output: Output, code: &str, error: &(dyn std::error::Error + 'static)) -> Exit {
    output::error(output, code, error);
    Exit::Failed
}

/// Prints an error of the engine, of work that goes over this connection.
pub fn engine_failed(output: Output, connection: &Connection, error: &EngineError) -> Exit {
    output::error_at(output, error.code(), error, place(connection, error).as_deref());
    engine_exit(error)
}

/// Which connection an error is about, if it is about one.
fn place(connection: &Connection, error: &EngineError) -> Option<String> {
    error.is_of_the_connection().then(|| format!("connection `{}`", connection.name))
}

/// Some errors of the engine are the configuration's or another run's rather than a failure.
pub const fn engine_exit(error: &EngineError) -> Exit {
    match error {
        EngineError::Blocked { .. } | EngineError::OldState { .. } => Exit::Blocked,
        EngineError::Mapping { .. }
        | EngineError::ColumnSets { .. }
        | EngineError::NoDataExtension { .. }
        | EngineError::UnfitKey { .. }
        | EngineError::Approval { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Why an activation cannot be worked on, yet to be printed.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub code: &'static str,
    pub error: Box<dyn std::error::Error + 'static>,
    /// What of the project it is about.
    pub place: Option<String>,
}

impl Failure {
    fn new(code: &'static str, error: impl std::error::Error + 'static) -> Self {
        Self { exit: Exit::Failed, code, error: Box::new(error), place: None }
    }

    /// Prints it and says how the program ends.
    pub fn printed(&self, output: Output) -> Exit {
        output::error_at(output, self.code, self.error.as_ref(), self.place.as_deref());
        self.exit
    }

    /// Of work that goes over this connection.
    pub fn over(self, connection: &Connection) -> Self {
        let place = self.error.downcast_ref().and_then(|it| place(connection, it));
        Self { place, ..self }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self { exit: engine_exit(&error), ..Self::new(error.code(), error) }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            held @ LockError::Held { .. } => Self { exit: Exit::Blocked, ..Self::new("RUN-002", held) },
            unusable @ LockError::Unusable { .. } => Self::new("DISK-001", unusable),
        }
    }
}

/// This machine, or the printed reason why not.
pub fn machine(arguments: &Arguments, project: &Project) -> Result<Machine, Exit> {
    let machine = Machine::new(project).map_err(|it| failed(arguments.output, "CLI-002", &it))?;
    for (name, connection) in &project.connections {
        for told in connection.marketing_cloud.expiring(machine.today()) {
            tracing::warn!("connection `{name}`: {told}");
        }
    }
    Ok(machine)
}

/// An activation, ready to be planned or run.
pub struct Ready {
    pub job: Job,
    pub ports: Ports,
}

/// Makes the adapters of an activation. `writes` opens the ledger for writing; a plan must leave no file behind.
pub fn ready(arguments: &Arguments, project: &Project, activation: &Activation, machine: &Machine, writes: bool) -> Result<Ready, Failure> {
    let ledger = if writes {
        assemble::ledger(machine)
    } else {
        assemble::ledger_to_read(&machine.state).map(|it| it.unwrap_or_else(|| Arc::new(crate::commands::plan::NoLedger)))
    };
    let ledger = ledger.map_err(|it| Failure::new("LED-003", it))?;
    let progress = Arc::new(Shown::new(arguments.output == Output::Json));
    let ports = assemble::ports(project, activation, machine, ledger, progress).map_err(|it| Failure::new("CLI-003", it))?;
    Ok(Ready { job: assemble::job(project, activation), ports })
}

/// The locks of an activation and of its data extension, so that one run at a time works on either.
pub fn lock(project: &Project, activation: &Activation, machine: &Machine) -> Result<[ActivationLock; 2], LockError> {
    let own = machine.state.lock(activation.name())?;
    let (destination, connection) = project.route(activation);
    let cloud = &connection.marketing_cloud;
    let place = format!("{}-{}-{}", cloud.tenant.auth_url(), cloud.account_id.as_deref().unwrap_or("owner"), destination.data_extension);
    let name: String = place.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '_' }).collect();
    // A file's name has 255 bytes at most. Two long places that end alike would merely wait for each other.
    let shared = machine.state.lock_data_extension(&name[name.len().saturating_sub(200)..])?;
    Ok([own, shared])
}
