//! A connection: one business unit of Marketing Cloud, and the road on which files reach it.
//!
//! Destinations name a connection, so that what they share is written once.

use std::fmt;

use outflow_domain::{Name, Secret};
use url::Url;

use crate::{
    address::{is_dns_label, is_loopback, service_url},
    context::Context,
    entries::{Entries, Named},
    file_route::{FILE_ROUTE, FileRoute, file_route},
    problem::Code,
    reference::Lines,
    shape::{Key, Kind, Shape},
};

pub(crate) static CONNECTION: Shape = Shape {
    id: "connection",
    what: "a connection",
    about: "One business unit of Marketing Cloud, and the road on which files reach it. Several destinations may share it.",
    keys: &[
        Key::required("marketing_cloud", Kind::Object(&MARKETING_CLOUD), "{subdomain: …}", "How to reach the tenant and as whom."),
        Key::required("file_route", Kind::Object(&FILE_ROUTE), "{sftp: …}", "Where files are put for the tenant to pick up."),
    ],
    exactly_one: &[],
};

pub(crate) static MARKETING_CLOUD: Shape = Shape {
    id: "marketing_cloud",
    what: "a Marketing Cloud",
    about: "The tenant, by `subdomain` or `auth_url`, and the installed package (server-to-server) that acts in it.",
    keys: &[
        Key::optional(
            "subdomain",
            Kind::Text,
            "mc563885gzs27c5t9-63k636ttgm",
            "The tenant's subdomain: what stands before `.auth.marketingcloudapis.com` in the package's addresses.",
        ),
        Key::optional(
            "auth_url",
            Kind::Text,
            "https://mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com/",
            "The address of authentication, instead of `subdomain`. Plain http only for this machine, such as the sandbox.",
        ),
        Key::required("client_id", Kind::Text, "${SFMC_CLIENT_ID}", "The package's client id."),
        Key::required("client_secret", Kind::Secret, "${SFMC_CLIENT_SECRET}", "The package's client secret."),
        Key::optional("account_id", Kind::Digits, "510001234", "The business unit (MID). Without it, the one that owns the package."),
        Key::optional(
            "rest_url",
            Kind::Text,
            "http://127.0.0.1:8081/",
            "The address of REST, where the sandbox has it; only for this machine. A tenant tells its own.",
        ),
        Key::optional(
            "soap_url",
            Kind::Text,
            "http://127.0.0.1:8082/Service.asmx",
            "The address of SOAP, where the sandbox has it; only for this machine. A tenant tells its own.",
        ),
    ],
    exactly_one: &[&["subdomain", "auth_url"]],
};

/// One business unit of Marketing Cloud, and the road on which files reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: Name,
    /// The tenant and who acts in it.
    pub marketing_cloud: MarketingCloud,
    /// Where files are put.
    pub file_route: FileRoute,
}

/// The tenant and who acts in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketingCloud {
    /// Where to authenticate.
    pub tenant: Tenant,
    /// The package's client id.
    pub client_id: String,
    /// The package's client secret.
    pub client_secret: Secret,
    /// The business unit (MID); the package's own where absent.
    pub account_id: Option<String>,
    /// REST on this machine, instead of what authentication tells.
    pub rest_url: Option<Url>,
    /// SOAP on this machine, instead of what authentication tells.
    pub soap_url: Option<Url>,
}

/// Where to authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// A tenant of the service.
    Subdomain(Subdomain),
    /// An address: https, or plain http to this machine.
    At(Url),
}

impl Tenant {
    /// The address of authentication, ending with `/`.
    ///
    /// Its form: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/access-token-s2s>.
    #[must_use]
    pub fn auth_url(&self) -> Url {
        match self {
            Self::At(url) => url.clone(),
            Self::Subdomain(it) => {
                Url::parse(&format!("https://{it}.auth.marketingcloudapis.com/")).expect("a DNS label before a host name is a host name")
            }
        }
    }
}

/// A tenant's subdomain: a single plain DNS label in lower case, so that no text in its place can lead secrets to another host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subdomain(String);

impl Subdomain {
    /// The label, if it is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        is_dns_label(text.trim()).then(|| Self(text.trim().to_ascii_lowercase()))
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decodes a connection.
pub(crate) fn connection(named: &Named<'_>, cx: &mut Context<'_>) -> Option<Connection> {
    let entries = Entries::open(named.value, &CONNECTION, named.span, cx)?;
    let marketing_cloud = entries.object("marketing_cloud", cx).and_then(|it| marketing_cloud(it, cx));
    let file_route = entries.object("file_route", cx).and_then(|it| file_route(it, cx));
    entries.finish();
    Some(Connection { name: named.name.clone(), marketing_cloud: marketing_cloud?, file_route: file_route? })
}

fn marketing_cloud(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<MarketingCloud> {
    let subdomain = entries.text("subdomain", cx).and_then(|it| {
        let subdomain = Subdomain::new(&it.value);
        if subdomain.is_none() {
            cx.report(Code::Address, it.span, format!("`{}` is not a subdomain of Marketing Cloud", it.raw))
                .hint("only what stands before `.auth.marketingcloudapis.com`: letters, digits and hyphens");
        }
        subdomain
    });
    let auth_url = entries.text("auth_url", cx).and_then(|it| service_url(&it, cx));
    let client_id = entries.text("client_id", cx);
    let client_secret = entries.secret("client_secret", Lines::One, cx);
    let account_id = entries.digits("account_id", cx);
    let rest_url = loopback_url("rest_url", &entries, cx);
    let soap_url = loopback_url("soap_url", &entries, cx);
    entries.finish();
    let tenant = subdomain.map(Tenant::Subdomain).or(auth_url.map(Tenant::At))?;
    Some(MarketingCloud { tenant, client_id: client_id?.value, client_secret: client_secret?, account_id, rest_url, soap_url })
}

fn loopback_url(name: &str, entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<Url> {
    let text = entries.text(name, cx)?;
    let url = service_url(&text, cx)?;
    if !is_loopback(&url) {
        cx.report(Code::Address, text.span, format!("`{name}` is for services on this machine only"))
            .hint("remove it; a tenant tells its own addresses");
        return None;
    }
    Some(url)
}
