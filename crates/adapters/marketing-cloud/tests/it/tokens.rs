//! Tokens: fetched once, renewed in time, sent to nobody else.

use std::time::Duration;

use jiff::civil::{Date, date};
use outflow_domain::Secret;
use outflow_marketing_cloud::{ClientSecret, Settings};
use outflow_ports::{CloudError, MarketingCloud};
use serde_json::json;

use crate::fake::*;

fn no_rows() -> Reply {
    json_reply(200, json!({ "count": 7 }))
}

fn unauthorized() -> Reply {
    json_reply(401, json!({ "documentation": "", "errorcode": 0, "message": "Not Authorized" }))
}

#[test]
fn the_credentials_travel_as_json_with_the_account() {
    let world = World::answering([]);
    let connection = run(world.cloud.connect()).unwrap();
    assert_eq!(connection.tenant, "mc0/510001234");
    assert!(connection.scopes.contains(&"data_extensions_write".to_owned()));
    let request = &world.token_requests()[0];
    assert_eq!(request.host, "mc0.auth.marketingcloudapis.com");
    assert_eq!(request.header("Content-Type"), "application/json");
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let wanted = json!({
        "grant_type": "client_credentials", "client_id": "client-id", "client_secret": SECRET, "account_id": "510001234",
    });
    assert_eq!(body, wanted);
}

#[test]
fn a_token_is_used_for_four_fifths_of_its_life() {
    let world = World::answering([no_rows(), no_rows(), no_rows()]);
    run(world.cloud.row_count(&key())).unwrap();
    world.clock.pass(Duration::from_millis(1079 * 800 - 1));
    run(world.cloud.row_count(&key())).unwrap();
    assert_eq!(world.token_requests().len(), 1);
    world.clock.pass(Duration::from_millis(1));
    run(world.cloud.row_count(&key())).unwrap();
    assert_eq!(world.token_requests().len(), 2);
    assert_eq!(world.calls()[2].token(), "token-2");
}

#[test]
fn many_callers_share_one_request_for_a_token() {
    let world = World::answering((0..8).map(|_| no_rows()));
    let key = key();
    let counts = run(futures::future::join_all((0..8).map(|_| world.cloud.row_count(&key))));
    assert!(counts.into_iter().all(|it| it.unwrap() == 7));
    assert_eq!(world.token_requests().len(), 1);
}

#[test]
fn a_refused_token_is_renewed_once_and_the_call_repeated_once() {
    let world = World::answering([unauthorized(), no_rows()]);
    assert_eq!(run(world.cloud.row_count(&key())).unwrap(), 7);
    assert_eq!(world.calls().iter().map(Seen::token).collect::<Vec<_>>(), ["token-1", "token-2"]);
}

#[test]
fn an_expired_token_shows_as_a_fault_in_soap() {
    let world = World::answering([token_expired(), found("DataExtension", &[])]);
    assert_eq!(run(world.cloud.describe(&key())).unwrap(), None);
    assert_eq!(world.calls().iter().map(Seen::token).collect::<Vec<_>>(), ["token-1", "token-2"]);
}

#[test]
fn a_second_refusal_is_final() {
    let world = World::answering([token_expired(), token_expired()]);
    let error = run(world.cloud.describe(&key())).unwrap_err();
    assert!(matches!(&error, CloudError::Credentials { message, .. } if message == "Token Expired"), "{error}");
    world.assert_over();
    let world = World::answering([unauthorized(), unauthorized(), found("DataExtension", &[])]);
    run(world.cloud.row_count(&key())).unwrap_err();
    world.assert_over();
}

#[test]
fn callers_whose_token_was_refused_together_renew_it_once() {
    let world = World::answering((0..4).map(|_| unauthorized()).chain((0..4).map(|_| no_rows())));
    let key = key();
    let counts = run(futures::future::join_all((0..4).map(|_| world.cloud.row_count(&key))));
    assert!(counts.into_iter().all(|it| it.is_ok()));
    assert_eq!(world.token_requests().len(), 2);
}

#[test]
fn wrong_credentials_are_told_as_such_and_not_tried_again() {
    let refused = json!({ "error": "invalid_client", "error_description": "Client authentication failed.", "error_uri": "https://x" });
    let world = World::with_tokens([json_reply(401, refused)], []);
    let error = run(world.cloud.connect()).unwrap_err();
    let CloudError::Credentials { tenant, message } = &error else { panic!("{error}") };
    assert_eq!((tenant.as_str(), message.as_str()), ("mc0/510001234", "Client authentication failed"));
    assert_eq!(world.token_requests().len(), 1);
}

fn not_a_client() -> Reply {
    json_reply(401, json!({ "error": "invalid_client", "error_description": "Client authentication failed." }))
}

/// The fake clock begins in 1970, when the second of these days is still to come.
fn with_staged(active_expires: Date) -> Settings {
    let active = ClientSecret { text: Secret::new(SECRET), expires: Some(active_expires) };
    let staged = ClientSecret { text: Secret::new("the-staged-secret"), expires: Some(date(2027, 9, 30)) };
    Settings::for_subdomain("production", "mc0", "client-id", active).unwrap().with_staged_secret(Some(staged)).unwrap()
}

fn secrets_tried(world: &World) -> Vec<String> {
    let secret = |it: &Seen| serde_json::from_str::<serde_json::Value>(&it.body).unwrap()["client_secret"].as_str().unwrap().to_owned();
    world.token_requests().iter().map(secret).collect()
}

#[test]
fn the_staged_secret_is_tried_where_the_active_one_is_refused_and_kept_then() {
    let staged = "the-staged-secret";
    let world = World::of(with_staged(date(2027, 3, 31)), [not_a_client(), token(1, "mc0"), token(2, "mc0")], [no_rows(), no_rows()]);
    run(world.cloud.row_count(&key())).unwrap();
    assert_eq!(secrets_tried(&world), [SECRET, staged]);
    world.clock.pass(Duration::from_secs(3600));
    run(world.cloud.row_count(&key())).unwrap();
    assert_eq!(secrets_tried(&world), [SECRET, staged, staged], "a secret that was taken is tried first");
}

#[test]
fn a_secret_that_works_leaves_the_staged_one_alone() {
    let world = World::of(with_staged(date(2027, 3, 31)), [token(1, "mc0")], []);
    run(world.cloud.connect()).unwrap();
    assert_eq!(secrets_tried(&world), [SECRET]);
}

#[test]
fn a_secret_that_becomes_the_active_one_is_found_again() {
    // The staged secret is activated, and another is staged in its place, while a long run has the first token.
    let replies = [not_a_client(), token(1, "mc0"), not_a_client(), token(2, "mc0")];
    let world = World::of(with_staged(date(2027, 3, 31)), replies, [no_rows(), no_rows()]);
    run(world.cloud.row_count(&key())).unwrap();
    world.clock.pass(Duration::from_secs(3600));
    run(world.cloud.row_count(&key())).unwrap();
    assert_eq!(secrets_tried(&world), [SECRET, "the-staged-secret", "the-staged-secret", SECRET]);
}

#[test]
fn two_refused_secrets_are_told_by_name_and_the_expired_one_with_its_day() {
    let world = World::of(with_staged(date(1970, 1, 1)), [not_a_client(), not_a_client()], []);
    let error = run(world.cloud.connect()).unwrap_err();
    let CloudError::Credentials { message, .. } = &error else { panic!("{error}") };
    let wanted = "Client authentication failed; `client_secret` has expired on 1970-01-01, as the project says; \
                  Client authentication failed (`staged_client_secret`)";
    assert_eq!(message, wanted);
}

#[test]
fn trouble_with_the_active_secret_is_no_reason_to_try_the_staged_one() {
    let busy = || json_reply(503, json!({}));
    let world = World::of(with_staged(date(2027, 3, 31)), (0..6).map(|_| busy()), []);
    assert!(matches!(run(world.cloud.connect()).unwrap_err(), CloudError::Unavailable { .. }));
    assert!(secrets_tried(&world).iter().all(|it| it == SECRET));
}

#[test]
fn a_busy_token_endpoint_is_asked_again() {
    let blocked = json!({ "message": "Your requests are temporarily blocked.", "errorcode": 50200, "documentation": "" });
    let world = World::with_tokens([json_reply(429, blocked), interrupted(), Ok(response(503, "")), token(9, "mc0")], []);
    run(world.cloud.connect()).unwrap();
    assert_eq!(world.token_requests().len(), 4);
    assert_eq!(world.clock.slept().len(), 3);
}

#[test]
fn no_token_is_sent_to_a_host_of_somebody_else() {
    let strangers = [
        "https://mc1.soap.marketingcloudapis.com/",
        "http://mc0.soap.marketingcloudapis.com/",
        "https://evil.com/",
        "https://mc0.soap.marketingcloudapis.com.evil.com/",
        "https://mc0.soap.marketingcloudapis.com:444/",
        "http://127.0.0.1:1/",
        "soap",
    ];
    for stranger in strangers {
        let url = |door: &str| if door == "soap" { stranger.to_owned() } else { format!("https://mc0.{door}.marketingcloudapis.com/") };
        let world = World::with_tokens([token_with(1, "", url)], []);
        let error = run(world.cloud.describe(&key())).unwrap_err();
        assert!(matches!(&error, CloudError::Unreadable { .. }), "{stranger}: {error}");
        assert!(world.calls().is_empty(), "{stranger}");
    }
}

#[test]
fn answers_without_a_token_are_told_as_such() {
    for body in ["", "[]", "{}", "<html>", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, r#"{"access_token":"x"}"#] {
        let world = World::with_tokens([Ok(response(200, body))], []);
        let error = run(world.cloud.connect()).unwrap_err();
        assert!(matches!(&error, CloudError::Unreadable { .. }), "{body}: {error}");
    }
}

#[test]
fn a_secret_that_is_repeated_in_an_answer_is_not_repeated_by_us() {
    let refused = json!({ "error": "invalid_client", "error_description": format!("no client with {SECRET}") });
    let world = World::with_tokens([json_reply(401, refused)], []);
    let error = run(world.cloud.connect()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET));
}
