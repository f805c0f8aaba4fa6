//! A sandbox for a test, and small clients for it.

use std::sync::{Arc, Once};

use outflow_sandbox::doors::{Ready, Running, SftpReady};
use outflow_sandbox::{Options, Sandbox};
use russh::client::{AuthResult, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh_sftp::client::SftpSession;
use serde_json::{Value, json};

/// A sandbox in memory.
pub async fn sandbox() -> Running {
    Sandbox::start(Options::default()).await.expect("a sandbox in memory starts")
}

/// An HTTP client that reuses no connection a fault may have cut.
pub fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("nobody installed another one");
    });
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
}

/// The body of a token request.
pub fn credentials(ready: &Ready) -> Value {
    json!({
        "grant_type": "client_credentials", "client_id": ready.client_id,
        "client_secret": ready.client_secret, "account_id": ready.account_id,
    })
}

/// Asks for a token.
pub async fn token(ready: &Ready) -> Value {
    let answer = http().post(format!("{}v2/token", ready.auth_url)).json(&credentials(ready)).send();
    answer.await.expect("an answer").json().await.expect("JSON")
}

/// Sets a fault through the inspect door.
pub async fn set_fault(ready: &Ready, fault: Value) {
    let answer = http().post(format!("{}faults", ready.inspect_url)).json(&fault).send();
    assert_eq!(answer.await.expect("an answer").status(), 201);
}

/// The calls in the journal, as `door method status`.
pub async fn journal(ready: &Ready) -> Vec<String> {
    let answer = http().get(format!("{}journal", ready.inspect_url)).send().await.expect("an answer");
    let journal: Value = answer.json().await.expect("JSON");
    let text = |call: &Value, member: &str| call[member].as_str().expect("a text").to_owned();
    let line = |call: &Value| format!("{} {} {}", text(call, "door"), text(call, "method"), call["status"]);
    journal["calls"].as_array().expect("a list").iter().map(line).collect()
}

/// Retrieves data extensions by SOAP and gives the answer's text.
pub async fn retrieve_data_extensions(ready: &Ready, token: &str) -> reqwest::Response {
    let envelope = format!(
        r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><fueloauth xmlns="http://exacttarget.com">{token}</fueloauth></Header><Body><RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataExtension</ObjectType><Properties>CustomerKey</Properties></RetrieveRequest></RetrieveRequestMsg></Body></Envelope>"#
    );
    let request = http().post(format!("{}Service.asmx", ready.soap_url)).header("SOAPAction", "Retrieve");
    request.header("Content-Type", "text/xml").body(envelope).send().await.expect("an answer")
}

/// Accepts the one host key it was told.
pub struct Pinned(String);

impl russh::client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        Ok(key.fingerprint(HashAlg::Sha256).to_string() == self.0)
    }
}

/// Connects by SSH to the host whose key is pinned.
pub async fn ssh(sftp: &SftpReady) -> Handle<Pinned> {
    let pinned = Pinned(sftp.host_key_fingerprint.clone());
    russh::client::connect(Arc::default(), (sftp.host.as_str(), sftp.port), pinned).await.expect("the pinned host answers")
}

/// Logs in with the password of the ready file, or another.
pub async fn by_password(session: &mut Handle<Pinned>, sftp: &SftpReady, password: &str) -> AuthResult {
    session.authenticate_password(&sftp.user, password).await.expect("an answer to the login")
}

/// Logs in with a key.
pub async fn by_key(session: &mut Handle<Pinned>, sftp: &SftpReady, key: &PrivateKey) -> AuthResult {
    let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
    session.authenticate_publickey(&sftp.user, key).await.expect("an answer to the login")
}

/// A logged-in SFTP session; the connection lives as long as the handle.
pub async fn files(sftp: &SftpReady) -> (Handle<Pinned>, SftpSession) {
    let mut session = ssh(sftp).await;
    assert!(by_password(&mut session, sftp, &sftp.password).await.success());
    let files = open_files(&session).await;
    (session, files)
}

/// Opens the SFTP subsystem of a logged-in connection.
pub async fn open_files(session: &Handle<Pinned>) -> SftpSession {
    let channel = session.channel_open_session().await.expect("a channel");
    channel.request_subsystem(true, "sftp").await.expect("the subsystem");
    SftpSession::new(channel.into_stream()).await.expect("a session")
}
