//! Values of customers and secrets stand in no error and in no printed value.

use outflow_domain::{ImportId, Route};
use outflow_marketing_cloud::{HttpRequest, Method};
use outflow_ports::{CloudError, MarketingCloud, RowFilter, RowQuery};
use serde_json::json;

use crate::fake::*;

const MARK: &str = "MARKER-of-Ada";

fn query() -> RowQuery {
    RowQuery {
        data_extension: key(),
        key_fields: vec![field_name("Id"), field_name("Shop")],
        fields: vec![field_name("Id")],
        filter: RowFilter::Keys(vec![vec![MARK.to_owned(), MARK.to_owned()]]),
    }
}

fn assert_clean(error: &CloudError) {
    let printed = format!("{error} {error:?}");
    assert!(!printed.contains(MARK) && !printed.contains("Ada"), "{printed}");
    assert!(!printed.contains(SECRET) && !printed.contains("token-1"), "{printed}");
}

#[test]
fn no_error_about_rows_quotes_what_the_service_says() {
    let said = format!("the value {MARK} is bad");
    let replies = [
        page(&format!("Error: {said}"), "DataExtensionObject", &[]),
        page(&format!("Error: no permission for {MARK}"), "DataExtensionObject", &[]),
        fault("Client", &said),
        Ok(response(403, json!({ "message": said, "errorcode": MARK }).to_string())),
        Ok(response(200, format!("<a>{MARK}"))),
        Ok(response(200, format!("<{MARK}>&{MARK};</{MARK}>"))),
        Ok(response(200, format!("<!DOCTYPE {MARK}><a/>"))),
        Ok(response(400, said.clone())),
    ];
    for reply in replies {
        let world = World::answering([reply]);
        assert_clean(&run(world.cloud.read_rows(&query(), None)).unwrap_err());
    }
}

#[test]
fn no_error_about_refused_rows_quotes_the_service() {
    for reply in [Ok(response(400, json!({ "message": MARK, "errorcode": MARK }).to_string())), Ok(response(200, format!("[\"{MARK}")))] {
        let world = World::answering([reply]);
        let import = ImportId { route: Route::Rest, id: "7".to_owned() };
        assert_clean(&run(world.cloud.refusals(&import)).unwrap_err());
    }
}

#[test]
fn texts_about_metadata_are_shown_without_what_looks_like_a_value() {
    let cases = [
        (format!("A data extension with '{MARK}' exists."), "A data extension with '…' exists."),
        (format!("value \"{MARK}\" and `{MARK}` and “{MARK}”"), "value \"…\" and `…` and “…”"),
        ("ada@example.com is in row 7".to_owned(), "… is in row 7"),
        ("call 4915112345678 now, code 310007".to_owned(), "call … now, code 310007"),
        ("the column's length can't shrink".to_owned(), "the column's length can't shrink"),
        (format!("an open quote '{MARK}"), "an open quote '…"),
        ("a\r\nb\tc".to_owned(), "a b c"),
    ];
    for (said, shown) in cases {
        let text = said.replace('&', "&amp;").replace('<', "&lt;");
        let world = World::answering([fault("Client", &text)]);
        let CloudError::Refused { message, .. } = run(world.cloud.list()).unwrap_err() else { panic!("{said}") };
        assert_eq!(message, shown);
    }
}

#[test]
fn a_long_text_is_cut() {
    let world = World::answering([fault("Client", &"word ".repeat(1000))]);
    assert!(run(world.cloud.list()).unwrap_err().to_string().chars().count() < 400);
}

#[test]
fn printed_requests_and_answers_show_neither_headers_nor_bodies() {
    let request = HttpRequest {
        method: Method::Post,
        url: outflow_url(),
        headers: vec![("Authorization".to_owned(), format!("Bearer {MARK}"))],
        body: MARK.into(),
        timeout: std::time::Duration::from_secs(1),
    };
    let mut answer = response(200, MARK);
    answer.headers.push(("Set-Cookie".to_owned(), MARK.to_owned()));
    assert_eq!(
        format!("{request:?} {answer:?}"),
        "HttpRequest(POST mc0.rest.marketingcloudapis.com/a, 13 bytes) HttpResponse(200, 13 bytes)"
    );
}

fn outflow_url() -> url::Url {
    "https://mc0.rest.marketingcloudapis.com/a?token=MARKER-of-Ada".parse().unwrap()
}

#[test]
fn a_printed_connection_shows_no_secret() {
    let world = World::answering([found("DataExtension", &[])]);
    run(world.cloud.list()).unwrap();
    let printed = format!("{:?}", world.cloud);
    assert!(!printed.contains(SECRET) && !printed.contains("token-1"), "{printed}");
}
