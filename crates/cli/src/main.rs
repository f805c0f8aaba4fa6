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

fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => {
            let _ = refused.print();
            return if refused.use_stderr() { exit::Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    output::start_logging(&arguments);
    // One crypto provider for every TLS client; a second installation could only be refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error_line(&format!("error: the runtime cannot start: {error}"));
            return exit::Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(commands::dispatch(&arguments));
    // A blocking call that hangs (a dead network disk) must not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    exit.into()
}
