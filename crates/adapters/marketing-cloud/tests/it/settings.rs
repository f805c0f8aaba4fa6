//! No secret leaves for a stranger.

use outflow_domain::Secret;
use outflow_marketing_cloud::{InvalidSettings, Settings};

use crate::fake::SECRET;

fn by_subdomain(text: &str) -> Result<Settings, InvalidSettings> {
    Settings::for_subdomain("production", text, "client-id", Secret::new(SECRET))
}

fn by_url(text: &str) -> Result<Settings, InvalidSettings> {
    Settings::for_auth_url("production", text, "client-id", Secret::new(SECRET))
}

#[test]
fn a_plain_dns_label_is_a_subdomain() {
    for text in ["mc563885gzs27c5t9-63k636ttgm", "MC0", "a"] {
        assert!(by_subdomain(text).is_ok(), "{text}");
    }
}

#[test]
fn anything_else_is_refused() {
    let hostile = [
        "",
        " ",
        "-mc0",
        "mc0-",
        "mc0.evil",
        "evil.com/",
        "evil.com#",
        "evil.com?",
        "mc0@evil.com",
        "mc0:443",
        "mc0/",
        "mc0\\",
        "mc0\n",
        " mc0",
        "mc%30",
        "mç0",
        "xn--é",
        "..",
        "mc0_1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    for text in hostile {
        assert_eq!(by_subdomain(text).unwrap_err(), InvalidSettings::Subdomain { text: text.to_owned() });
    }
}

#[test]
fn addresses_are_the_tenants_own_or_loopback() {
    let good = [
        "https://mc0.auth.marketingcloudapis.com",
        "https://mc0.auth.marketingcloudapis.com/",
        "http://127.0.0.1:8080/",
        "http://127.8.9.1:8080",
        "http://localhost:1",
        "https://localhost:1/",
        "http://[::1]:1/",
    ];
    for text in good {
        assert!(by_url(text).is_ok(), "{text}");
    }
}

#[test]
fn addresses_of_strangers_are_refused() {
    let bad = [
        "http://mc0.auth.marketingcloudapis.com/",
        "https://mc0.auth.marketingcloudapis.com:8443/",
        "https://mc0.rest.marketingcloudapis.com/",
        "https://mc0.auth.marketingcloudapis.com.evil.com/",
        "https://evil.com/.auth.marketingcloudapis.com",
        "https://a.b.auth.marketingcloudapis.com/",
        "https://user@mc0.auth.marketingcloudapis.com/",
        "https://auth.marketingcloudapis.com/",
        "http://127.0.0.1.evil.com/",
        "http://localhost.evil.com/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "ftp://127.0.0.1/",
        "http://user:pass@127.0.0.1/",
        "not an address",
        "mailto:someone",
        "",
    ];
    for text in bad {
        assert_eq!(by_url(text).unwrap_err(), InvalidSettings::Address { text: text.to_owned() });
    }
}

#[test]
fn soap_and_rest_may_be_given_for_loopback_only() {
    let local = by_url("http://127.0.0.1:1/").unwrap();
    assert!(local.clone().with_soap_url("http://127.0.0.1:2/").is_ok());
    assert!(local.clone().with_rest_url("http://localhost:3").is_ok());
    assert!(local.with_soap_url("https://mc0.soap.marketingcloudapis.com/").is_err());
    let tenant = by_subdomain("mc0").unwrap();
    assert!(tenant.clone().with_soap_url("http://127.0.0.1:2/").is_err());
    assert!(tenant.with_rest_url("https://mc0.rest.marketingcloudapis.com/").is_err());
}

#[test]
fn blank_credentials_are_refused() {
    let blank = Settings::for_subdomain("production", "mc0", " ", Secret::new(SECRET)).unwrap_err();
    assert_eq!(blank, InvalidSettings::Blank { name: "production".to_owned(), member: "client_id" });
    assert!(Settings::for_subdomain("production", "mc0", "id", Secret::new("")).is_err());
}

#[test]
fn tenant_and_business_unit_have_one_name_for_good() {
    let unit = by_subdomain("MC0").unwrap().with_account(Some(510_001_234));
    assert_eq!(unit.tenant_name(), "mc0/510001234");
    assert_eq!(by_url("https://mc0.auth.marketingcloudapis.com").unwrap().tenant_name(), "mc0/owner");
    assert_eq!(by_url("http://127.0.0.1:1").unwrap().tenant_name(), by_url("http://127.0.0.1:2").unwrap().tenant_name());
}

#[test]
fn printing_settings_prints_no_secret() {
    assert!(!format!("{:?}", by_subdomain("mc0").unwrap()).contains(SECRET));
}
