//! Faults on demand.

use outflow_sandbox::model::{CountChange, Effect, Fault, ImportFault, OtherWrite, Switches, When, Wire};
use serde_json::{Value, json};

use crate::model_support::{Cloud, between, token};

const FIELDS: &str = "Id:Text(10)! Name:Text(10)";
const CSV: &str = "Id,Name\na,Ada\nb,Bob\nc,Cid\n";

fn people() -> Cloud {
    Cloud::with_people(FIELDS)
}

fn on(door: &str) -> When {
    When { door: Some(door.to_owned()), ..When::default() }
}

fn import_fault(cloud: &mut Cloud, fault: ImportFault) -> u64 {
    cloud.model.add_fault(Fault { when: When::default(), effect: Effect::Import { fault } })
}

const VERSION: &str = "<VersionInfoRequestMsg><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>";

#[test]
fn throttling_speaks_the_language_of_each_door() {
    let mut cloud = people();
    cloud.model.add_fault(Fault { when: When { times: Some(2), ..on("rest") }, effect: Effect::Throttle { retry_after_s: 5 } });
    let (status, answer) = cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    assert_eq!((status, &answer["errorcode"], &answer["retryAfter"]), (429, &json!(50100), &json!(5)));
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 429);
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 200);
    cloud.model.add_fault(Fault { when: When { times: Some(1), ..on("soap") }, effect: Effect::Throttle { retry_after_s: 5 } });
    assert_eq!(cloud.soap_answer(VERSION).status, 500);
    assert_eq!(cloud.soap_answer(VERSION).status, 200);
}

#[test]
fn a_fault_picks_its_calls_by_operation_object_path_and_number() {
    let mut cloud = people();
    let when =
        When { method: Some("retrieve".to_owned()), object: Some("DataExtension".to_owned()), skip: 1, times: Some(1), ..on("soap") };
    let effect = Effect::SoapFault { code: "Server".to_owned(), message: "Unplanned Outage".to_owned() };
    let id = cloud.model.add_fault(Fault { when, effect });
    let ask = "<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtension</ObjectType><Properties>Name</Properties></RetrieveRequest></RetrieveRequestMsg>";
    let statuses: Vec<u16> = (0..3).map(|_| cloud.soap_answer(ask).status).collect();
    assert_eq!(statuses, [200, 500, 200]);
    assert_eq!(cloud.model.journal().entries().filter(|it| it.fault == Some(id)).count(), 1);
}

#[test]
fn an_answer_may_be_late_cut_or_lost_while_the_call_is_done() {
    for (effect, wire) in [
        (Effect::Delay { millis: 7 }, Wire::Delay { millis: 7 }),
        (Effect::Truncate { bytes: 9 }, Wire::Truncate { bytes: 9 }),
        (Effect::LoseAnswer, Wire::DropBeforeAnswer),
    ] {
        let mut cloud = people();
        cloud.model.add_fault(Fault { when: on("soap"), effect });
        let create = r#"<CreateRequest><Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Id</Name><Value>a</Value></Property></Properties></Objects></CreateRequest>"#;
        assert_eq!(cloud.soap_answer(create).wire, wire);
        assert_eq!(cloud.rows("people"), "a|~");
    }
    let mut cloud = people();
    cloud.model.add_fault(Fault { when: on("rest"), effect: Effect::DropUnread });
    cloud.rest("PUT", "/hub/v1/dataevents/key:people/rows/Id:a", json!({ "values": {} }));
    assert_eq!(cloud.rows("people"), "");
    assert_eq!(cloud.model.journal().entries().last().map(|it| it.status), Some(0));
}

#[test]
fn a_call_may_be_done_long_after_its_answer_was_given_up() {
    let mut cloud = people();
    cloud.model.add_fault(Fault { when: When { times: Some(1), ..on("soap") }, effect: Effect::ActLate { millis: 60_000 } });
    let create = r#"<CreateRequest><Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Id</Name><Value>a</Value></Property></Properties></Objects></CreateRequest>"#;
    assert_eq!(cloud.soap_answer(create).wire, Wire::DropBeforeAnswer);
    let due_ms = cloud.model.next_due().expect("it is yet to be done");
    cloud.model.advance(due_ms - 1);
    assert_eq!(cloud.rows("people"), "");
    cloud.model.advance(due_ms);
    assert_eq!(cloud.rows("people"), "a|~");
    assert_eq!(cloud.model.next_due(), None);
}

#[test]
fn all_tokens_may_expire_before_a_call() {
    let mut cloud = people();
    cloud.model.add_fault(Fault { when: When { times: Some(1), ..on("soap") }, effect: Effect::ExpireTokens });
    assert!(cloud.soap_answer(VERSION).text().contains("Token Expired"));
    cloud.token = token(&mut cloud.model, cloud.now);
    assert_eq!(cloud.soap_answer(VERSION).status, 200);
}

#[test]
fn another_writer_acts_before_and_after_a_call() {
    let mut cloud = people();
    cloud.upsert(&[("Id", "a")]);
    let de = || "people".to_owned();
    let before = OtherWrite::UpsertRow { de: de(), values: [("Id".to_owned(), Some("x".to_owned()))].into() };
    cloud.model.add_fault(Fault { when: When { times: Some(1), ..on("soap") }, effect: Effect::Before { write: before } });
    cloud.model.add_fault(Fault {
        when: When { times: Some(1), ..on("soap") },
        effect: Effect::After { write: OtherWrite::ClearRows { de: de() } },
    });
    let (_, seen) = cloud.retrieve("DataExtensionObject[people]", "Id", "");
    assert_eq!(seen, ["Id=a", "Id=x"]);
    assert_eq!(cloud.rows("people"), "");
}

#[test]
fn a_remade_data_extension_has_other_identities_and_no_rows() {
    let mut cloud = people();
    cloud.upsert(&[("Id", "a")]);
    let ids = |cloud: &Cloud| {
        let de = cloud.model.data_extension("people").expect("people");
        (de.object_id.clone(), de.fields[0].object_id.clone(), de.fields[1].object_id.clone())
    };
    let old = ids(&cloud);
    cloud.model.other_write(&OtherWrite::RecreateField { de: "people".to_owned(), field: "Name".to_owned() }, cloud.now).expect("done");
    let field = ids(&cloud);
    assert!(old.0 == field.0 && old.1 == field.1 && old.2 != field.2);
    cloud.model.recreate_data_extension("people", cloud.now).expect("done");
    let new = ids(&cloud);
    assert!(new.0 != old.0 && new.1 != old.1);
    assert_eq!(cloud.rows("people"), "");
}

#[test]
fn chosen_rows_of_an_import_are_refused() {
    let mut cloud = people();
    import_fault(&mut cloud, ImportFault::RejectRows { rows: vec![1], keys: vec!["c".to_owned()], code: "InvalidCountryCode".to_owned() });
    let id = cloud.start_rest_import(CSV, "AddAndUpdate");
    assert_eq!(cloud.summary(id), "Completed 3/1/0/2/0");
    assert_eq!(cloud.verdicts(id), "1:InvalidCountryCode 3:InvalidCountryCode");
    assert_eq!(cloud.rows("people"), "b|Bob");
}

#[test]
fn an_import_may_never_finish_with_or_without_its_rows() {
    for apply in [true, false] {
        let mut cloud = people();
        import_fault(&mut cloud, ImportFault::NeverFinish { apply });
        let id = cloud.start_rest_import(CSV, "AddAndUpdate");
        cloud.now += 1_000_000;
        assert!(cloud.model.next_due().is_some(), "it has not begun");
        cloud.model.advance(cloud.now);
        assert_eq!(cloud.model.next_due(), None);
        cloud.token = token(&mut cloud.model, cloud.now);
        assert_eq!(cloud.summary(id), "Processing 0/0/0/0/0");
        assert_eq!(cloud.rows("people").is_empty(), !apply);
    }
}

#[test]
fn an_import_may_stop_after_some_rows() {
    let mut cloud = people();
    import_fault(&mut cloud, ImportFault::StopAfterRows { rows: 2 });
    assert_eq!(cloud.import(CSV, "AddAndUpdate"), "Error 2/2/0/0/0");
    assert_eq!(cloud.rows("people"), "a|Ada; b|Bob");
}

#[test]
fn a_late_import_overwrites_what_came_after_it() {
    let mut cloud = Cloud::with(Switches { rest_import_deletes_file: false, ..Switches::instant() });
    cloud.table("people", FIELDS);
    let fault = import_fault(&mut cloud, ImportFault::ApplyLate { millis: 60_000 });
    cloud.start_rest_import("Id,Name\na,old\n", "AddAndUpdate");
    cloud.model.advance(cloud.now);
    cloud.model.remove_fault(fault);
    cloud.import("Id,Name\na,new\n", "AddAndUpdate");
    assert_eq!(cloud.rows("people"), "a|new");
    cloud.now += 60_000;
    cloud.model.advance(cloud.now);
    assert_eq!(cloud.rows("people"), "a|old");
}

#[test]
fn an_import_that_begins_late_needs_its_file_then() {
    let mut cloud = people();
    import_fault(&mut cloud, ImportFault::BeginLate { millis: 60_000 });
    let id = cloud.start_rest_import(CSV, "AddAndUpdate");
    cloud.model.advance(cloud.now);
    cloud.model.file_remove("ExactTarget Enhanced FTP", "Import/rows.csv").expect("removed");
    cloud.now += 60_000;
    assert_eq!(cloud.summary(id), "Error 0/0/0/0/0");
}

#[test]
fn a_held_import_waits_for_its_release_and_nobody_waits_for_it() {
    let mut cloud = people();
    let fault = import_fault(&mut cloud, ImportFault::HoldUntilReleased);
    let held = cloud.start_rest_import("Id,Name\na,held\n", "AddAndUpdate");
    cloud.model.remove_fault(fault);
    cloud.now += 1_000_000;
    cloud.token = token(&mut cloud.model, cloud.now);
    assert_eq!(cloud.summary(held), "New 0/0/0/0/0");
    assert_eq!(cloud.import("Id,Name\nb,free\n", "AddAndUpdate"), "Completed 1/1/0/0/0");
    cloud.put_file("rows.csv", "Id,Name\na,held\n");
    assert_eq!(cloud.inspect("POST", &format!("imports/{held}/release"), Value::Null).0, 204);
    assert_eq!(cloud.summary(held), "Completed 1/1/0/0/0");
    assert_eq!(cloud.rows("people"), "b|free; a|held");
}

#[test]
fn counts_may_change_after_the_end() {
    let mut cloud = people();
    let change = CountChange { successful: -1, errors: 1, ..CountChange::default() };
    import_fault(&mut cloud, ImportFault::ChangeCounts { after_polls: 1, change });
    let id = cloud.start_rest_import(CSV, "AddAndUpdate");
    assert_eq!(cloud.summary(id), "Completed 3/3/0/0/0");
    assert_eq!(cloud.summary(id), "Completed 3/2/0/1/0");
}

#[test]
fn somebody_else_may_start_our_definition() {
    let mut cloud = people();
    let start = OtherWrite::StartDefinition { definition: "load".to_owned() };
    assert!(cloud.model.other_write(&start, cloud.now).is_err());
    let text = cloud.soap(r#"<CreateRequest><Objects xsi:type="ImportDefinition"><CustomerKey>load</CustomerKey><Name>load</Name><DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject><FileSpec>p.csv</FileSpec><RetrieveFileTransferLocation><CustomerKey>ExactTarget Enhanced FTP</CustomerKey></RetrieveFileTransferLocation></Objects></CreateRequest>"#);
    assert_eq!(between(&text, "<OverallStatus>", "<"), "OK", "{text}");
    cloud.put_file("p.csv", CSV);
    cloud.model.other_write(&start, cloud.now).expect("started");
    let (_, found) = cloud.retrieve("ImportResultsSummary", "ImportDefinitionCustomerKey TotalRows", "");
    assert_eq!(found, ["ImportDefinitionCustomerKey=load TotalRows=3"]);
}

#[test]
fn a_world_repeats_itself_from_its_seed() {
    let run = || {
        let mut cloud = people();
        cloud.import(CSV, "AddAndUpdate");
        let ids: Vec<String> = cloud.model.data_extensions().map(|(_, it)| it.object_id.clone()).collect();
        (cloud.token.clone(), ids, cloud.rows("people"))
    };
    assert_eq!(run(), run());
}
