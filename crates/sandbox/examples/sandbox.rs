//! Opens a sandbox and keeps it open until Ctrl-C or a `SIGTERM`:
//!
//! ```text
//! cargo run -p outflow-sandbox --example sandbox -- --state memory --ready-file ready.json [--proxy]
//!     [--http-port N] [--sftp-port N] [--s3-port N]
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use outflow_sandbox::doors::{Ports, ProxyOptions};
use outflow_sandbox::{Options, Sandbox, State};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (options, ready_file) = parse(std::env::args().skip(1))?;
    let sandbox = Sandbox::start(options).await?;
    sandbox.write_ready_file(&ready_file)?;
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    sandbox.stop().await?;
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Options, PathBuf), String> {
    let mut options = Options::default();
    let mut ready_file = None;
    let mut proxy = false;
    let mut ports = Ports::default();
    while let Some(argument) = arguments.next() {
        if argument == "--proxy" {
            proxy = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        let port = || value.parse::<u16>().map_err(|_| format!("{argument}: `{value}` is no port"));
        match argument.as_str() {
            "--state" => options.state = State::parse(&value),
            "--ready-file" => ready_file = Some(PathBuf::from(&value)),
            "--http-port" => ports.http = port()?,
            "--sftp-port" => ports.sftp = port()?,
            "--s3-port" => ports.s3 = port()?,
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    let ready_file = ready_file.ok_or("--ready-file FILE is needed")?;
    options.ports = ports;
    options.proxy = proxy.then(|| ProxyOptions::beside(&ready_file));
    Ok((options, ready_file))
}

#[expect(clippy::print_stderr, reason = "an example's messages go to the terminal")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        eprintln!("  because: {error}");
        source = error.source();
    }
}
