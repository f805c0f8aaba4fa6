//! A start is sent once, and it is never in doubt whether it is in doubt.

use outflow_domain::{ImportId, Route};
use outflow_ports::{CloudError, MarketingCloud, StartError};
use serde_json::json;

use crate::fake::*;

fn started(task: &str) -> Reply {
    performed(&format!(
        "<StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage><Task><StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage><ID>{task}</ID></Task>"
    ))
}

fn performed(result: &str) -> Reply {
    soap(&format!(
        r#"<PerformResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Results><Result>{result}</Result></Results><OverallStatus>OK</OverallStatus><OverallStatusMessage/><RequestID>1</RequestID></PerformResponseMsg>"#
    ))
}

#[derive(Debug, PartialEq)]
enum Start {
    Id(String),
    NotStarted { road_is_closed: bool },
    Lost,
}

/// Starts an import against a script, and gives the outcome and how many calls were made.
fn start(route: Route, replies: impl IntoIterator<Item = Reply>) -> (Start, usize) {
    let world = World::answering(replies);
    let outcome = match run(world.cloud.start_import(&order(route))) {
        Ok(ImportId { route: started_by, id }) => {
            assert_eq!(started_by, route);
            Start::Id(id)
        }
        Err(StartError::NotStarted { road_is_closed, .. }) => Start::NotStarted { road_is_closed },
        Err(StartError::Lost { .. }) => Start::Lost,
    };
    world.assert_over();
    (outcome, world.calls().len())
}

const OPEN: Start = Start::NotStarted { road_is_closed: false };
const CLOSED: Start = Start::NotStarted { road_is_closed: true };

#[test]
fn a_soap_start_gives_the_number_of_its_task() {
    assert_eq!(start(Route::Soap, [started("100200300")]), (Start::Id("100200300".to_owned()), 1));
}

#[test]
fn a_rest_start_gives_its_id_as_number_or_text() {
    for id in [json!(51593), json!("51593")] {
        let answer = json!({ "id": id, "requestId": "x", "resultMessages": [] });
        assert_eq!(start(Route::Rest, [json_reply(200, answer)]), (Start::Id("51593".to_owned()), 1));
    }
}

#[test]
fn a_start_of_which_no_byte_left_is_sent_again() {
    assert_eq!(start(Route::Soap, [not_sent(), started("1")]), (Start::Id("1".to_owned()), 2));
    assert_eq!(start(Route::Rest, (0..6).map(|_| not_sent())), (OPEN, 6));
}

#[test]
fn a_start_without_an_answer_is_lost_and_not_sent_again() {
    assert_eq!(start(Route::Soap, [interrupted()]), (Start::Lost, 1));
    assert_eq!(start(Route::Rest, [interrupted()]), (Start::Lost, 1));
}

#[test]
fn a_start_that_meets_trouble_of_the_service_is_lost() {
    for status in [500, 502, 503, 504, 408] {
        assert_eq!(start(Route::Soap, [Ok(response(status, ""))]), (Start::Lost, 1), "{status}");
        assert_eq!(start(Route::Rest, [Ok(response(status, ""))]), (Start::Lost, 1), "{status}");
    }
    assert_eq!(start(Route::Soap, [fault("Server", "Unplanned Outage")]), (Start::Lost, 1));
}

#[test]
fn an_answer_that_names_no_import_is_lost() {
    let no_task = performed("<StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage>");
    assert_eq!(start(Route::Soap, [no_task]), (Start::Lost, 1));
    for body in ["", "<html/>", "<a><b></a>"] {
        assert_eq!(start(Route::Soap, [Ok(response(200, body))]), (Start::Lost, 1), "{body}");
        assert_eq!(start(Route::Rest, [Ok(response(200, body))]), (Start::Lost, 1), "{body}");
    }
    assert_eq!(start(Route::Rest, [json_reply(200, json!({ "requestId": "x" }))]), (Start::Lost, 1));
    assert_eq!(start(Route::Rest, [json_reply(200, json!({ "id": "../../x" }))]), (Start::Lost, 1));
}

#[test]
fn a_throttled_start_was_not_begun_and_is_not_sent_again() {
    assert_eq!(start(Route::Soap, [Ok(response(429, ""))]), (OPEN, 1));
    assert_eq!(start(Route::Rest, [Ok(response(429, ""))]), (OPEN, 1));
}

#[test]
fn a_refused_start_was_not_begun() {
    let refused = "<StatusCode>Error</StatusCode><StatusMessage>it runs already</StatusMessage><ErrorCode>43060</ErrorCode>";
    assert_eq!(start(Route::Soap, [performed(refused)]), (OPEN, 1));
    assert_eq!(start(Route::Soap, [fault("Client", "no")]), (OPEN, 1));
    let in_task = format!("<StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage><Task>{refused}</Task>");
    assert_eq!(start(Route::Soap, [performed(&in_task)]), (OPEN, 1));
}

#[test]
fn a_missing_permission_closes_the_road() {
    let refused = "<StatusCode>Error</StatusCode><StatusMessage>API Permission Failed.</StatusMessage><ErrorCode>4</ErrorCode>";
    assert_eq!(start(Route::Soap, [performed(refused)]), (CLOSED, 1));
    let forbidden = json!({ "message": "Insufficient Privileges", "errorcode": 20000, "documentation": "" });
    assert_eq!(start(Route::Rest, [json_reply(403, forbidden)]), (CLOSED, 1));
}

#[test]
fn a_tenant_without_the_route_or_with_another_body_closes_the_road() {
    let not_found = json!({ "message": "Not Found", "errorcode": 404 });
    assert_eq!(start(Route::Rest, [json_reply(404, not_found)]), (CLOSED, 1));
    let malformed = json!({ "message": "Parameter is invalid.", "errorcode": 10001, "documentation": "" });
    assert_eq!(start(Route::Rest, [json_reply(400, malformed)]), (CLOSED, 1));
}

#[test]
fn a_refusal_of_this_import_leaves_the_road_open() {
    let refused = json!({ "resultMessages": [{
        "resultType": "Validation", "resultClass": "Error", "resultCode": "CustomObjectNotFound", "message": "no such data extension",
    }] });
    assert_eq!(start(Route::Rest, [json_reply(400, refused)]), (OPEN, 1));
    let no_location = json!({ "message": "The file location x does not exist.", "errorcode": 10001, "documentation": "" });
    assert_eq!(start(Route::Rest, [json_reply(400, no_location)]), (OPEN, 1));
}

#[test]
fn an_expired_token_fails_the_start_and_the_next_one_takes_a_new_token() {
    for (route, expired, good) in
        [(Route::Soap, token_expired(), started("2")), (Route::Rest, Ok(response(401, "")), json_reply(200, json!({ "id": 2 })))]
    {
        let world = World::answering([expired, good]);
        let first = run(world.cloud.start_import(&order(route))).unwrap_err();
        let StartError::NotStarted { road_is_closed: false, source: CloudError::Unavailable { .. } } = &first else { panic!("{first:?}") };
        assert_eq!(run(world.cloud.start_import(&order(route))).unwrap().id, "2");
        assert_eq!(world.calls().iter().map(Seen::token).collect::<Vec<_>>(), ["token-1", "token-2"]);
    }
}

#[test]
fn a_start_without_a_token_never_left() {
    let world = World::with_tokens([json_reply(401, json!({ "error": "invalid_client" }))], []);
    let error = run(world.cloud.start_import(&order(Route::Rest))).unwrap_err();
    assert!(matches!(error, StartError::NotStarted { road_is_closed: false, source: CloudError::Credentials { .. } }), "{error:?}");
}
