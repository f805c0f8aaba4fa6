//! The HTTP doors over real sockets.

use std::path::Path;
use std::time::{Duration, Instant};

use outflow_sandbox::doors::{Ports, Ready};
use outflow_sandbox::model::ImportStatus;
use outflow_sandbox::{Options, Sandbox, StartError, State};
use serde_json::{Value, json};

use crate::doors_support::{credentials, http, journal, retrieve_data_extensions, sandbox, set_fault, token};

#[tokio::test]
async fn a_token_opens_the_soap_door() {
    let sandbox = sandbox().await;
    let token = token(&sandbox.ready).await;
    assert_eq!(token["soap_instance_url"], sandbox.ready.soap_url);
    let answer = retrieve_data_extensions(&sandbox.ready, token["access_token"].as_str().expect("a token")).await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.expect("text");
    assert!(text.contains("<OverallStatus>OK</OverallStatus>"), "{text}");
}

#[tokio::test]
async fn a_token_may_be_asked_for_by_form() {
    let sandbox = sandbox().await;
    let fields =
        [("grant_type", "client_credentials"), ("client_id", &sandbox.ready.client_id), ("client_secret", &sandbox.ready.client_secret)];
    let url = format!("{}v2/token", sandbox.ready.auth_url);
    let answer = http().post(url).form(&fields).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_wrong_token_is_a_security_fault() {
    let sandbox = sandbox().await;
    let answer = retrieve_data_extensions(&sandbox.ready, "nonsense").await;
    assert_eq!(answer.status(), 500);
    assert!(answer.text().await.expect("text").contains("Token Expired"));
}

#[tokio::test]
async fn every_door_may_have_a_port_of_its_own() {
    let ports = Ports { auth: Some(0), rest: Some(0), soap: Some(0), ..Ports::default() };
    let sandbox = Sandbox::start(Options { ports, ..Options::default() }).await.expect("free ports");
    let ready = &sandbox.ready;
    let bases = [&ready.auth_url, &ready.rest_url, &ready.soap_url];
    assert!(bases.iter().all(|it| !ready.inspect_url.starts_with(it.as_str())));
    let token = token(ready).await;
    assert_eq!(token["rest_instance_url"], ready.rest_url);
    let answer = retrieve_data_extensions(ready, token["access_token"].as_str().expect("a token")).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let ports = Ports { s3: port, ..Ports::default() };
    let error = Sandbox::start(Options { ports, ..Options::default() }).await.expect_err("the port is taken");
    assert!(matches!(error, StartError::Listen { door: "s3", port: named, .. } if named == port), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_a_closed_connection() {
    let sandbox = sandbox().await;
    set_fault(&sandbox.ready, json!({ "when": { "door": "auth", "times": 1 }, "effect": { "effect": "lose_answer" } })).await;
    let url = format!("{}v2/token", sandbox.ready.auth_url);
    let lost = http().post(url).json(&credentials(&sandbox.ready)).send().await;
    assert!(lost.expect_err("no answer comes").is_request());
    assert!(token(&sandbox.ready).await["access_token"].is_string());
}

#[tokio::test]
async fn a_truncated_answer_ends_after_that_many_bytes() {
    let sandbox = sandbox().await;
    let fault = json!({ "when": { "door": "auth", "times": 1 }, "effect": { "effect": "truncate", "bytes": 17 } });
    set_fault(&sandbox.ready, fault).await;
    let url = format!("{}v2/token", sandbox.ready.auth_url);
    let mut answer = http().post(url).json(&credentials(&sandbox.ready)).send().await.expect("the head arrives");
    assert!(answer.content_length().is_some_and(|length| length > 17));
    let mut seen = 0;
    let ended = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => seen += chunk.len(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(ended.is_err(), "the body must not look complete");
    assert_eq!(seen, 17);
}

#[tokio::test]
async fn a_delayed_answer_takes_its_time() {
    let sandbox = sandbox().await;
    let fault = json!({ "when": { "door": "auth", "times": 1 }, "effect": { "effect": "delay", "millis": 150 } });
    set_fault(&sandbox.ready, fault).await;
    let began = Instant::now();
    assert!(token(&sandbox.ready).await["access_token"].is_string());
    assert!(Duration::from_millis(150) <= began.elapsed());
}

#[tokio::test]
async fn an_import_moves_on_by_the_clock_alone() {
    let sandbox = sandbox().await;
    let (inspect_url, rest_url) = (&sandbox.ready.inspect_url, &sandbox.ready.rest_url);
    let members = json!({ "key": "members", "name": "Members", "fields": [
        { "name": "Id", "type": "Text", "max_length": 36, "primary_key": true, "required": true } ] });
    let made = http().post(format!("{inspect_url}data-extensions")).json(&members).send().await.expect("an answer");
    assert_eq!(made.status(), 201);
    let file = format!("{inspect_url}files/ExactTarget%20Enhanced%20FTP/Import/a.csv");
    assert_eq!(http().put(file).body("Id\r\n7\r\n").send().await.expect("an answer").status(), 204);
    let import = json!({
        "source": { "fileInfo": { "specifier": "a.csv", "contentType": "CSV", "hasMultipleFiles": false, "standardQuotedStrings": true } },
        "target": { "type": "DataExtension", "key": "members", "updateType": "AddAndUpdate" },
        "mapping": { "allowErrors": true, "fieldMappingType": "InferFromColumnHeadings" },
        "transport": { "key": "ExactTarget Enhanced FTP" } });
    let token = token(&sandbox.ready).await;
    let started = http().post(format!("{rest_url}data/v1/async/import")).json(&import);
    let started = started.bearer_auth(token["access_token"].as_str().expect("a token")).send().await.expect("an answer");
    assert!(started.status().is_success(), "{}", started.text().await.expect("text"));
    let deadline = Instant::now() + Duration::from_secs(20);
    // Looking does not call the model's clock; only the sandbox's own does.
    while !sandbox.model(|model, _| matches!(model.imports()[0].status, ImportStatus::Completed)).await {
        assert!(Instant::now() < deadline, "the import did not end by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn calls_are_in_the_journal() {
    let sandbox = sandbox().await;
    token(&sandbox.ready).await;
    assert_eq!(journal(&sandbox.ready).await, ["auth POST 200"]);
}

#[tokio::test]
async fn the_ready_file_has_the_promised_members() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("ready.json");
    sandbox.write_ready_file(&path).expect("a writable folder");
    let text = std::fs::read_to_string(&path).expect("the ready file");
    let members = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let ready: Value = serde_json::from_str(&text).expect("JSON");
    let own = ["auth_url", "rest_url", "soap_url", "client_id", "client_secret", "account_id", "sftp", "s3", "inspect_url"];
    assert_eq!(members(&ready), own);
    assert_eq!(members(&ready["sftp"]), ["host", "port", "user", "password", "host_key_fingerprint"]);
    let s3 = ["endpoint", "bucket", "region", "access_key_id", "secret_access_key", "file_location_key"];
    assert_eq!(members(&ready["s3"]), s3);
    for url in ["auth_url", "rest_url", "soap_url", "inspect_url"] {
        assert!(ready[url].as_str().is_some_and(|it| it.starts_with("http://127.0.0.1:") && it.ends_with('/')), "{url}");
    }
    let read: Ready = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(read, sandbox.ready);
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let sandbox = sandbox().await;
    let shown = format!("{sandbox:?}");
    for secret in [&sandbox.ready.client_secret, &sandbox.ready.sftp.password, &sandbox.ready.s3.secret_access_key] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

#[tokio::test]
async fn dropping_a_sandbox_closes_its_doors() {
    let sandbox = sandbox().await;
    let url = format!("{}v2/token", sandbox.ready.auth_url);
    let s3 = sandbox.ready.s3.endpoint.clone();
    drop(sandbox);
    let deadline = Instant::now() + Duration::from_secs(20);
    while http().get(&url).send().await.is_ok() || http().get(&s3).send().await.is_ok() {
        assert!(Instant::now() < deadline, "a door stayed open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn in_folder(folder: &Path) -> outflow_sandbox::Running {
    let state = State::Folder(folder.to_owned());
    Sandbox::start(Options { state, ..Options::default() }).await.expect("a sandbox with a folder starts")
}

#[tokio::test]
async fn a_state_folder_outlives_the_sandbox() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let first = in_folder(dir.path()).await;
    let put = format!("{}files/ExactTarget%20Enhanced%20FTP/Import/a.csv", first.ready.inspect_url);
    assert!(http().put(put).body("a\n1\n").send().await.expect("an answer").status().is_success());
    let before = first.ready.clone();
    first.stop().await.expect("the state is saved");

    let second = in_folder(dir.path()).await;
    let get = format!("{}files/ExactTarget%20Enhanced%20FTP/Import/a.csv", second.ready.inspect_url);
    assert_eq!(http().get(get).send().await.expect("an answer").text().await.expect("text"), "a\n1\n");
    assert_eq!(second.ready.sftp.password, before.sftp.password);
    assert_eq!(second.ready.sftp.host_key_fingerprint, before.sftp.host_key_fingerprint);
    assert_eq!(second.ready.s3.secret_access_key, before.s3.secret_access_key);
    let urls = token(&second.ready).await;
    assert_eq!(urls["rest_instance_url"], second.ready.rest_url, "the new doors are named, not the old ones");
}

#[tokio::test]
async fn a_change_is_on_disk_soon_even_without_a_stop() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = in_folder(dir.path()).await;
    token(&sandbox.ready).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !dir.path().join("model.json").exists() {
        assert!(Instant::now() < deadline, "the state was not saved in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_torn_state_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("model.json"), "{").expect("a writable folder");
    let state = State::Folder(dir.path().to_owned());
    let error = Sandbox::start(Options { state, ..Options::default() }).await.expect_err("it is torn");
    assert!(matches!(error, StartError::Snapshot(_)), "{error}");
}

/// The JSON documents that `docs/sandbox.md` sends with `opening`, up to the closing quote.
fn examples(opening: &str) -> Vec<Value> {
    let page = include_str!("../../../../docs/sandbox.md");
    let documents = page.split(opening).skip(1).filter_map(|rest| rest.split_once('\''));
    documents.map(|(document, _)| serde_json::from_str(document).expect("the page shows JSON")).collect()
}

#[tokio::test]
async fn the_pages_examples_are_taken() {
    let sandbox = sandbox().await;
    let inspect_url = &sandbox.ready.inspect_url;
    let faults = examples("fault '");
    assert!(7 <= faults.len());
    for fault in faults {
        set_fault(&sandbox.ready, fault).await;
    }
    for (method, path, opening, status) in [
        (reqwest::Method::POST, "data-extensions", "data-extensions\" -d '", 201),
        (reqwest::Method::PATCH, "switches", "switches\" -d '", 200),
    ] {
        let documents = examples(opening);
        assert_eq!(documents.len(), 1, "{path}");
        let answer = http().request(method, format!("{inspect_url}{path}")).json(&documents[0]).send().await;
        assert_eq!(answer.expect("an answer").status(), status, "{path}");
    }
}
