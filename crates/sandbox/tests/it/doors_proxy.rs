//! The proxy, met by a client that believes it talks to the service.

use outflow_sandbox::doors::{ProxyOptions, Running};
use outflow_sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::doors_support::{credentials, http};

const TENANT: &str = "mct0l7nxfq2r988t1kxfy8sc4xxx";

async fn with_proxy(folder: &std::path::Path) -> Running {
    let proxy = Some(ProxyOptions::beside(&folder.join("ready.json")));
    Sandbox::start(Options { proxy, ..Options::default() }).await.expect("a sandbox in memory starts")
}

/// A client as the environment variables make it: proxy for everything, the authority trusted.
fn client(sandbox: &Running) -> reqwest::Client {
    http();
    let ca_file = sandbox.ready.ca_file.as_ref().expect("a proxy has an authority");
    let authority = std::fs::read(ca_file).expect("it was written before the start returned");
    let proxy = sandbox.ready.proxy_url.as_ref().expect("a proxy");
    reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(proxy).expect("a URL"))
        .add_root_certificate(reqwest::Certificate::from_pem(&authority).expect("a certificate"))
        .build()
        .expect("a client")
}

#[tokio::test]
async fn the_services_host_names_lead_to_the_sandbox() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = with_proxy(dir.path()).await;
    let client = client(&sandbox);
    let url = format!("https://{TENANT}.auth.marketingcloudapis.com/v2/token");
    let answer = client.post(url).json(&credentials(&sandbox.ready)).send().await.expect("TLS and an answer");
    let token: Value = answer.json().await.expect("JSON");
    assert_eq!(token["soap_instance_url"], format!("https://{TENANT}.soap.marketingcloudapis.com/"));
    assert_eq!(token["rest_instance_url"], format!("https://{TENANT}.rest.marketingcloudapis.com/"));
    let answer = reqwest::Client::new().post(format!("{}v2/token", sandbox.ready.auth_url)).json(&credentials(&sandbox.ready)).send().await;
    let token: Value = answer.expect("an answer").json().await.expect("JSON");
    assert_eq!(token["rest_instance_url"], sandbox.ready.rest_url, "who came by another name is told the sandbox's own");
    let url = format!("https://{TENANT}.soap.marketingcloudapis.com/etframework.wsdl");
    assert_eq!(client.get(url).send().await.expect("an answer").status(), 200);
    let url = format!("https://{TENANT}.rest.marketingcloudapis.com/data/v1/filetransferlocations");
    assert_eq!(client.get(url).send().await.expect("an answer").status(), 401, "no token was shown");
}

#[tokio::test]
async fn a_host_answers_its_own_calls_only() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = with_proxy(dir.path()).await;
    let url = format!("https://{TENANT}.rest.marketingcloudapis.com/v2/token");
    let answer = client(&sandbox).post(url).json(&credentials(&sandbox.ready)).send().await.expect("an answer");
    assert!(!answer.status().is_success(), "tokens come from the auth host");
}

#[tokio::test]
async fn nothing_else_is_reached() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = with_proxy(dir.path()).await;
    let client = client(&sandbox);
    assert!(client.get("https://example.org/").send().await.is_err());
    assert_eq!(client.get("http://example.org/").send().await.expect("the proxy's answer").status(), 403);
}

#[tokio::test]
async fn the_sandboxs_own_ports_are_reached_through_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = with_proxy(dir.path()).await;
    let url = format!("{}v2/token", sandbox.ready.auth_url);
    let answer = client(&sandbox).post(url).json(&credentials(&sandbox.ready)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn an_untrusted_authority_is_refused_by_the_client() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sandbox = with_proxy(dir.path()).await;
    http();
    let proxy = sandbox.ready.proxy_url.as_ref().expect("a proxy");
    let trusting_nobody_new = reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy).expect("a URL")).build().expect("a client");
    let url = format!("https://{TENANT}.auth.marketingcloudapis.com/v2/token");
    assert!(trusting_nobody_new.get(url).send().await.is_err());
}
