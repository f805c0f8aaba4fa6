//! What good projects mean.

use std::path::{Path, PathBuf};

use outflow_domain::{
    CreateWish, EmptySource, FieldName, FieldWish, Flag, Guards, ImportRoute, InsertMode, Limit, Name, NewColumn, OnExit, Period, Removes,
    Retention, Sendable, SubscriberField, TableWish, WhenNull,
};
use outflow_project::{FileFormat, FileLocation, FileRoute, Overlap, Postgres, Project, ServerIdentity, Source, TlsMode, parse_text};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/good/whole")
}

fn project() -> Project {
    Project::load(&folder(), &crate::env)
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<String>()))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn field(text: &str) -> FieldName {
    text.parse().unwrap()
}

fn postgres(source: &str) -> Postgres {
    match &project().sources[&name(source)] {
        Source::Postgres(it) => it.clone(),
        other => panic!("{other:?}"),
    }
}

fn sql_of(activation: &str) -> String {
    let project = project();
    project.question(&project.activations[&name(activation)]).sql
}

#[test]
fn settings_come_from_the_environment() {
    let project = project();
    assert_eq!(project.state, folder().join("state-test"));
    assert_eq!(project.secret.expose(), crate::env("OUTFLOW_SECRET").unwrap());
}

#[test]
fn nothing_secret_is_printed() {
    assert!(!format!("{:?}", project()).contains("MARKER"));
}

#[test]
fn a_subdomain_is_an_address() {
    let connection = &project().connections[&name("cloud")];
    assert_eq!(connection.marketing_cloud.tenant.auth_url().as_str(), "https://mc-acme.auth.marketingcloudapis.com/");
    assert_eq!(connection.marketing_cloud.account_id.as_deref(), Some("510001234"));
    assert_eq!(connection.marketing_cloud.client_id, "client");
}

#[test]
fn the_sandbox_may_be_reached_without_tls() {
    let it = &project().connections[&name("sandbox")].marketing_cloud;
    assert_eq!(it.tenant.auth_url().as_str(), "http://127.0.0.1:8080/");
    assert_eq!(it.rest_url.as_ref().unwrap().as_str(), "http://localhost:8081/rest/");
}

#[test]
fn an_sftp_route_has_the_services_defaults() {
    let FileRoute::Sftp(it) = &project().connections[&name("cloud")].file_route.clone() else { panic!() };
    assert_eq!((it.port, it.folder.as_str(), it.connections_max, it.legacy_algorithms), (2222, "Import", 8, true));
    assert_eq!(it.file_location, "ExactTarget Enhanced FTP");
    let ServerIdentity::Fingerprints(keys) = &it.server else { panic!() };
    assert_eq!(keys[1], "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM");
}

#[test]
fn a_bucket_has_a_folder() {
    let FileRoute::S3(it) = &project().connections[&name("sandbox")].file_route.clone() else { panic!() };
    assert_eq!((it.prefix.as_str(), it.endpoint.as_ref().unwrap().as_str()), ("outflow/test/", "http://127.0.0.1:9000/"));
    assert_eq!(it.credentials.as_ref().unwrap().access_key_id, "key");
}

#[test]
fn files_are_here_or_in_a_bucket() {
    let Source::Files(files) = &project().sources[&name("shop")].clone() else { panic!() };
    assert_eq!(files.tables["customers"].locations, [FileLocation::Local(folder().join("data/customers-*.parquet"))]);
    assert_eq!(files.tables["customers"].format, FileFormat::Parquet);
    let orders = [
        FileLocation::S3 { bucket: "acme".into(), key: "orders/2026/*.csv".into() },
        FileLocation::Local(Path::new("/data/orders.csv").into()),
    ];
    assert_eq!(files.tables["orders"].locations, orders);
    assert_eq!(files.tables["events"].format, FileFormat::Ndjson);
}

#[test]
fn a_database_elsewhere_is_reached_encrypted() {
    assert_eq!(postgres("crm").tls, TlsMode::Require);
    assert_eq!(postgres("local").tls, TlsMode::Prefer);
    assert_eq!(postgres("verified").tls, TlsMode::VerifyFull);
}

#[test]
fn a_database_may_have_an_address() {
    let it = postgres("by-url");
    assert_eq!((it.host.as_str(), it.port, it.database.as_str(), it.user.as_str()), ("db.example.com", 6432, "crm", "ada"));
    assert_eq!((it.tls, it.root_cert), (TlsMode::VerifyFull, Some(folder().join("ca.pem"))));
    assert_eq!(it.password.unwrap().expose(), "MARKER@x");
    let it = postgres("by-parts-of-a-url");
    assert_eq!((it.host.as_str(), it.port, it.database.as_str(), it.tls), ("::1", 5432, "test", TlsMode::Prefer));
    assert_eq!(it.password.unwrap().expose(), "MARKER-client-secret");
}

#[test]
fn a_model_is_asked_without_its_semicolon() {
    assert_eq!(sql_of("practice"), "SELECT customer_id, email, '${not-a-variable}' AS note -- a comment\nFROM customers");
}

#[test]
fn a_table_is_spelled_exactly() {
    assert_eq!(sql_of("last-writer"), "SELECT * FROM \"public\".\"Orders\"");
}

#[test]
fn a_segment_wraps_its_model() {
    let expected = "SELECT * FROM (\nSELECT customer_id, email, '${not-a-variable}' AS note -- a comment\nFROM customers\n) AS m WHERE (\n\
                    country = 'DE' -- and nobody else\n)";
    assert_eq!(sql_of("loyalty"), expected);
}

#[test]
fn variables_in_sql_are_replaced() {
    assert_eq!(project().models[&name("members")].sql, "SELECT id FROM test.members WHERE note <> '${STAGE}'");
}

#[test]
fn an_activation_is_what_the_engine_is_asked_for() {
    let project = project();
    let it = &project.activations[&name("loyalty")];
    let wish = |field: &str, column: &str| FieldWish::new(self::field(field), column);
    let expected = outflow_domain::Activation {
        name: name("loyalty"),
        data_extension: "Loyalty Members".parse().unwrap(),
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![wish("ContactKey", "customer_id")],
        fields: vec![wish("EmailAddress", "email")],
        custom_attributes: vec!["note".into()],
        on_exit: OnExit::Keep,
        when_null: WhenNull::Clear,
        time_zone: Some("Europe/Berlin".into()),
        import: ImportRoute::Soap,
        part_bytes_max: 64 << 20,
        import_deadline_s: 5_400,
        guards: Guards {
            max_inserts: Some(Limit::Rows(10_000)),
            max_updates: Some("2.5 %".parse().unwrap()),
            max_deletes: None,
            max_source_shrink: Some("20 %".parse().unwrap()),
            max_null_keys: Some(Limit::Rows(0)),
            empty_source: EmptySource::Allow,
        },
    };
    assert_eq!(it.wish, expected);
    assert_eq!((&it.from, &it.to, it.overlap), (&name("germans"), &name("members"), Overlap::Refused));
    let (destination, connection) = project.route(it);
    assert_eq!((destination.data_extension.as_str(), &connection.name), ("Loyalty Members", &name("cloud")));
}

#[test]
fn a_destination_says_how_its_data_extension_is_made() {
    let project = project();
    let column = |name: &str, field_type: &str| NewColumn { name: field(name), field_type: field_type.parse().unwrap() };
    let expected = TableWish {
        create: Some(CreateWish {
            name: "Orders of test".parse().unwrap(),
            folder: Some("Shop/Daily loads".parse().unwrap()),
            primary_key: vec![column("Shop", "Text(10)"), column("OrderId", "Number")],
            sendable: Some(Sendable { field: field("Shop"), subscriber: SubscriberField::SubscriberId }),
            retention: Some(Retention { removes: Removes::AllRows, length: 12, period: Period::Weeks, restarts_on_import: true }),
        }),
        given: vec![column("Amount", "Decimal(10,2)"), column("Note", "Text")],
        may_widen: true,
    };
    assert_eq!(project.destinations[&name("fresh")].table, expected);
    let plain = &project.destinations[&name("plain")].table;
    let create = plain.create.as_ref().unwrap();
    assert_eq!((create.name.as_str(), &create.folder, plain.may_widen), ("Plain", &None, false));
    assert_eq!(create.sendable.as_ref().map(|it| it.subscriber), Some(SubscriberField::SubscriberKey));
    assert_eq!(create.retention.map(|it| (it.removes, it.length, it.period)), Some((Removes::EachRow, 90, Period::Days)));
    assert_eq!(project.destinations[&name("members")].table, TableWish::default());
}

#[test]
fn what_is_left_out_has_its_default() {
    let project = project();
    let it = &project.activations[&name("last-writer")];
    assert_eq!((it.wish.part_bytes_max, it.wish.import_deadline_s, it.wish.import), (100_000_000, 7_200, ImportRoute::Auto));
    assert_eq!(Guards { max_deletes: None, ..it.wish.guards }, Guards::default());
    assert_eq!((it.wish.insert, it.overlap, &it.wish.time_zone), (InsertMode::UpdateOnly, Overlap::LastWriter, &None));
}

#[test]
fn a_field_may_be_rounded() {
    let project = project();
    let fields = &project.activations[&name("last-writer")].wish.fields;
    let told: Vec<_> = fields.iter().map(|it| (it.field.as_str(), it.column.as_str(), it.round)).collect();
    assert_eq!(told, [("EMAILADDRESS", "shop", None), ("Total", "total", Some(2)), ("Name", "name", None)]);
}

#[test]
fn rows_that_leave_may_be_flagged() {
    let project = project();
    assert_eq!(project.activations[&name("loyalty")].wish.on_exit, OnExit::Keep);
    let it = &project.activations[&name("last-writer")];
    let flag = Flag { field: field("Gone"), value: "true".into(), present: "still here".into() };
    assert_eq!(it.wish.on_exit, OnExit::Flag(flag));
    assert_eq!(it.wish.guards.max_deletes, Some("2 %".parse().unwrap()));
    assert!(it.filled_fields().any(|it| it.is_same_as(&field("gone"))), "two activations must not flag in one field");
}

#[test]
fn a_field_says_what_its_blanks_do() {
    let project = project();
    let wish = &project.activations[&name("last-writer")].wish;
    assert_eq!(wish.when_null, WhenNull::Keep);
    let told: Vec<_> = wish.fields.iter().map(|it| it.when_null).collect();
    assert_eq!(told, [None, None, Some(WhenNull::SkipRow)]);
    assert_eq!(project.activations[&name("practice")].wish.when_null, WhenNull::Clear);
}

#[test]
fn a_field_knows_its_place() {
    let project = project();
    let it = &project.activations[&name("loyalty")];
    let text = std::fs::read_to_string(folder().join("outflow.yaml")).unwrap();
    let line = |part: &str| text.lines().position(|it| it.contains(part)).unwrap() + 1;
    assert_eq!(it.place_of(&field("emailaddress")).to_string(), format!("outflow.yaml:{}:14", line("fields: {EmailAddress")));
    assert_eq!(it.place_of(&field("Note")).line, line("custom_attributes: [note]"));
    assert_eq!(it.place_of(&field("unknown")), &it.place);
    assert_eq!(it.filled_fields().map(FieldName::as_str).collect::<Vec<_>>(), ["EmailAddress", "note"]);
}

#[test]
fn two_connections_of_one_business_unit_lead_to_one_data_extension() {
    let text = std::fs::read_to_string(folder().join("outflow.yaml")).unwrap();
    let without = text.replace("    overlap: last_writer\n", "");
    let problems = parse_text(&without, &crate::env).unwrap_err();
    assert_eq!(problems.iter().map(|it| it.code.to_string()).collect::<Vec<_>>(), ["PRJ-025"], "{problems:?}");
}

#[test]
fn a_project_may_stand_in_many_files() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read_to_string(self::folder().join("outflow.yaml")).unwrap();
    let (first, activations) = whole.split_once("activations:").unwrap();
    std::fs::create_dir_all(folder.path().join("activations/all")).unwrap();
    std::fs::write(folder.path().join("outflow.yaml"), first).unwrap();
    std::fs::write(folder.path().join("activations/all/of-them.yml"), format!("\u{feff}version: 1\r\nactivations:{activations}")).unwrap();
    let project = Project::load(folder.path(), &crate::env).unwrap();
    assert_eq!(project.activations.len(), 3);
    assert_eq!(project.activations[&name("loyalty")].place.file, "activations/all/of-them.yml");
}

#[test]
fn the_secret_of_a_project_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".outflow")).unwrap();
    std::fs::write(folder.path().join(".outflow/secret"), format!("{}\n", "7".repeat(64))).unwrap();
    std::fs::write(folder.path().join("outflow.yaml"), "version: 1\n").unwrap();
    let project = Project::load(folder.path(), &|_| None).unwrap();
    assert_eq!(project.secret.expose(), "7".repeat(64));
}

#[test]
fn a_private_key_is_read_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n";
    std::fs::write(folder.path().join("key"), pem).unwrap();
    let text = "version: 1\nsecret: ${OUTFLOW_SECRET}\nconnections:\n  a:\n    marketing_cloud: {subdomain: a, client_id: b, client_secret: '${PASSPHRASE}'}\n    file_route:\n      sftp: {host: h, user: u, private_key: 'file:key', known_hosts: hosts}\n";
    std::fs::write(folder.path().join("outflow.yaml"), text).unwrap();
    let project = Project::load(folder.path(), &crate::env).unwrap();
    let FileRoute::Sftp(it) = &project.connections[&name("a")].file_route else { panic!() };
    assert_eq!(it.private_key.as_ref().unwrap().pem.expose(), pem);
    assert_eq!(it.server, ServerIdentity::KnownHosts(folder.path().join("hosts")));
}

/// Whoever looks after runs need not have every secret of them.
#[test]
fn an_outline_needs_no_value_that_stands_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let text = "version: 1\nstate: there\nsecret: ${NOWHERE}\nsources:\n  crm: {postgres: {url: \"${NOWHERE}\"}}\nmodels:\n  people: {source: crm, primary_key: id, sql: SELECT 1 AS id}\n\
                connections:\n  cloud:\n    marketing_cloud: {subdomain: mc-acme, client_id: \"${NOWHERE}\", client_secret: file:nowhere}\n    \
                file_route: {s3: {bucket: acme-rows, region: eu-central-1, file_location: acme}}\n\
                destinations:\n  table: {connection: cloud, data_extension: table}\n\
                activations:\n  second: {from: people, to: table, insert: true, primary_key: {Id: id}}\n  first: {from: people, to: table, insert: true, primary_key: {Id: id}}\n";
    std::fs::write(folder.path().join("outflow.yaml"), text).unwrap();
    assert!(Project::load(folder.path(), &crate::env).is_err());
    let outline = Project::outline(folder.path(), &crate::env).unwrap();
    assert_eq!(outline.state, folder.path().join("there"));
    assert_eq!(outline.activations.iter().map(outflow_domain::Name::as_str).collect::<Vec<_>>(), ["first", "second"]);

    std::fs::write(folder.path().join("outflow.yaml"), text.replace("state: there", "state: ${NOWHERE}")).unwrap();
    assert!(Project::outline(folder.path(), &crate::env).is_err(), "where the state is, has to be known");
    std::fs::write(folder.path().join("outflow.yaml"), text.replace("insert: true", "inserts: true")).unwrap();
    assert!(Project::outline(folder.path(), &crate::env).is_err(), "other problems are told");
}
