//! The whole adapter against a running sandbox, over real sockets and in real time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use outflow_domain::{ImportCounts, ImportId, ImportStatus, Route, Secret};
use outflow_marketing_cloud::{HttpRequest, HttpTransport, Method, ReqwestTransport, SalesforceCloud, Settings, TransportOptions};
use outflow_ports::{Clock, MarketingCloud, RowFilter, RowQuery, StartError};
use outflow_sandbox::{
    Options, Running, Sandbox,
    doors::ProxyOptions,
    model::{DataExtensionSpec, ENHANCED_FTP, Effect, Fault, FieldSpec, FieldType, When},
};
use tokio::time::Instant;

use crate::fake::{NoChance, field_name, key, order};

/// Time since the test began, and real sleeps.
#[derive(Debug)]
struct RealClock(Instant);

#[async_trait]
impl Clock for RealClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

async fn sandbox() -> (Running, SalesforceCloud) {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let column = |name: &str, is_key| FieldSpec {
        name: Some(name.to_owned()),
        field_type: Some(FieldType::Text),
        max_length: Some(100),
        required: Some(is_key),
        primary_key: Some(is_key),
        ..FieldSpec::default()
    };
    let fields = vec![column("Id", true), column("Email", false)];
    let spec =
        DataExtensionSpec { key: Some("loyalty".to_owned()), name: Some("Loyalty".to_owned()), fields, ..DataExtensionSpec::default() };
    sandbox.model(move |model, now_ms| model.create_data_extension(&spec, now_ms).unwrap()).await;
    let ready = &sandbox.ready;
    let settings = Settings::for_auth_url("sandbox", &ready.auth_url, &ready.client_id, Secret::new(&ready.client_secret)).unwrap();
    let settings = settings.with_account(Some(ready.account_id.parse().unwrap()));
    let transport = ReqwestTransport::new(&TransportOptions::default()).unwrap();
    let clock = RealClock(Instant::now());
    let cloud = SalesforceCloud::new(settings, Arc::new(transport), Arc::new(clock), Arc::new(NoChance(7)));
    (sandbox, cloud)
}

async fn put_file(sandbox: &Running) {
    let path = format!("Import/{}", order(Route::Rest).file);
    let csv = "\"Id\",\"Email\"\n\"007\",\"ada@example.com\"\n\"8\",\"a \"\"b\"\",\r\n😀\"\n";
    sandbox.model(move |model, now_ms| model.file_put(ENHANCED_FTP, &path, csv.into(), now_ms).unwrap()).await;
}

async fn watch(cloud: &SalesforceCloud, import: &ImportId) -> ImportStatus {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = cloud.import_status(import).await.unwrap();
        if status.has_ended() {
            return status;
        }
        assert!(Instant::now() < deadline, "the import does not end: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn both_roads_lead_from_login_to_rows_read_back() {
    let (sandbox, cloud) = sandbox().await;
    let connection = cloud.connect().await.unwrap();
    assert_eq!(connection.tenant, format!("loopback/{}", sandbox.ready.account_id));
    for route in cloud.routes().await.unwrap() {
        put_file(&sandbox).await;
        let order = order(route);
        cloud.prepare_import(&order, 1).await.unwrap();
        let import = cloud.start_import(&order).await.unwrap();
        let counts = ImportCounts { total: 2, successful: 2, ..ImportCounts::default() };
        assert_eq!(watch(&cloud, &import).await, ImportStatus::Completed { counts }, "{route:?}");
        assert_eq!(cloud.row_count(&key()).await.unwrap(), 2);
        let keys = ["007", "8", "9"].map(|it| vec![it.to_owned()]).to_vec();
        let fields = ["Id", "Email"].map(field_name).to_vec();
        let query = RowQuery { data_extension: key(), key_fields: vec![field_name("Id")], fields, filter: RowFilter::Keys(keys) };
        let mut rows = cloud.read_rows(&query, None).await.unwrap().rows;
        rows.sort();
        let texts = [["007", "ada@example.com"], ["8", "a \"b\",\r\n😀"]];
        assert_eq!(rows, texts.map(|it| it.map(|it| Some(it.to_owned())).to_vec()));
        sandbox.model(|model, _| model.clear_rows("loyalty").unwrap()).await;
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_answer_is_asked_for_again_and_a_dropped_start_is_lost() {
    let (sandbox, cloud) = sandbox().await;
    let fault = |when: When, effect: Effect| sandbox.model(move |model, _| model.add_fault(Fault { when, effect }));
    for effect in [Effect::LoseAnswer, Effect::Truncate { bytes: 99 }] {
        fault(When { door: Some("soap".to_owned()), times: Some(1), ..When::default() }, effect).await;
        assert!(cloud.describe(&key()).await.unwrap().is_some());
    }
    put_file(&sandbox).await;
    for route in [Route::Rest, Route::Soap] {
        let order = order(route);
        cloud.prepare_import(&order, 1).await.unwrap();
        let (door, method) = if route == Route::Rest { ("rest", "POST") } else { ("soap", "Perform") };
        let when = When { door: Some(door.to_owned()), method: Some(method.to_owned()), times: Some(1), ..When::default() };
        fault(when, Effect::LoseAnswer).await;
        let lost = cloud.start_import(&order).await.unwrap_err();
        assert!(matches!(lost, StartError::Lost { .. }), "{route:?}: {lost:?}");
    }
    assert_eq!(sandbox.model(|model, _| model.imports().len()).await, 2);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_proxy_and_its_authority_lead_to_the_services_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Some(ProxyOptions::beside(&folder.path().join("ready.json")));
    let sandbox = Sandbox::start(Options { proxy, ..Options::default() }).await.unwrap();
    let request = || HttpRequest {
        method: Method::Post,
        url: "https://mc0.auth.marketingcloudapis.com/v2/token".parse().unwrap(),
        headers: Vec::new(),
        body: "{}".into(),
        timeout: Duration::from_secs(20),
    };
    let options = TransportOptions {
        extra_ca_file: sandbox.ready.ca_file.clone(),
        proxy: sandbox.ready.proxy_url.as_ref().map(|it| it.parse().unwrap()),
        ..TransportOptions::default()
    };
    let answer = ReqwestTransport::new(&options).unwrap().send(request()).await.unwrap();
    assert_eq!(answer.status, 400, "the sandbox wants a grant type");
    let without_authority = TransportOptions { extra_ca_file: None, ..options.clone() };
    let refused = ReqwestTransport::new(&without_authority).unwrap().send(request()).await.unwrap_err();
    assert!(refused.to_string().contains("the certificate of `mc0.auth.marketingcloudapis.com` does not verify"), "{refused}");
    // Who goes past the proxy asks for an address, which no name of this kind has.
    let elsewhere = || HttpRequest { url: "https://tenant.invalid/v2/token".parse().unwrap(), ..request() };
    let refused = ReqwestTransport::new(&options).unwrap().send(elsewhere()).await.unwrap_err();
    assert!(refused.to_string().contains("tunnel"), "{refused}");
    let direct = TransportOptions { no_proxy: Some("example.com,invalid".to_owned()), ..options };
    let refused = ReqwestTransport::new(&direct).unwrap().send(elsewhere()).await.unwrap_err();
    assert!(refused.to_string().contains("dns error"), "{refused}");
    sandbox.stop().await.unwrap();
}
