//! Definitions are kept, imports are found again, and their states are understood.

use outflow_domain::{ImportCounts, ImportId, ImportStatus, Route};
use outflow_ports::{CloudError, MarketingCloud};
use serde_json::json;

use crate::fake::*;

fn stored(file: &str, more: &str) -> String {
    format!(
        "<ObjectID>d</ObjectID><CustomerKey>outflow_loyalty-members</CustomerKey><AllowErrors>true</AllowErrors>{more}<FileSpec>{file}</FileSpec>"
    )
}

fn definition(file: &str) -> Reply {
    found("ImportDefinition", &[&stored(file, "")])
}

fn no_definition() -> Reply {
    found("ImportDefinition", &[])
}

fn updated() -> Reply {
    acted("UpdateResponse", "<StatusCode>OK</StatusCode><StatusMessage>ImportDefinition updated</StatusMessage>", "OK")
}

const FILE: &str = "outflow_20261123_1.csv";

fn prepare(replies: impl IntoIterator<Item = Reply>) -> (Result<(), CloudError>, Vec<String>) {
    let world = World::answering(replies);
    let prepared = run(world.cloud.prepare_import(&order(Route::Soap), 1));
    world.assert_over();
    (prepared, world.calls().iter().map(|it| it.header("SOAPAction").to_owned()).collect())
}

#[test]
fn the_one_definition_of_an_activation_is_reused() {
    let (prepared, calls) = prepare([data_extension(), definition("older.csv"), updated(), definition(FILE)]);
    prepared.unwrap();
    assert_eq!(calls, ["Retrieve", "Retrieve", "Update", "Retrieve"]);
}

#[test]
fn a_change_that_shows_late_is_waited_for() {
    let (prepared, calls) =
        prepare([data_extension(), definition("older.csv"), updated(), definition("older.csv"), definition("older.csv"), definition(FILE)]);
    prepared.unwrap();
    assert_eq!(calls.len(), 6);
}

#[test]
fn a_change_that_never_shows_is_an_error_that_says_what_differs() {
    let wrong = [
        ("older.csv", "", "it names another file"),
        (FILE, "<DestinationObject><ObjectID>de-0</ObjectID></DestinationObject>", "it fills another data extension"),
        (FILE, "<UpdateType>Overwrite</UpdateType>", "it has another update type"),
        (FILE, "<FieldMappingType>MapByOrdinal</FieldMappingType>", "it maps fields in another way"),
    ];
    for (file, more, difference) in wrong {
        let shown = || found("ImportDefinition", &[&stored(file, more)]);
        let replies = [data_extension(), no_definition(), acted("CreateResponse", "<StatusCode>OK</StatusCode>", "OK")];
        let (prepared, _) = prepare(replies.into_iter().chain((0..5).map(|_| shown())));
        let error = prepared.unwrap_err();
        assert!(matches!(&error, CloudError::Unreadable { message, .. } if message.contains(difference)), "{error}");
    }
}

#[test]
fn a_create_whose_answer_was_lost_becomes_an_update() {
    let exists = "<StatusCode>Error</StatusCode><StatusMessage>exists</StatusMessage><ErrorCode>43030</ErrorCode>";
    let (prepared, calls) = prepare([
        data_extension(),
        no_definition(),
        interrupted(),
        acted("CreateResponse", exists, "Error"),
        definition("older.csv"),
        updated(),
        definition(FILE),
    ]);
    prepared.unwrap();
    assert_eq!(calls, ["Retrieve", "Retrieve", "Create", "Create", "Retrieve", "Update", "Retrieve"]);
}

#[test]
fn a_refused_definition_is_told_with_its_code() {
    let refused = "<StatusCode>Error</StatusCode><StatusMessage>no such location</StatusMessage><ErrorCode>43060</ErrorCode>";
    let (prepared, _) = prepare([data_extension(), no_definition(), acted("CreateResponse", refused, "Error"), no_definition()]);
    let error = prepared.unwrap_err();
    assert!(matches!(&error, CloudError::Refused { code, message, .. } if code == "43060" && message == "no such location"), "{error}");
}

#[test]
fn no_definition_is_made_for_a_data_extension_that_is_not_there() {
    let (prepared, calls) = prepare([found("DataExtension", &[])]);
    assert!(matches!(prepared, Err(CloudError::Refused { code, .. }) if code == "310001"));
    assert_eq!(calls.len(), 1);
}

#[test]
fn a_one_time_import_needs_no_preparation() {
    let world = World::answering([]);
    run(world.cloud.prepare_import(&order(Route::Rest), 1)).unwrap();
    assert!(world.token_requests().is_empty());
}

fn result(task: &str, status: &str, total: u64, errors: u64) -> String {
    format!(
        "<ImportDefinitionCustomerKey>outflow_loyalty-members</ImportDefinitionCustomerKey><StartDate>11/23/2026 4:10:07 AM</StartDate><EndDate/><NumberSuccessful>{}</NumberSuccessful><NumberDuplicated>0</NumberDuplicated><NumberErrors>{errors}</NumberErrors><NumberRestricted>0</NumberRestricted><TotalRows>{total}</TotalRows><ImportType>Data Extension</ImportType><ImportStatus>{status}</ImportStatus><TaskResultID>{task}</TaskResultID>",
        total - errors
    )
}

fn results(rows: &[String]) -> Reply {
    found("ImportResultsSummary", &rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn counts(total: u64, errors: u64) -> ImportCounts {
    ImportCounts { total, successful: total - errors, errors, duplicated: 0, restricted: 0 }
}

fn soap_status(rows: &[String]) -> ImportStatus {
    let world = World::answering([results(rows)]);
    let status = run(world.cloud.import_status(&ImportId { route: Route::Soap, id: "7".to_owned() })).unwrap();
    assert!(world.calls()[0].body.contains("<Property>TaskResultID</Property><SimpleOperator>equals</SimpleOperator><Value>7</Value>"));
    status
}

#[test]
fn an_import_that_is_not_listed_yet_is_queued() {
    assert_eq!(soap_status(&[]), ImportStatus::Queued);
    let world = World::answering([Ok(response(404, ""))]);
    assert_eq!(run(world.cloud.import_status(&ImportId { route: Route::Rest, id: "7".to_owned() })).unwrap(), ImportStatus::Queued);
}

#[test]
fn words_of_soap_are_states() {
    assert_eq!(soap_status(&[result("7", "New", 0, 0)]), ImportStatus::Queued);
    for word in ["Processing", "IOWork", "Unknown", "Some New Word"] {
        assert_eq!(soap_status(&[result("7", word, 5, 0)]), ImportStatus::Running { rows: 5 }, "{word}");
    }
    assert_eq!(soap_status(&[result("7", "Completed", 5, 2)]), ImportStatus::Completed { counts: counts(5, 2) });
    assert_eq!(soap_status(&[result("7", "Error", 5, 2)]), ImportStatus::Failed { counts: counts(5, 2), code: "Error".to_owned() });
}

#[test]
fn of_two_rows_of_one_import_the_ended_one_counts() {
    let (old, new) = (result("7", "Processing", 0, 0), result("7", "Completed", 5, 0));
    let ended = ImportStatus::Completed { counts: counts(5, 0) };
    assert_eq!(soap_status(&[old.clone(), new.clone()]), ended);
    assert_eq!(soap_status(&[new, old]), ended);
}

#[test]
fn counts_that_are_no_numbers_prove_nothing() {
    let odd = "<ImportStatus>Completed</ImportStatus><TaskResultID>7</TaskResultID><TotalRows>-1</TotalRows><NumberSuccessful>x</NumberSuccessful>";
    assert_eq!(soap_status(&[odd.to_owned()]), ImportStatus::Completed { counts: ImportCounts::default() });
}

fn rest_status(status: &str) -> ImportStatus {
    let summary = json!({
        "summary": {
            "id": 7, "importId": 7, "importStatus": status, "startDate": "10/16/2023 10:22:26 AM", "endDate": "", "totalRows": 5,
            "successfulRows": "3", "errors": 2, "duplicateRows": 0, "restrictedRows": 0, "targetId": "de-1", "targetKey": "loyalty",
            "targetUpdateType": "Data Extension",
        },
        "requestId": "x", "resultMessages": [],
    });
    let world = World::answering([json_reply(200, summary)]);
    let status = run(world.cloud.import_status(&ImportId { route: Route::Rest, id: "7".to_owned() })).unwrap();
    assert_eq!(world.calls()[0].target, "/data/v1/async/import/7/summary");
    status
}

#[test]
fn words_of_rest_are_states() {
    for word in ["Success", "Completed", "complete"] {
        assert_eq!(rest_status(word), ImportStatus::Completed { counts: counts(5, 2) }, "{word}");
    }
    assert_eq!(rest_status("Error"), ImportStatus::Failed { counts: counts(5, 2), code: "Error".to_owned() });
    assert_eq!(rest_status("New"), ImportStatus::Queued);
    for word in ["Processing", "Validating", "Almost There"] {
        assert_eq!(rest_status(word), ImportStatus::Running { rows: 5 }, "{word}");
    }
}

#[test]
fn a_summary_that_is_missing_is_of_a_queued_import() {
    let world = World::answering([json_reply(200, json!({ "requestId": "x", "resultMessages": [] }))]);
    assert_eq!(run(world.cloud.import_status(&ImportId { route: Route::Rest, id: "7".to_owned() })).unwrap(), ImportStatus::Queued);
}

#[test]
fn imports_of_the_definition_are_found_again_oldest_first() {
    let rows = || results(&[result("100", "Completed", 3, 0), result("9", "Completed", 2, 0), result("101", "Processing", 1, 0)]);
    let world = World::answering([rows(), rows(), results(&[])]);
    let activation = order(Route::Soap).activation;
    let since = run(world.cloud.imports_since(&activation, Route::Soap, Some("9"))).unwrap();
    let soap = |id: &str| ImportId { route: Route::Soap, id: id.to_owned() };
    assert_eq!(since, [(soap("100"), ImportStatus::Completed { counts: counts(3, 0) }), (soap("101"), ImportStatus::Running { rows: 1 }),]);
    assert_eq!(run(world.cloud.newest_import(&activation, Route::Soap)).unwrap(), Some(soap("101")));
    assert_eq!(run(world.cloud.newest_import(&activation, Route::Soap)).unwrap(), None);
    assert!(world.calls()[0].body.contains(
        "<Property>ImportDefinitionCustomerKey</Property><SimpleOperator>equals</SimpleOperator><Value>outflow_loyalty-members</Value>"
    ));
}

#[test]
fn rest_cannot_tell_of_imports() {
    let world = World::answering([]);
    let activation = order(Route::Rest).activation;
    assert!(!world.cloud.can_find_imports(Route::Rest) && world.cloud.can_find_imports(Route::Soap));
    assert_eq!(run(world.cloud.newest_import(&activation, Route::Rest)).unwrap(), None);
    assert_eq!(run(world.cloud.imports_since(&activation, Route::Rest, None)).unwrap(), []);
}

#[test]
fn the_tokens_scopes_say_which_roads_there_are() {
    let roads = |scope: &str| {
        let url = |door: &str| format!("https://mc0.{door}.marketingcloudapis.com/");
        let world = World::with_tokens([token_with(1, scope, url)], []);
        run(world.cloud.routes()).unwrap()
    };
    let both = [Route::Rest, Route::Soap];
    assert_eq!(roads("data_extensions_write automations_read automations_execute offline"), both);
    assert_eq!(roads(""), both);
    assert_eq!(roads("data_extensions_write automations_read"), [Route::Soap]);
    assert_eq!(roads("automations_read automations_execute"), [Route::Soap]);
}
