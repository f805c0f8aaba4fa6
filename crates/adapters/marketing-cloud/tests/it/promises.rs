//! The promises of the port, kept over real sockets by the sandbox's doors.

use std::sync::Arc;

use async_trait::async_trait;
use outflow_domain::{FileName, Route, Secret};
use outflow_marketing_cloud::{ReqwestTransport, SalesforceCloud, Settings, TransportOptions};
use outflow_ports::{
    MarketingCloud,
    promises::marketing_cloud::{Mishap, PEOPLE, Practice, VISITS, keeps_its_promises},
};
use outflow_sandbox::{
    Options, Running, Sandbox,
    model::{DataExtensionSpec, ENHANCED_FTP, Effect, Fault, FieldSpec, FieldType, Model, RestImport, Switches, When},
};

use crate::fake::{FakeClock, NoChance};

/// The adapter at a sandbox, over HTTP. The adapter's clock is a fake one, so that it need not wait between two attempts.
#[derive(Debug)]
struct AtTheSandbox {
    sandbox: Running,
    cloud: SalesforceCloud,
}

fn connect(sandbox: &Running, secret: &str) -> SalesforceCloud {
    let ready = &sandbox.ready;
    let settings = Settings::for_auth_url("sandbox", &ready.auth_url, ready.client_id.as_str(), Secret::new(secret)).unwrap();
    let transport = ReqwestTransport::new(&TransportOptions::default()).unwrap();
    SalesforceCloud::new(settings, Arc::new(transport), Arc::new(FakeClock::default()), Arc::new(NoChance(0)))
}

fn field(name: &str, field_type: FieldType, max_length: Option<u32>, is_key: bool) -> FieldSpec {
    FieldSpec {
        name: Some(name.to_owned()),
        field_type: Some(field_type),
        max_length,
        required: Some(is_key),
        primary_key: Some(is_key),
        ..FieldSpec::default()
    }
}

fn data_extension(key: &str, fields: Vec<FieldSpec>) -> DataExtensionSpec {
    DataExtensionSpec { key: Some(key.to_owned()), name: Some(format!("{key} by name")), fields, ..DataExtensionSpec::default() }
}

impl AtTheSandbox {
    async fn open() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let cloud = connect(&sandbox, &sandbox.ready.client_secret);
        let practice = Self { sandbox, cloud };
        practice.model(|model| model.set_switches(Switches::instant())).await;
        let people = [
            field("Id", FieldType::Text, Some(36), true),
            field("Email", FieldType::EmailAddress, None, false),
            field("Points", FieldType::Number, None, false),
        ];
        let visits = [
            field("Shop", FieldType::Text, Some(36), true),
            field("Id", FieldType::Text, Some(36), true),
            field("Note", FieldType::Text, None, false),
        ];
        for spec in [data_extension(PEOPLE, people.to_vec()), data_extension(VISITS, visits.to_vec())] {
            practice.sandbox.model(move |model, now| model.create_data_extension(&spec, now)).await.unwrap();
        }
        practice
    }

    async fn model(&self, call: impl FnOnce(&mut Model) + Send + 'static) {
        self.sandbox.model(|model, _| call(model)).await;
    }

    async fn fault(&self, when: When, effect: Effect) {
        self.sandbox.model(|model, _| model.add_fault(Fault { when, effect })).await;
    }
}

#[async_trait]
impl Practice for AtTheSandbox {
    fn cloud(&self) -> &dyn MarketingCloud {
        &self.cloud
    }

    fn with_wrong_secret(&self) -> Box<dyn MarketingCloud> {
        Box::new(connect(&self.sandbox, "not the secret"))
    }

    fn file_location(&self) -> String {
        ENHANCED_FTP.to_owned()
    }

    async fn put(&self, name: &FileName, text: &str) {
        let (path, text) = (format!("Import/{name}"), text.to_owned());
        self.sandbox.model(move |model, now| model.file_put(ENHANCED_FTP, &path, text.into(), now)).await.unwrap();
    }

    async fn wait(&self) {
        // The sandbox is told to be quick; a look at it is time enough.
        self.model(|_| ()).await;
    }

    async fn suffer(&self, mishap: Mishap) {
        match mishap {
            Mishap::StartUnanswered(Route::Rest) => {
                self.fault(When { path: Some("async/import".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer).await;
            }
            Mishap::StartUnanswered(Route::Soap) => {
                self.fault(When { method: Some("Perform".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer).await;
            }
            Mishap::Silence => self.fault(When::default(), Effect::DropUnread).await,
            Mishap::RowsUnreadable => self.model(|it| it.change_switches(|it| it.row_reading_refused = true)).await,
            Mishap::NoRestImport => self.model(|it| it.change_switches(|it| it.rest_import = RestImport::Missing)).await,
        }
    }

    async fn recover(&self) {
        self.model(|model| {
            model.clear_faults();
            model.set_switches(Switches::instant());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_keeps_the_promises_of_its_port() {
    keeps_its_promises(&AtTheSandbox::open().await).await;
}
