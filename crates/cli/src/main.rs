//! The `outflow` program: one file per command under `commands`, and nothing else that reads arguments, terminals or the environment.

mod args;
mod assemble;
mod commands;
mod demo;
mod exit;
mod output;
mod progress;
mod project;
mod stop;

use std::process::ExitCode;

use clap::Parser as _;

/// The signal that a file would grow beyond the limit (`ulimit -f`): its number on Linux and macOS, on x86-64 and ARM alike.
const SIGXFSZ: i32 = 25;

fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => return wrong_usage(&refused).into(),
    };
    output::start_logging(&arguments);
    // One crypto provider for every TLS client; a second installation could only be refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return commands::failed(arguments.output, "CLI-002", &assemble::unusable("the runtime")(Box::new(error))).into();
        }
    };
    let exit = runtime.block_on(async {
        // Caught, so that a file that grows beyond what may be is an error with a remedy, and not the end of the program.
        let _caught = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ));
        commands::dispatch(&arguments).await
    });
    // A blocking call that hangs (a dead network disk) must not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    // Whoever reads an empty document must not take it for a good one.
    let exit = if exit == exit::Exit::Success && !output::is_all_printed() { exit::Exit::Failed } else { exit };
    exit.into()
}

/// Help and version are what was asked for; anything else is told, to a program as a document.
fn wrong_usage(refused: &clap::Error) -> exit::Exit {
    if !refused.use_stderr() {
        let _ = refused.print();
        return exit::Exit::Success;
    }
    if args::Output::wanted_by(std::env::args_os()) == args::Output::Json {
        let words = refused.to_string();
        let words = words.strip_prefix("error: ").unwrap_or(&words).trim_end().to_owned();
        output::error(args::Output::Json, "CLI-008", &project::Refused(words));
    } else {
        let _ = refused.print();
    }
    exit::Exit::Usage
}
