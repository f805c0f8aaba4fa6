//! The token endpoint.

use outflow_sandbox::model::{Config, Door, HttpRequest, Model, Switches};
use serde_json::{Value, json};

use crate::model_support::{Cloud, NOW, between};

fn ask(body: &str) -> (u16, Value) {
    let config = Config { more_account_ids: vec![510_009_999], ..Config::default() };
    let answer = Model::new(config).http(Door::Any, &HttpRequest::new("POST", "/v2/token", body), NOW);
    (answer.status, answer.value())
}

fn json_body(members: Value) -> String {
    let mut body = json!({ "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret" });
    for (name, value) in members.as_object().expect("members") {
        body[name] = value.clone();
    }
    body.to_string()
}

#[test]
fn a_token_answer_has_the_six_recorded_members_in_their_order() {
    let (status, answer) = ask(&json_body(json!({})));
    let names: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(status, 200);
    assert_eq!(names, ["access_token", "token_type", "expires_in", "scope", "soap_instance_url", "rest_instance_url"]);
    assert_eq!(answer["expires_in"], 1079);
    assert!(answer["soap_instance_url"].as_str().is_some_and(|it| it.ends_with('/')));
    assert_eq!(answer["access_token"].as_str().map(|it| it.split('.').count()), Some(3));
}

#[test]
fn a_form_is_taken_like_json() {
    let form = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret&account_id=510001234";
    assert_eq!(ask(form).0, 200);
}

#[test]
fn the_account_may_be_a_number_or_a_string_or_absent() {
    for account in [json!({ "account_id": 510_009_999 }), json!({ "account_id": "510009999" }), json!({ "account_id": "" })] {
        assert_eq!(ask(&json_body(account.clone())).0, 200, "{account}");
    }
    assert_eq!(ask(&json_body(json!({ "account_id": 7 }))).0, 401);
}

#[test]
fn wrong_credentials_are_an_invalid_client() {
    for wrong in [json!({ "client_secret": "x" }), json!({ "client_id": "x" })] {
        let (status, answer) = ask(&json_body(wrong));
        assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
        assert_eq!(answer["error_uri"], "https://developer.salesforce.com/docs");
    }
}

#[test]
fn a_part_of_the_scopes_may_be_asked_for() {
    let (_, answer) = ask(&json_body(json!({ "scope": "data_extensions_read automations_read" })));
    assert_eq!(answer["scope"], "data_extensions_read automations_read");
    assert_eq!(ask(&json_body(json!({ "scope": "moon_write" }))).1["error"], "invalid_scope");
}

#[test]
fn the_endpoint_of_before_2019_refuses() {
    let request = HttpRequest::new("POST", "/v1/requestToken?legacy=1", r#"{"clientId":"a","clientSecret":"b"}"#);
    assert_eq!(Model::new(Config::default()).http(Door::Any, &request, NOW).status, 401);
}

#[test]
fn an_expired_token_is_401_for_rest_and_a_security_fault_for_soap() {
    let mut cloud = Cloud::new();
    cloud.now += 1_078_000;
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 200);
    cloud.now += 2_000;
    let (status, answer) = cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    assert_eq!((status, &answer["errorcode"], &answer["message"]), (401, &json!(0), &json!("Not Authorized")));
    let fault = cloud.soap_answer("<VersionInfoRequestMsg><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>");
    assert_eq!(fault.status, 500);
    assert!(fault.text().contains("q0:Security</faultcode><faultstring>Token Expired</faultstring>"), "{}", fault.text());
}

#[test]
fn a_withheld_scope_is_missing_in_the_token_and_refused_at_the_door() {
    let withheld = vec!["data_extensions_write".to_owned(), "file_locations_read".to_owned()];
    let mut cloud = Cloud::with(Switches { scopes_withheld: withheld, ..Switches::instant() });
    let (status, answer) = cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    assert_eq!((status, &answer["errorcode"]), (403, &json!(20002)));
    let text = cloud.soap(r#"<CreateRequest><Objects xsi:type="DataExtension"><Name>x</Name></Objects></CreateRequest>"#);
    assert_eq!(between(&text, "<ErrorCode>", "<"), "4");
}
