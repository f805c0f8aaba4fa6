//! Whatever comes over the wire: no panic, no endless loop, an error that says what is wrong.

use outflow_marketing_cloud::fuzzing::{parse_rest, parse_soap, parse_token};
use outflow_ports::{CloudError, MarketingCloud};

use crate::fake::*;

fn list(body: impl Into<Vec<u8>>) -> Result<usize, CloudError> {
    let world = World::answering([Ok(response(200, body))]);
    run(world.cloud.list()).map(|it| it.len())
}

fn whole_page() -> String {
    let reply = found("DataExtension", &["<ObjectID>1</ObjectID><CustomerKey>k</CustomerKey><Name>n &amp; &#233;ü</Name>"]);
    String::from_utf8(reply.unwrap().body.to_vec()).unwrap()
}

#[test]
fn an_answer_cut_at_any_byte_is_an_error() {
    let page = whole_page();
    assert_eq!(list(page.clone()).unwrap(), 1);
    for length in 0..page.len() {
        let error = list(&page.as_bytes()[..length]).unwrap_err();
        assert!(matches!(error, CloudError::Unreadable { .. }), "{length}: {error}");
    }
}

#[test]
fn names_of_other_namespaces_are_other_names() {
    let page = whole_page();
    for (right, wrong) in [
        ("http://exacttarget.com/wsdl/partnerAPI", "http://exacttarget.com/wsdl/partnerapi"),
        ("http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.xmlsoap.org/soap/envelope"),
        ("RetrieveResponseMsg", "UpdateResponse"),
    ] {
        let error = list(page.replace(right, wrong)).unwrap_err();
        assert!(matches!(error, CloudError::Unreadable { .. }), "{wrong}: {error}");
    }
}

#[test]
fn entities_are_refused_with_their_document_type() {
    let bomb = format!(
        r#"<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>{}"#,
        whole_page().replace(r#"<?xml version="1.0" encoding="utf-8"?>"#, "").replace("&amp;", "&b;")
    );
    assert!(matches!(list(bomb), Err(CloudError::Unreadable { .. })));
    let external = r#"<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>"#;
    assert!(matches!(list(external), Err(CloudError::Unreadable { .. })));
}

#[test]
fn a_hundred_thousand_elements_deep_is_no_stack() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(list(envelope(&deep)).is_err());
    parse_soap(deep.as_bytes());
    parse_soap("<a>".repeat(100_000).as_bytes());
    parse_rest("[".repeat(100_000).as_bytes());
    parse_rest("{\"a\":".repeat(100_000).as_bytes());
}

#[test]
fn what_is_no_utf_8_is_told_as_such() {
    let error = list(b"\xFF\xFE<\0a\0>".to_vec()).unwrap_err();
    assert!(matches!(&error, CloudError::Unreadable { message, .. } if message.contains("UTF-8")), "{error}");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(list(format!("\u{FEFF}{}", whole_page())).unwrap(), 1);
}

#[test]
fn more_pages_without_a_number_are_an_error() {
    let page = whole_page().replace(">OK<", ">MoreDataAvailable<").replace("<RequestID>page-id</RequestID>", "");
    assert!(matches!(list(page), Err(CloudError::Unreadable { .. })));
}

#[test]
fn objects_without_identity_are_passed_over() {
    let world = World::answering([found("DataExtension", &["<Name>n</Name>", "<ObjectID>1</ObjectID><CustomerKey> </CustomerKey>"])]);
    assert!(run(world.cloud.list()).unwrap().is_empty());
}

/// Good answers of every kind, as seeds.
fn seeds() -> Vec<Vec<u8>> {
    let replies = [
        found("DataExtension", &["<ObjectID>1</ObjectID><CustomerKey>k</CustomerKey><RetainUntil>5/9/2024 12:00</RetainUntil>"]),
        member_fields(),
        acted("UpdateResponse", "<StatusCode>Error</StatusCode><ErrorCode>2</ErrorCode>", "Has Errors"),
        token_expired(),
        found("ImportResultsSummary", &["<ImportStatus>Completed</ImportStatus><TaskResultID>7</TaskResultID><TotalRows>5</TotalRows>"]),
        token(1, "mc0"),
        json_reply(
            429,
            serde_json::json!({ "message": "m", "errorcode": 50100, "retryAfter": 5, "resultMessages": [{ "resultCode": "x" }] }),
        ),
        json_reply(
            200,
            serde_json::json!({ "count": 3, "items": [{ "rowId": 1, "validationErrorType": "X", "validationErrorDetails": "d" }] }),
        ),
        json_reply(
            200,
            serde_json::json!({ "summary": { "importStatus": "Success", "totalRows": 1e300, "errors": -1 }, "retryAfter": -1e300 }),
        ),
    ];
    replies.into_iter().map(|it| it.unwrap().body.to_vec()).collect()
}

#[test]
fn forty_thousand_broken_answers_break_nothing() {
    let pieces: [&[u8]; 12] =
        [b"<", b">", b"&", b"&#x0;", b"&#", b";", b"]]>", b"<![CDATA[", b"\xFF", b"\0", b"xsi:nil=\"true\"", b"99999999999999999999999999"];
    // A linear congruence is chance enough, and the same in every run.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let seeds = seeds();
    for _ in 0..40_000 {
        let mut body = seeds[chance(seeds.len())].clone();
        for _ in 0..=chance(4) {
            let at = chance(body.len());
            match chance(4) {
                0 => body.truncate(at),
                1 => drop(body.splice(at..at, pieces[chance(pieces.len())].iter().copied())),
                2 => drop(body.drain(at..(at + chance(9)).min(body.len()))),
                _ => {
                    let byte = chance(256) as u8;
                    body.get_mut(at).into_iter().for_each(|it| *it = byte);
                }
            }
        }
        parse_soap(&body);
        parse_rest(&body);
        parse_token(&body);
    }
}
