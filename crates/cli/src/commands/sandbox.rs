//! `outflow sandbox`: a Marketing Cloud to practise on.

use std::fs;

use outflow_sandbox::{
    Options, Ready, Sandbox as Doors, State,
    doors::{Ports, ProxyOptions, SftpOptions},
};

use super::{Done, failed};
use crate::{
    args::{Arguments, Output, Sandbox},
    exit::Exit,
    output,
    stop::Stop,
};

pub async fn sandbox(arguments: &Arguments, wanted: &Sandbox) -> Done {
    let failed = |error: &(dyn std::error::Error + 'static)| failed(arguments.output, "SBX-001", error);
    let proxy = wanted
        .ready_file
        .as_deref()
        .filter(|_| wanted.proxy)
        .map(|it| ProxyOptions { port: wanted.proxy_port, ..ProxyOptions::beside(it) });
    let mut sftp = SftpOptions::default();
    if let Some(path) = &wanted.authorized_keys {
        let text = fs::read_to_string(path).map_err(|it| failed(&it))?;
        sftp.authorized_keys = SftpOptions::authorized_keys(&text).map_err(|it| failed(&it))?;
    }
    let options = Options {
        state: State::parse(&wanted.state),
        ports: Ports { http: wanted.http_port, sftp: wanted.sftp_port, s3: wanted.s3_port, ..Ports::default() },
        proxy,
        sftp,
        ..Options::default()
    };
    // Whoever reads the ready file may ask for the end at once.
    let mut stop = Stop::listen();
    let running = Doors::start(options).await.map_err(|it| failed(&it))?;
    if let Some(path) = &wanted.ready_file {
        running.write_ready_file(path).map_err(|it| failed(&it))?;
    }
    match arguments.output {
        Output::Json => output::json(&serde_json::to_value(&running.ready).map_err(|it| failed(&it))?),
        Output::Text => tell(&running.ready, wanted),
    }
    stop.asked().await;
    // The document is printed by now, and there is only one.
    running.stop().await.map_err(|it| super::failed(Output::Text, "SBX-001", &it))?;
    Ok(Exit::Success)
}

fn tell(ready: &Ready, wanted: &Sandbox) {
    output::text(&format!(
        "Marketing Cloud to practise on, until Ctrl-C:\n  tokens   {}v2/token\n  REST     {}\n  SOAP     {}Service.asmx",
        ready.auth_url, ready.rest_url, ready.soap_url
    ));
    output::text(&format!(
        "  SFTP     {}@{}:{}\n  S3       {} (bucket {})\n  inspect  {}",
        ready.sftp.user, ready.sftp.host, ready.sftp.port, ready.s3.endpoint, ready.s3.bucket, ready.inspect_url
    ));
    match &wanted.ready_file {
        Some(path) => output::text(&format!("  addresses and credentials are in {}", path.display())),
        None => output::text("  credentials: start with --ready-file FILE to have them written, or with --output json"),
    }
}
