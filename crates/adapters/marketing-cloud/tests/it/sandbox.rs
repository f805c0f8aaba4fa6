//! The adapter against the sandbox's model, in process and in virtual time.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use outflow_domain::{
    FieldType, ImportCounts, ImportId, ImportOrder, ImportStatus, InsertMode, NewColumn, NewDataExtension, NewField, ObjectId, Period,
    Removes, Retention, Route, RowRefusal, Secret, Sendable, SubscriberField, WiderColumn,
};
use outflow_marketing_cloud::{HttpRequest, HttpResponse, HttpTransport, SalesforceCloud, Settings, TransportError, definition_key};
use outflow_ports::{Clock, CloudError, Mark, MarketingCloud, RowFilter, RowQuery, StartError};
use outflow_sandbox::model::{
    self, Config, CountChange, DataExtensionSpec, Door, ENHANCED_FTP, Effect, Fault, FieldSpec, ImportFault, Model, OtherWrite, RestImport,
    Switches, When, Wire,
};

use crate::fake::{FakeClock, NoChance, field_name, key, run};

/// 2026-11-23 10:10:07 UTC.
const NOW: Duration = Duration::from_millis(1_795_428_607_000);

/// The model behind the adapter's transport.
struct ModelTransport {
    model: Arc<Mutex<Model>>,
    clock: Arc<FakeClock>,
}

impl fmt::Debug for ModelTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelTransport")
    }
}

#[async_trait]
impl HttpTransport for ModelTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut target = request.url.path().to_owned();
        if let Some(query) = request.url.query() {
            target = format!("{target}?{query}");
        }
        let mut asked = model::HttpRequest::new(request.method.as_str(), &target, request.body.to_vec());
        asked.headers = request.headers;
        let answer = self.model.lock().unwrap().http(Door::Any, &asked, self.clock.now_ms());
        let interrupted = |message: &str| Err(TransportError::Interrupted { message: message.to_owned() });
        match answer.wire {
            Wire::Whole => {}
            Wire::Delay { millis } => self.clock.pass(Duration::from_millis(millis)),
            Wire::DropBeforeAnswer => return interrupted("the connection was closed"),
            Wire::Truncate { .. } => return interrupted("the answer broke off"),
        }
        Ok(HttpResponse { status: answer.status, headers: answer.headers, body: answer.body.into() })
    }
}

struct Tenant {
    cloud: SalesforceCloud,
    model: Arc<Mutex<Model>>,
    clock: Arc<FakeClock>,
}

fn column(name: &str, field_type: model::FieldType, max_length: Option<u32>) -> FieldSpec {
    FieldSpec { name: Some(name.to_owned()), field_type: Some(field_type), max_length, ..FieldSpec::default() }
}

fn key_column(name: &str) -> FieldSpec {
    FieldSpec { required: Some(true), primary_key: Some(true), ..column(name, model::FieldType::Text, Some(36)) }
}

/// `loyalty`, with a key, an address, an amount and a retention.
fn loyalty() -> DataExtensionSpec {
    DataExtensionSpec {
        key: Some("loyalty".to_owned()),
        name: Some("Loyalty Members".to_owned()),
        retention: Some(model::Retention { row_based: true, length: Some(6), unit: Some(5), ..model::Retention::default() }),
        fields: vec![
            key_column("Id"),
            column("Email", model::FieldType::EmailAddress, Some(254)),
            FieldSpec { scale: Some(2), ..column("Amount", model::FieldType::Decimal, Some(8)) },
        ],
        ..DataExtensionSpec::default()
    }
}

impl Tenant {
    fn new() -> Self {
        Self::with(Switches::default())
    }

    fn with(switches: Switches) -> Self {
        let clock = Arc::new(FakeClock::default());
        clock.pass(NOW);
        let mut model = Model::new(Config { switches, ..Config::default() });
        model.create_data_extension(&loyalty(), clock.now_ms()).unwrap();
        let model = Arc::new(Mutex::new(model));
        let settings = Settings::for_auth_url("sandbox", "http://127.0.0.1/", "sandbox-client", Secret::new("sandbox-secret")).unwrap();
        let transport = ModelTransport { model: Arc::clone(&model), clock: Arc::clone(&clock) };
        let cloud = SalesforceCloud::new(settings, Arc::new(transport), clock.clone(), Arc::new(NoChance(0)));
        Self { cloud, model, clock }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    fn fault(&self, when: When, effect: Effect) {
        self.model().add_fault(Fault { when, effect });
    }

    /// Orders an import of a file with this text.
    fn order(&self, route: Route, insert: InsertMode, name: &str, csv: &str) -> ImportOrder {
        self.model().file_put(ENHANCED_FTP, &format!("Import/{name}"), csv.into(), self.clock.now_ms()).unwrap();
        ImportOrder {
            activation: "loyalty-members".parse().unwrap(),
            route,
            data_extension: key(),
            insert,
            file_location: ENHANCED_FTP.to_owned(),
            file: name.parse().unwrap(),
            fields: ["Id", "Email", "Amount"].map(field_name).to_vec(),
        }
    }

    fn start(&self, order: &ImportOrder) -> Result<ImportId, StartError> {
        run(self.cloud.prepare_import(order, 1)).unwrap();
        run(self.cloud.start_import(order))
    }

    /// Watches an import to its end.
    fn watch(&self, import: &ImportId) -> ImportStatus {
        for _ in 0..100 {
            let status = run(self.cloud.import_status(import)).unwrap();
            if status.has_ended() {
                return status;
            }
            self.clock.pass(Duration::from_secs(1));
        }
        panic!("the import does not end");
    }

    /// The rows as the sandbox holds them.
    fn rows(&self) -> Vec<Vec<String>> {
        let (_, rows) = self.model().rows("loyalty").unwrap();
        rows.into_iter().map(|it| it.values.into_iter().map(Option::unwrap_or_default).collect()).collect()
    }

    fn upsert(&self, id: &str, email: &str) {
        let values = [("Id", id), ("Email", email)].map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
        self.model().upsert_row("loyalty", &BTreeMap::from(values), self.clock.now_ms()).unwrap();
    }

    fn query(&self, filter: RowFilter) -> RowQuery {
        let fields = ["Id", "Email", "Amount"].map(field_name).to_vec();
        RowQuery { data_extension: key(), key_fields: vec![field_name("Id")], fields, filter }
    }

    fn journal(&self, operation: &str) -> usize {
        let model = self.model();
        model.journal().entries().filter(|it| serde_json::to_string(it).unwrap().contains(operation)).count()
    }
}

const CSV: &str = "\"Id\",\"Email\",\"Amount\"\n\"007\",\"ada@example.com\",\"1.50\"\n\"8\",\"bob, \"\"the\"\"@example.com\",\"2\"\n\"9\",\"cy@example.com\",\"\"\n";

fn clean(total: u64) -> ImportStatus {
    ImportStatus::Completed { counts: ImportCounts { total, successful: total, ..ImportCounts::default() } }
}

const TWO: &str = "\"Id\",\"Email\",\"Amount\"\n\"007\",\"ada@example.com\",\"1.50\"\n\"8\",\"bob@example.com\",\"2\"\n";

#[test]
fn a_connection_names_tenant_and_permissions() {
    let connection = run(Tenant::new().cloud.connect()).unwrap();
    assert_eq!(connection.tenant, "loopback/owner");
    assert!(connection.scopes.contains(&"automations_execute".to_owned()));
}

#[test]
fn wrong_credentials_are_told() {
    let tenant = Tenant::new();
    let settings = Settings::for_auth_url("sandbox", "http://127.0.0.1/", "sandbox-client", Secret::new("wrong")).unwrap();
    let transport = ModelTransport { model: tenant.model.clone(), clock: tenant.clock.clone() };
    let cloud = SalesforceCloud::new(settings, Arc::new(transport), tenant.clock.clone(), Arc::new(NoChance(0)));
    assert!(matches!(run(cloud.connect()), Err(CloudError::Credentials { .. })));
}

#[test]
fn a_data_extension_is_described_and_listed() {
    let tenant = Tenant::new();
    let there = run(tenant.cloud.describe(&key())).unwrap().unwrap();
    assert_eq!(there.retention.as_deref(), Some("each row is removed 6 months after it was added"));
    let fields: Vec<(&str, FieldType, bool)> = there.fields.iter().map(|it| (it.name.as_str(), it.field_type, it.is_primary_key)).collect();
    assert_eq!(
        fields,
        [
            ("Id", FieldType::Text { units_max: Some(36) }, true),
            ("Email", FieldType::EmailAddress, false),
            ("Amount", FieldType::Decimal { precision: 8, scale: 2 }, false),
        ]
    );
    assert_eq!(there.id.0, tenant.model().data_extension("loyalty").unwrap().object_id);
    assert_eq!(run(tenant.cloud.list()).unwrap().len(), 1);
    assert_eq!(run(tenant.cloud.describe(&"nothing".parse().unwrap())).unwrap(), None);
}

#[test]
fn columns_are_added_once() {
    let tenant = Tenant::new();
    let types = [
        FieldType::Text { units_max: Some(254) },
        FieldType::Number,
        FieldType::Decimal { precision: 18, scale: 4 },
        FieldType::Date,
        FieldType::Boolean,
        FieldType::EmailAddress,
    ];
    let column =
        |(at, field_type): (usize, &FieldType)| NewColumn { name: field_name(&format!("New {at} & more")), field_type: *field_type };
    let columns: Vec<NewColumn> = types.iter().enumerate().map(column).collect();
    run(tenant.cloud.add_columns(&key(), &columns)).unwrap();
    let there = run(tenant.cloud.describe(&key())).unwrap().unwrap();
    assert_eq!(there.fields[3..].iter().map(|it| it.field_type).collect::<Vec<_>>(), types);
    assert!(there.fields[3..].iter().all(|it| !it.is_required && !it.is_primary_key));
    run(tenant.cloud.add_columns(&key(), &columns)).unwrap();
    assert_eq!(tenant.journal("Update"), 1);
}

fn new_table() -> NewDataExtension {
    let field = |name: &str, field_type: &str, is_primary_key| NewField {
        name: field_name(name),
        field_type: field_type.parse().unwrap(),
        is_primary_key,
    };
    NewDataExtension {
        key: "made".parse().unwrap(),
        name: "Made & new".parse().unwrap(),
        folder: Some("Outflow/Daily".parse().unwrap()),
        sendable: Some(Sendable { field: field_name("Contact"), subscriber: SubscriberField::SubscriberKey }),
        retention: Some(Retention { removes: Removes::EachRow, length: 90, period: Period::Days, restarts_on_import: false }),
        fields: vec![
            field("Shop", "Text(10)", true),
            field("Contact", "Text(254)", true),
            field("Amount", "Decimal(18,4)", false),
            field("Notes", "Text", false),
            field("Email", "EmailAddress", false),
        ],
    }
}

#[test]
fn a_data_extension_is_made_once_with_its_folder() {
    let tenant = Tenant::new();
    for _ in 0..2 {
        run(tenant.cloud.create(&new_table())).unwrap();
    }
    let there = run(tenant.cloud.describe(&"made".parse().unwrap())).unwrap().unwrap();
    assert!(there.is_sendable);
    assert_eq!(there.retention, new_table().retention.map(|it| it.to_string()));
    let fields: Vec<_> = there.fields.iter().map(|it| (it.name.to_string(), it.field_type, it.is_primary_key, it.is_required)).collect();
    let wanted: Vec<_> =
        new_table().fields.into_iter().map(|it| (it.name.to_string(), it.field_type, it.is_primary_key, it.is_primary_key)).collect();
    assert_eq!(fields, wanted);
    // One data extension and two folders: nothing was made twice, and the second one of the path is in the first.
    assert_eq!(tenant.journal("Create"), 3);
    let other = NewDataExtension { key: "other".parse().unwrap(), name: "Other".parse().unwrap(), ..new_table() };
    run(tenant.cloud.create(&NewDataExtension { folder: Some("OUTFLOW/daily".parse().unwrap()), ..other })).unwrap();
    assert_eq!(tenant.journal("Create"), 4, "folders are found again without regard to case");
    let model = tenant.model();
    let folder = |key: &str| model.data_extension(key).unwrap().category_id;
    assert_eq!(folder("made"), folder("other"));
}

#[test]
fn a_data_extension_whose_answer_was_lost_is_there_all_the_same() {
    let tenant = Tenant::new();
    tenant.fault(When { method: Some("Create".to_owned()), times: Some(3), ..When::default() }, Effect::LoseAnswer);
    run(tenant.cloud.create(&new_table())).unwrap();
    assert_eq!(run(tenant.cloud.list()).unwrap().len(), 2);
}

#[test]
fn a_name_that_is_taken_is_refused_with_the_reason() {
    let tenant = Tenant::new();
    let taken = run(tenant.cloud.list()).unwrap().pop().unwrap().name;
    let error = run(tenant.cloud.create(&NewDataExtension { name: taken.parse().unwrap(), ..new_table() })).unwrap_err();
    assert!(
        matches!(&error, CloudError::Refused { code, message, .. } if code == "310007" && message.contains("already exists")),
        "{error}"
    );
}

#[test]
fn retention_and_relations_of_every_kind_are_taken() {
    let tenant = Tenant::new();
    for (at, removes) in [Removes::EachRow, Removes::AllRows, Removes::DataExtension].into_iter().enumerate() {
        let retention = Retention { removes, length: 2, period: Period::Years, restarts_on_import: removes == Removes::AllRows };
        let (key, name) = (format!("made-{at}").parse().unwrap(), format!("Made {at}").parse().unwrap());
        let sendable = Some(Sendable { field: field_name("Amount"), subscriber: SubscriberField::SubscriberId });
        run(tenant.cloud.create(&NewDataExtension { key, name, sendable, retention: Some(retention), ..new_table() })).unwrap();
        let there = run(tenant.cloud.describe(&format!("made-{at}").parse().unwrap())).unwrap().unwrap();
        assert_eq!(there.retention, Some(retention.to_string()));
    }
}

#[test]
fn text_columns_are_made_longer_once() {
    let tenant = Tenant::new();
    run(tenant.cloud.create(&new_table())).unwrap();
    let made = "made".parse().unwrap();
    let wider = [WiderColumn { name: field_name("Shop"), from: 10, to: 50 }];
    for _ in 0..2 {
        run(tenant.cloud.widen_columns(&made, &wider)).unwrap();
    }
    let there = run(tenant.cloud.describe(&made)).unwrap().unwrap();
    assert_eq!(there.fields[0].field_type, FieldType::Text { units_max: Some(50) });
    assert!(there.fields[0].is_required && there.fields[0].is_primary_key);
    assert_eq!(tenant.journal("Update"), 1);
}

#[test]
fn columns_whose_answer_was_lost_are_there_all_the_same() {
    let tenant = Tenant::new();
    tenant.fault(When { method: Some("Update".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer);
    let columns = [NewColumn { name: field_name("Notes"), field_type: FieldType::Text { units_max: Some(50) } }];
    run(tenant.cloud.add_columns(&key(), &columns)).unwrap();
    assert_eq!(run(tenant.cloud.describe(&key())).unwrap().unwrap().fields.len(), 4);
}

#[test]
fn both_roads_import_a_file() {
    for route in [Route::Rest, Route::Soap] {
        let tenant = Tenant::new();
        let import = tenant.start(&tenant.order(route, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
        assert_eq!(import.route, route);
        assert_eq!(tenant.watch(&import), clean(2), "{route:?}");
        assert_eq!(tenant.rows(), [["007", "ada@example.com", "1.50"], ["8", "bob@example.com", "2.00"]]);
    }
}

#[test]
fn a_fresh_import_is_queued_and_then_runs() {
    for route in [Route::Rest, Route::Soap] {
        let tenant = Tenant::with(Switches { import_new_ms: 5000, import_processing_ms: 5000, ..Switches::default() });
        let import = tenant.start(&tenant.order(route, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
        assert_eq!(run(tenant.cloud.import_status(&import)).unwrap(), ImportStatus::Queued);
        tenant.clock.pass(Duration::from_secs(6));
        run(tenant.cloud.import_status(&import)).unwrap();
        let status = run(tenant.cloud.import_status(&import)).unwrap();
        assert!(matches!(status, ImportStatus::Running { .. }), "{route:?}: {status:?}");
        assert_eq!(tenant.watch(&import), clean(2));
    }
}

#[test]
fn an_update_leaves_unknown_rows_out() {
    for route in [Route::Rest, Route::Soap] {
        let tenant = Tenant::new();
        tenant.upsert("8", "old@example.com");
        let import = tenant.start(&tenant.order(route, InsertMode::UpdateOnly, "part_1.csv", TWO)).unwrap();
        assert!(matches!(tenant.watch(&import), ImportStatus::Completed { .. }));
        assert_eq!(tenant.rows(), [["8", "bob@example.com", "2.00"]]);
    }
}

#[test]
fn the_definition_is_reused_and_names_the_newest_file() {
    let tenant = Tenant::new();
    for (name, email) in [("part_1.csv", "a@example.com"), ("part_2.csv", "b@example.com")] {
        let csv = format!("\"Id\",\"Email\",\"Amount\"\n\"1\",\"{email}\",\"\"\n");
        let import = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, name, &csv)).unwrap();
        assert_eq!(tenant.watch(&import), clean(1));
        assert_eq!(tenant.rows()[0][1], email);
    }
    assert_eq!(tenant.journal("\"Create\""), 1);
}

#[test]
fn rest_tells_refused_rows_with_their_fields() {
    let tenant = Tenant::new();
    let import = tenant.start(&tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", CSV)).unwrap();
    let counts = ImportCounts { total: 3, successful: 2, errors: 1, ..ImportCounts::default() };
    assert_eq!(tenant.watch(&import), ImportStatus::Completed { counts });
    let list = run(tenant.cloud.refusals(&import)).unwrap().unwrap();
    let refused = RowRefusal { row: 2, code: "InvalidEmailAddress".to_owned(), field: Some(field_name("Email")) };
    assert_eq!((list.rows, list.by_code), (vec![refused], vec![("InvalidEmailAddress".to_owned(), 1)]));
}

#[test]
fn thousands_of_refused_rows_come_in_pages() {
    let tenant = Tenant::new();
    let rows: String = (0..6000).map(|it| format!("\"{it}\",\"nobody\",\"\"\n")).collect();
    let csv = format!("\"Id\",\"Email\",\"Amount\"\n{rows}");
    let import = tenant.start(&tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", &csv)).unwrap();
    tenant.watch(&import);
    let list = run(tenant.cloud.refusals(&import)).unwrap().unwrap();
    assert_eq!(list.rows.iter().map(|it| it.row).collect::<Vec<_>>(), (1..=6000).collect::<Vec<_>>());
}

#[test]
fn soap_tells_counts_only() {
    let tenant = Tenant::new();
    let import = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", CSV)).unwrap();
    let counts = ImportCounts { total: 3, successful: 2, errors: 1, ..ImportCounts::default() };
    assert_eq!(tenant.watch(&import), ImportStatus::Completed { counts });
    assert_eq!(run(tenant.cloud.refusals(&import)).unwrap(), None);
}

#[test]
fn a_lost_start_by_soap_is_found_again() {
    let tenant = Tenant::new();
    let activation = "loyalty-members".parse().unwrap();
    let first = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
    tenant.watch(&first);
    let newest = run(tenant.cloud.newest_import(&activation, Route::Soap)).unwrap().unwrap();
    assert_eq!(newest, first);
    tenant.fault(When { method: Some("Perform".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer);
    let lost = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_2.csv", TWO)).unwrap_err();
    assert!(matches!(lost, StartError::Lost { .. }), "{lost:?}");
    tenant.clock.pass(Duration::from_secs(5));
    // The first question after a start may show nothing.
    run(tenant.cloud.imports_since(&activation, Route::Soap, Some(&newest.id))).unwrap();
    let since = run(tenant.cloud.imports_since(&activation, Route::Soap, Some(&newest.id))).unwrap();
    assert_eq!(since.len(), 1);
    assert_eq!(since[0].1, clean(2));
    assert_eq!(tenant.journal("Perform"), 2);
}

#[test]
fn a_start_by_somebody_else_is_seen_too() {
    let tenant = Tenant::with(Switches { empty_polls: 0, ..Switches::default() });
    let order = tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO);
    let ours = tenant.start(&order).unwrap();
    tenant.watch(&ours);
    let foreign = OtherWrite::StartDefinition { definition: definition_key(&order.activation) };
    tenant.model().other_write(&foreign, tenant.clock.now_ms()).unwrap();
    let since = run(tenant.cloud.imports_since(&order.activation, Route::Soap, Some(&ours.id))).unwrap();
    assert_eq!(since.len(), 1);
}

#[test]
fn a_lost_start_by_rest_is_lost_and_sent_once() {
    let tenant = Tenant::new();
    tenant.fault(When { path: Some("async/import".to_owned()), times: Some(1), ..When::default() }, Effect::LoseAnswer);
    let lost = tenant.start(&tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap_err();
    assert!(matches!(lost, StartError::Lost { .. }), "{lost:?}");
    assert_eq!(tenant.model().imports().len(), 1);
}

#[test]
fn a_tenant_without_the_rest_import_closes_that_road() {
    for rest_import in [RestImport::Forbidden, RestImport::Missing, RestImport::Flat] {
        let tenant = Tenant::with(Switches { rest_import, ..Switches::default() });
        let refused = tenant.start(&tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap_err();
        assert!(matches!(refused, StartError::NotStarted { road_is_closed: true, .. }), "{rest_import:?}: {refused:?}");
        assert!(tenant.model().imports().is_empty());
    }
}

#[test]
fn an_unknown_file_location_leaves_the_road_open() {
    let tenant = Tenant::new();
    let order = tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", TWO);
    let refused = tenant.start(&ImportOrder { file_location: "nowhere".to_owned(), ..order }).unwrap_err();
    assert!(matches!(refused, StartError::NotStarted { road_is_closed: false, .. }), "{refused:?}");
}

#[test]
fn a_package_without_automations_has_the_soap_road_only() {
    let withheld = vec!["automations_execute".to_owned()];
    let tenant = Tenant::with(Switches { scopes_withheld: withheld, ..Switches::default() });
    assert_eq!(run(tenant.cloud.routes()).unwrap(), [Route::Soap]);
    let refused = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap_err();
    assert!(matches!(refused, StartError::NotStarted { road_is_closed: true, source: CloudError::Forbidden { .. } }), "{refused:?}");
    assert_eq!(run(Tenant::new().cloud.routes()).unwrap(), [Route::Rest, Route::Soap]);
}

#[test]
fn a_missing_file_fails_the_import() {
    for route in [Route::Rest, Route::Soap] {
        let tenant = Tenant::new();
        let order = tenant.order(route, InsertMode::InsertAndUpdate, "part_1.csv", TWO);
        let order = ImportOrder { file: "part_2.csv".parse().unwrap(), ..order };
        let import = tenant.start(&order).unwrap();
        assert!(matches!(tenant.watch(&import), ImportStatus::Failed { .. }));
        assert!(tenant.rows().is_empty());
    }
}

#[test]
fn an_import_that_stops_halfway_fails_with_its_counts() {
    let tenant = Tenant::new();
    tenant.fault(When::default(), Effect::Import { fault: ImportFault::StopAfterRows { rows: 1 } });
    let import = tenant.start(&tenant.order(Route::Rest, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
    let ImportStatus::Failed { counts, code } = tenant.watch(&import) else { panic!("it should fail") };
    assert_eq!((counts.total, counts.successful, code.as_str()), (1, 1, "Error"));
}

#[test]
fn of_two_result_rows_and_of_counts_that_move_the_latest_are_told() {
    let tenant = Tenant::with(Switches { two_result_rows: true, ..Switches::default() });
    let change = CountChange { errors: 1, successful: -1, ..CountChange::default() };
    tenant.fault(When::default(), Effect::Import { fault: ImportFault::ChangeCounts { after_polls: 8, change } });
    let import = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
    assert_eq!(tenant.watch(&import), clean(2));
    let seen: Vec<ImportStatus> = (0..10).map(|_| run(tenant.cloud.import_status(&import)).unwrap()).collect();
    let moved = ImportCounts { total: 2, successful: 1, errors: 1, ..ImportCounts::default() };
    assert_eq!(seen.last(), Some(&ImportStatus::Completed { counts: moved }));
}

#[test]
fn throttling_passes_on_every_door() {
    let tenant = Tenant::new();
    for door in ["auth", "soap", "rest"] {
        let when = When { door: Some(door.to_owned()), times: Some(2), ..When::default() };
        tenant.fault(when, Effect::Throttle { retry_after_s: 5 });
    }
    assert!(run(tenant.cloud.describe(&key())).unwrap().is_some());
    assert_eq!(run(tenant.cloud.row_count(&key())).unwrap(), 0);
    assert_eq!(tenant.clock.slept().len(), 6);
}

#[test]
fn lost_and_broken_answers_are_asked_for_again() {
    for effect in [Effect::LoseAnswer, Effect::DropUnread, Effect::Truncate { bytes: 40 }, Effect::Delay { millis: 9000 }] {
        let tenant = Tenant::new();
        tenant.fault(When { door: Some("soap".to_owned()), times: Some(2), ..When::default() }, effect);
        assert!(run(tenant.cloud.describe(&key())).unwrap().is_some());
    }
}

#[test]
fn an_expired_token_is_renewed_in_the_middle_of_anything() {
    let tenant = Tenant::new();
    tenant.upsert("1", "a@example.com");
    for _ in 0..2 {
        tenant.model().expire_tokens();
        assert!(run(tenant.cloud.describe(&key())).unwrap().is_some());
        tenant.model().expire_tokens();
        assert_eq!(run(tenant.cloud.row_count(&key())).unwrap(), 1);
    }
    assert_eq!(tenant.journal("\"auth\""), 4);
}

#[test]
fn an_expired_token_never_starts_an_import_twice() {
    for route in [Route::Rest, Route::Soap] {
        let tenant = Tenant::new();
        let order = tenant.order(route, InsertMode::InsertAndUpdate, "part_1.csv", TWO);
        run(tenant.cloud.prepare_import(&order, 1)).unwrap();
        run(tenant.cloud.connect()).unwrap();
        tenant.model().expire_tokens();
        let first = run(tenant.cloud.start_import(&order)).unwrap_err();
        assert!(matches!(first, StartError::NotStarted { road_is_closed: false, .. }), "{first:?}");
        let import = run(tenant.cloud.start_import(&order)).unwrap();
        assert_eq!(tenant.watch(&import), clean(2));
        assert_eq!(tenant.model().imports().len(), 1);
    }
}

#[test]
fn rows_are_read_page_by_page() {
    let tenant = Tenant::with(Switches { page_rows_max: 3, ..Switches::default() });
    (0..8).for_each(|it| tenant.upsert(&format!("{it}"), &format!("{it}@example.com")));
    let (mut ids, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = run(tenant.cloud.read_rows(&tenant.query(RowFilter::All), from.as_deref())).unwrap();
        ids.extend(page.rows.into_iter().map(|it| it[0].clone().unwrap()));
        pages += 1;
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!((ids.join(" ").as_str(), pages), ("0 1 2 3 4 5 6 7", 3));
}

#[test]
fn rows_are_read_by_key_and_absent_ones_left_out() {
    let tenant = Tenant::new();
    let odd = "a<b>&\"c' \r\n😀";
    ["007", "8", odd].into_iter().for_each(|it| tenant.upsert(it, "a@example.com"));
    let keys = ["007", "nobody", odd].map(|it| vec![it.to_owned()]).to_vec();
    let page = run(tenant.cloud.read_rows(&tenant.query(RowFilter::Keys(keys)), None)).unwrap();
    let mut ids: Vec<&str> = page.rows.iter().filter_map(|it| it[0].as_deref()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["007", odd]);
    assert_eq!(page.rows[0][1].as_deref(), Some("a@example.com"));
}

#[test]
fn rows_are_read_by_composite_keys() {
    let tenant = Tenant::new();
    let spec = DataExtensionSpec {
        key: Some("visits".to_owned()),
        name: Some("Visits".to_owned()),
        fields: vec![key_column("Shop"), key_column("Id"), column("Note", model::FieldType::Text, None)],
        ..DataExtensionSpec::default()
    };
    tenant.model().create_data_extension(&spec, tenant.clock.now_ms()).unwrap();
    for shop in 0..20 {
        for id in 0..20 {
            let values = [("Shop", shop), ("Id", id)].map(|(name, value)| (name.to_owned(), Some(value.to_string())));
            tenant.model().upsert_row("visits", &BTreeMap::from(values), tenant.clock.now_ms()).unwrap();
        }
    }
    let wanted: Vec<Vec<String>> = (0..25).map(|it| vec![it.to_string(), (it * 7 % 25).to_string()]).collect();
    let names = ["Shop", "Id"].map(field_name).to_vec();
    let query = RowQuery {
        data_extension: "visits".parse().unwrap(),
        key_fields: names.clone(),
        fields: names,
        filter: RowFilter::Keys(wanted.clone()),
    };
    let page = run(tenant.cloud.read_rows(&query, None)).unwrap();
    let found: std::collections::BTreeSet<Vec<String>> = page.rows.into_iter().map(|it| it.into_iter().flatten().collect()).collect();
    let there = wanted.into_iter().filter(|it| it.iter().all(|text| text.parse::<u32>().unwrap() < 20)).collect();
    assert_eq!(found, there);
}

#[test]
fn where_rows_may_not_be_read_that_is_said() {
    let tenant = Tenant::with(Switches { row_reading_refused: true, ..Switches::default() });
    let error = run(tenant.cloud.read_rows(&tenant.query(RowFilter::All), None)).unwrap_err();
    assert!(matches!(error, CloudError::Forbidden { .. }), "{error:?}");
    assert!(matches!(run(tenant.cloud.row_count(&key())), Err(CloudError::Forbidden { .. })));
}

#[test]
fn file_locations_are_found() {
    let tenant = Tenant::new();
    assert_eq!(run(tenant.cloud.has_file_location(ENHANCED_FTP)).unwrap(), Some(true));
    assert_eq!(run(tenant.cloud.has_file_location("sandbox_s3")).unwrap(), Some(true));
    assert_eq!(run(tenant.cloud.has_file_location("nowhere")).unwrap(), Some(false));
    let blind = Tenant::with(Switches { scopes_withheld: vec!["file_locations_read".to_owned()], ..Switches::default() });
    assert_eq!(run(blind.cloud.has_file_location(ENHANCED_FTP)).unwrap(), None);
}

#[test]
fn a_re_created_data_extension_is_filled_by_the_old_definition() {
    let tenant = Tenant::new();
    let import = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO)).unwrap();
    tenant.watch(&import);
    tenant.model().recreate_data_extension("loyalty", tenant.clock.now_ms()).unwrap();
    let import = tenant.start(&tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_2.csv", TWO)).unwrap();
    assert_eq!(tenant.watch(&import), clean(2));
    assert_eq!(tenant.rows().len(), 2);
}

#[test]
fn the_highest_generation_stays_with_the_definition_and_its_data_extension() {
    let tenant = Tenant::new();
    let order = tenant.order(Route::Soap, InsertMode::InsertAndUpdate, "part_1.csv", TWO);
    let id = run(tenant.cloud.describe(&key())).unwrap().unwrap().id;
    let marked = |id: &ObjectId, route| run(tenant.cloud.generation(&order.activation, id, route)).unwrap();
    assert_eq!(marked(&id, Route::Soap), Mark::None, "there is no definition yet");
    for (generation, left) in [(5, 5), (3, 5), (6, 6)] {
        run(tenant.cloud.prepare_import(&order, generation)).unwrap();
        assert_eq!(marked(&id, Route::Soap), Mark::Generation(left));
    }
    assert_eq!(marked(&ObjectId("another".to_owned()), Route::Soap), Mark::None);
    assert_eq!(marked(&id, Route::Rest), Mark::None);
}
