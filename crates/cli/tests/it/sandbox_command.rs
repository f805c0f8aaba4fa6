//! `outflow sandbox` as other developers start it.

use std::fs;

use serde_json::Value;

use crate::{
    program::Program,
    world::{World, http, until},
};

#[test]
fn it_tells_where_it_listens_and_ends_when_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ready = folder.path().join("ready.json");
    let program = Program::new(folder.path(), Default::default());
    let running = program.start(&["sandbox", "--ready-file", ready.to_str().expect("a plain name")]);
    until("the ready file is written", || ready.exists());
    let told: Value = serde_json::from_str(&fs::read_to_string(&ready).expect("the ready file")).expect("JSON");
    for name in ["auth_url", "rest_url", "soap_url", "client_id", "client_secret", "account_id", "inspect_url"] {
        assert!(told[name].is_string(), "{name}: {told}");
    }
    for name in ["user", "password", "host", "host_key_fingerprint"] {
        assert!(told["sftp"][name].is_string(), "sftp.{name}");
    }
    for name in ["endpoint", "bucket", "region", "access_key_id", "secret_access_key", "file_location_key"] {
        assert!(told["s3"][name].is_string(), "s3.{name}");
    }
    let url = told["inspect_url"].as_str().expect("an address");
    assert_eq!(http("GET", &format!("{url}data-extensions"))["data_extensions"], Value::Array(Vec::new()));
    running.signal(rustix::process::Signal::TERM);
    let end = running.end();
    assert_eq!(end.code, Some(0), "{}", end.err);
    assert!(!end.out.contains(told["client_secret"].as_str().expect("a secret")), "secrets are in the file, not on the screen");
}

#[test]
fn its_document_is_what_the_ready_file_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ready = folder.path().join("ready.json");
    let program = Program::new(folder.path(), Default::default());
    let running = program.start(&["sandbox", "--ready-file", ready.to_str().expect("a plain name"), "--proxy", "--output", "json"]);
    until("the ready file is written", || ready.exists());
    running.signal(rustix::process::Signal::INT);
    let end = running.end();
    assert_eq!(end.code, Some(0), "{}", end.err);
    let file: Value = serde_json::from_str(&fs::read_to_string(&ready).expect("the ready file")).expect("JSON");
    let told: Value = serde_json::from_str(&end.out).expect("one JSON document");
    assert_eq!(told, file);
    assert!(told["proxy_url"].is_string() && told["ca_file"].is_string(), "{told}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let world = World::new();
    let port = world.program.environment["MC_SFTP_PORT"].clone();
    let told = world.program.ends(1, &["sandbox", "--sftp-port", &port]);
    assert!(told.err.contains(&port) && told.err.contains("SBX-001"), "{}", told.err);
    let document = world.program.json(1, &["sandbox", "--sftp-port", &port]);
    assert_eq!(document["error"]["code"], "SBX-001", "{document}");
}
