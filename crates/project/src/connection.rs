//! A connection: one business unit of Marketing Cloud, and the road on which files reach it.
//!
//! Destinations name a connection, so that what they share is written once.

use std::fmt;

use jiff::civil::Date;
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
        Key::required(
            "client_secret",
            Kind::Secret,
            "${SFMC_CLIENT_SECRET}",
            "The package's client secret. Marketing Cloud takes it for 180 days.",
        ),
        Key::optional(
            "client_secret_expires",
            Kind::Text,
            "2027-03-31",
            "The day on which Marketing Cloud stops taking it. From 30 days before, every command that connects warns.",
        ),
        Key::optional(
            "staged_client_secret",
            Kind::Secret,
            "${SFMC_NEXT_CLIENT_SECRET}",
            "The next client secret, staged in the package: it is tried where `client_secret` is refused.",
        ),
        Key::optional(
            "staged_client_secret_expires",
            Kind::Text,
            "2027-09-30",
            "The day on which Marketing Cloud stops taking the staged one.",
        ),
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
    pub client_secret: ClientSecret,
    /// The one that is tried where that is refused.
    pub staged_client_secret: Option<ClientSecret>,
    /// The business unit (MID); the package's own where absent.
    pub account_id: Option<String>,
    /// REST on this machine, instead of what authentication tells.
    pub rest_url: Option<Url>,
    /// SOAP on this machine, instead of what authentication tells.
    pub soap_url: Option<Url>,
}

/// A client secret, which the service takes for 180 days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// The secret.
    pub text: Secret,
    /// The day on which the service stops taking it.
    pub expires: Option<Date>,
}

/// From so many days before a secret expires, people are warned.
const WARNED_DAYS: i32 = 30;

impl MarketingCloud {
    /// What is to be said of client secrets that expire soon or have expired, a sentence each.
    #[must_use]
    pub fn expiring(&self, today: Date) -> Vec<String> {
        let secrets = [("client_secret", Some(&self.client_secret)), ("staged_client_secret", self.staged_client_secret.as_ref())];
        let dated = secrets.into_iter().filter_map(|(name, it)| Some((name, it?.expires?)));
        dated
            .filter_map(|(name, day)| {
                let left = (day - today).get_days();
                match left {
                    ..=0 => Some(format!("`{name}` has expired on {day}")),
                    1..=WARNED_DAYS => Some(format!("`{name}` expires on {day}, in {left} day{}", if left == 1 { "" } else { "s" })),
                    _ => None,
                }
            })
            .map(|told| {
                let next =
                    if self.staged_client_secret.is_some() { "" } else { "; stage the next one in the package, as `staged_client_secret`" };
                format!("{told}{next}")
            })
            .collect()
    }
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
    let client_secret = client_secret(["client_secret", "client_secret_expires"], &entries, cx);
    let staged_client_secret = client_secret_that_follows(client_secret.as_ref(), &entries, cx);
    let account_id = entries.digits("account_id", cx);
    let rest_url = loopback_url("rest_url", &entries, cx);
    let soap_url = loopback_url("soap_url", &entries, cx);
    entries.finish();
    let tenant = subdomain.map(Tenant::Subdomain).or(auth_url.map(Tenant::At))?;
    let (client_id, client_secret) = (client_id?.value, client_secret?);
    Some(MarketingCloud { tenant, client_id, client_secret, staged_client_secret, account_id, rest_url, soap_url })
}

fn client_secret([name, expires]: [&str; 2], entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<ClientSecret> {
    let text = entries.secret(name, Lines::One, cx);
    let expires = entries.text(expires, cx).and_then(|it| {
        let day = it.value.trim().parse::<Date>().ok();
        if day.is_none() {
            cx.report(Code::InvalidValue, it.span, format!("`{}` is not a day", it.raw)).hint("year, month and day, such as `2027-03-31`");
        }
        day
    });
    Some(ClientSecret { text: text?, expires })
}

fn client_secret_that_follows(active: Option<&ClientSecret>, entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<ClientSecret> {
    const NAMES: [&str; 2] = ["staged_client_secret", "staged_client_secret_expires"];
    let staged = client_secret(NAMES, entries, cx);
    if entries.has(NAMES[1]) && !entries.has(NAMES[0]) {
        cx.report(Code::Conflict, entries.span_of(NAMES[1]), format!("`{}` needs `{}`", NAMES[1], NAMES[0]))
            .hint(format!("add `{}`, or call it `client_secret_expires`", NAMES[0]));
    }
    if let (Some(active), Some(staged)) = (active, &staged)
        && active.text == staged.text
    {
        cx.report(Code::Conflict, entries.span_of(NAMES[0]), format!("`{}` is just what `client_secret` is", NAMES[0]))
            .hint("remove it until the next secret is staged in the package");
    }
    staged
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn cloud(active: Option<Date>, staged: Option<Date>) -> MarketingCloud {
        let secret = |text: &str, expires| ClientSecret { text: Secret::new(text), expires };
        MarketingCloud {
            tenant: Tenant::Subdomain(Subdomain::new("mc-acme").unwrap()),
            client_id: "abc".into(),
            client_secret: secret("one", active),
            staged_client_secret: staged.map(|it| secret("two", Some(it))),
            account_id: None,
            rest_url: None,
            soap_url: None,
        }
    }

    #[test]
    fn a_secret_that_expires_is_told_from_thirty_days_before() {
        let day = date(2027, 3, 31);
        let told = |today| cloud(Some(day), None).expiring(today).join("; ");
        let next = "; stage the next one in the package, as `staged_client_secret`";
        assert_eq!(told(date(2027, 2, 28)), "");
        assert_eq!(told(date(2027, 3, 1)), format!("`client_secret` expires on 2027-03-31, in 30 days{next}"));
        assert_eq!(told(date(2027, 3, 30)), format!("`client_secret` expires on 2027-03-31, in 1 day{next}"));
        for today in [day, date(2028, 1, 1)] {
            assert_eq!(told(today), format!("`client_secret` has expired on 2027-03-31{next}"));
        }
        assert!(cloud(None, None).expiring(day).is_empty(), "nobody has told when");
    }

    #[test]
    fn the_staged_secret_is_told_too() {
        let told = cloud(Some(date(2027, 3, 31)), Some(date(2027, 4, 10))).expiring(date(2027, 3, 31));
        assert_eq!(told, ["`client_secret` has expired on 2027-03-31", "`staged_client_secret` expires on 2027-04-10, in 10 days"]);
    }
}
