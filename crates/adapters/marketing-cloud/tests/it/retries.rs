//! What is sent again, when, and what is not.

use std::time::Duration;

use outflow_marketing_cloud::TransportError;
use outflow_ports::{CloudError, MarketingCloud};
use serde_json::json;

use crate::fake::*;

fn good() -> Reply {
    json_reply(200, json!({ "count": 7 }))
}

fn busy(status: u16) -> Reply {
    Ok(response(status, ""))
}

/// Counts rows against a script, and gives the outcome and the pauses in milliseconds.
fn count(replies: impl IntoIterator<Item = Reply>) -> (Result<u64, CloudError>, Vec<u128>) {
    let world = World::answering(replies);
    let counted = run(world.cloud.row_count(&key()));
    world.assert_over();
    (counted, world.clock.slept().iter().map(Duration::as_millis).collect())
}

#[test]
fn trouble_of_the_service_and_the_network_passes() {
    for trouble in [busy(429), busy(500), busy(502), busy(503), busy(504), busy(408), interrupted(), not_sent()] {
        let (counted, pauses) = count([trouble, good()]);
        assert_eq!(counted.unwrap(), 7);
        assert_eq!(pauses, [250]);
    }
}

#[test]
fn pauses_double() {
    let (counted, pauses) = count([busy(503), busy(503), busy(503), busy(503), busy(503), good()]);
    assert_eq!(counted.unwrap(), 7);
    assert_eq!(pauses, [250, 500, 1000, 2000, 4000]);
}

#[test]
fn after_six_attempts_the_reader_is_told() {
    let (counted, pauses) = count((0..6).map(|_| busy(503)));
    let error = counted.unwrap_err();
    assert!(matches!(&error, CloudError::Unavailable { attempts: 6, message, .. } if message == "HTTP 503"), "{error}");
    assert_eq!(pauses.len(), 5);
}

#[test]
fn the_wait_that_the_service_asks_for_is_kept() {
    let by_header = with_header(busy(429), "retry-after", "5");
    let by_body = json_reply(429, json!({ "errorcode": 50100, "message": "Rate limit exceeded", "retryAfter": 7 }));
    let by_date = with_header(busy(503), "Retry-After", "Thu, 01 Jan 1970 00:00:30 GMT");
    let (counted, pauses) = count([by_header, by_body, by_date, good()]);
    assert_eq!(counted.unwrap(), 7);
    // The date is 30 seconds after the beginning of the clock, of which 12 have passed.
    assert_eq!(pauses, [5000, 7000, 18000]);
}

#[test]
fn a_wait_in_the_past_is_no_wait() {
    let (counted, pauses) = count([with_header(busy(503), "Retry-After", "Wed, 31 Dec 1969 00:00:00 GMT"), good()]);
    assert_eq!(counted.unwrap(), 7);
    assert_eq!(pauses, [250]);
}

#[test]
fn a_wait_of_minutes_is_left_to_the_caller() {
    let (counted, pauses) = count([with_header(busy(429), "Retry-After", "3600")]);
    let error = counted.unwrap_err();
    let wait = Some(Duration::from_secs(3600));
    assert!(matches!(&error, CloudError::Unavailable { attempts: 1, retry_after, .. } if *retry_after == wait), "{error}");
    assert!(pauses.is_empty());
}

#[test]
fn chance_is_half_of_a_pause() {
    let clock = std::sync::Arc::new(FakeClock::default());
    let world = World::answering([busy(503), good()]);
    let cloud =
        outflow_marketing_cloud::SalesforceCloud::new(settings(), world.fake.clone(), clock.clone(), std::sync::Arc::new(NoChance(0xFF)));
    run(cloud.row_count(&key())).unwrap();
    let pause = clock.slept()[0];
    assert!((Duration::from_millis(499)..=Duration::from_millis(500)).contains(&pause), "{pause:?}");
}

#[test]
fn soap_throttling_is_a_500_without_a_fault_of_security() {
    for trouble in [busy(500), fault("Server", "Unplanned Outage"), Ok(response(500, "<html>busy</html>"))] {
        let world = World::answering([trouble, found("DataExtension", &[])]);
        assert_eq!(run(world.cloud.describe(&key())).unwrap(), None);
        assert_eq!(world.clock.slept().len(), 1);
    }
}

#[test]
fn what_the_service_would_refuse_again_is_not_sent_again() {
    let world = World::answering([fault("Client", "no such thing")]);
    let error = run(world.cloud.describe(&key())).unwrap_err();
    assert!(matches!(&error, CloudError::Refused { code, message, .. } if code == "Client" && message == "no such thing"), "{error}");
    for status in [400, 403, 404, 405, 409, 415, 301, 302] {
        let world = World::answering([Ok(response(status, ""))]);
        assert!(run(world.cloud.describe(&key())).is_err(), "{status}");
        assert_eq!(world.calls().len(), 1, "{status}");
    }
}

#[test]
fn a_certificate_that_does_not_verify_is_not_tried_again_and_named() {
    let wrong = TransportError::Certificate { host: "mc0.rest.marketingcloudapis.com".to_owned(), message: "expired".to_owned() };
    let (counted, pauses) = count([Err(wrong)]);
    let error = counted.unwrap_err().to_string();
    assert!(error.contains("the certificate of `mc0.rest.marketingcloudapis.com` does not verify (expired)"), "{error}");
    assert!(pauses.is_empty());
}
