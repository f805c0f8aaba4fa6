//! The cloud of the worlds, which keeps the promises of the real one.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use outflow_domain::{FileName, Route, Secret};
use outflow_marketing_cloud::{SalesforceCloud, Settings};
use outflow_ports::{
    MarketingCloud,
    promises::marketing_cloud::{Mishap, PEOPLE, Practice, VISITS},
};
use outflow_sandbox::model::{
    Config, DataExtensionSpec, ENHANCED_FTP, Effect, Fault, FieldSpec, FieldType, Model, RestImport, Switches, When,
};
use outflow_testkit::simulated::{Fuse, SimulatedClock, SimulatedEntropy, SimulatedTransport};

/// 2026-11-23 04:00 UTC, when worlds begin.
const BEGINNING_MS: i64 = 1_795_406_400_000;

/// The simulated cloud with the data extensions of the suite.
#[derive(Debug)]
pub struct SimulatedTenant {
    model: Arc<Mutex<Model>>,
    clock: SimulatedClock,
    cloud: SalesforceCloud,
    switches: Switches,
}

fn connect(model: &Arc<Mutex<Model>>, clock: &SimulatedClock, secret: &str) -> SalesforceCloud {
    let settings = Settings::for_auth_url("simulated", "http://127.0.0.1/", "sandbox-client", Secret::new(secret)).expect("settings");
    let transport = SimulatedTransport::new(Arc::clone(model), clock.clone(), Fuse::default());
    SalesforceCloud::new(settings, Arc::new(transport), Arc::new(clock.clone()), Arc::new(SimulatedEntropy::new(1)))
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

impl SimulatedTenant {
    /// A tenant as these switches have it.
    pub fn with(switches: Switches) -> Self {
        let clock = SimulatedClock::new(BEGINNING_MS, Fuse::default());
        let mut model = Model::new(Config { switches: switches.clone(), ..Config::default() });
        let people = vec![
            field("Id", FieldType::Text, Some(36), true),
            field("Email", FieldType::EmailAddress, None, false),
            field("Points", FieldType::Number, None, false),
        ];
        let visits = vec![
            field("Shop", FieldType::Text, Some(36), true),
            field("Id", FieldType::Text, Some(36), true),
            field("Note", FieldType::Text, None, false),
        ];
        for (key, fields) in [(PEOPLE, people), (VISITS, visits)] {
            let spec = DataExtensionSpec { key: Some(key.to_owned()), name: Some(key.to_owned()), fields, ..DataExtensionSpec::default() };
            model.create_data_extension(&spec, BEGINNING_MS).expect("a data extension as the service takes it");
        }
        let model = Arc::new(Mutex::new(model));
        let cloud = connect(&model, &clock, "sandbox-secret");
        Self { model, clock, cloud, switches }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().expect("no call has panicked")
    }

    fn fault(&self, when: When, effect: Effect) {
        self.model().add_fault(Fault { when, effect });
    }
}

#[async_trait]
impl Practice for SimulatedTenant {
    fn cloud(&self) -> &dyn MarketingCloud {
        &self.cloud
    }

    fn with_wrong_secret(&self) -> Box<dyn MarketingCloud> {
        Box::new(connect(&self.model, &self.clock, "not the secret"))
    }

    fn file_location(&self) -> String {
        ENHANCED_FTP.to_owned()
    }

    async fn put(&self, name: &FileName, text: &str) {
        self.model().file_put(ENHANCED_FTP, &format!("Import/{name}"), text.into(), self.clock.read()).expect("room for a file");
    }

    async fn wait(&self) {
        self.clock.pass(200);
    }

    async fn suffer(&self, mishap: Mishap) {
        match mishap {
            Mishap::StartUnanswered(Route::Rest) => {
                self.fault(When { path: Some("async/import".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer);
            }
            Mishap::StartUnanswered(Route::Soap) => {
                self.fault(When { method: Some("Perform".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer);
            }
            Mishap::Silence => self.fault(When::default(), Effect::DropUnread),
            Mishap::RowsUnreadable => self.model().change_switches(|it| it.row_reading_refused = true),
            Mishap::NoRestImport => self.model().change_switches(|it| it.rest_import = RestImport::Missing),
        }
    }

    async fn recover(&self) {
        let mut model = self.model();
        model.clear_faults();
        model.set_switches(self.switches.clone());
    }
}
