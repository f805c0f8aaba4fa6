//! Whom to talk to, and the proof that nobody else is ever told a secret.

use std::{fmt, net::IpAddr};

use jiff::civil::Date;
use outflow_domain::Secret;
use url::{Host, Url};

/// The domain of all tenants' own hosts.
const TENANTS_DOMAIN: &str = "marketingcloudapis.com";

/// A tenant, a business unit of it, and an installed package's credentials.
///
/// A value of this type proves that its addresses are the tenant's own hosts by https, or loopback.
#[derive(Clone, Debug)]
pub struct Settings {
    name: String,
    tenant: Tenant,
    auth_url: Url,
    soap_url: Option<Url>,
    rest_url: Option<Url>,
    client_id: String,
    client_secret: ClientSecret,
    staged_secret: Option<ClientSecret>,
    account_id: Option<u64>,
}

/// A client secret. The service takes it for 180 days, and beside it one that is staged to follow:
/// <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/rotate-oauth2-secret.html>.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// The secret.
    pub text: Secret,
    /// The day on which the service stops taking it, as far as a person has told.
    pub expires: Option<Date>,
}

impl From<Secret> for ClientSecret {
    fn from(text: Secret) -> Self {
        Self { text, expires: None }
    }
}

/// Why settings are not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// The subdomain could lead the secret astray.
    #[error("`{text}` is not a tenant's subdomain: it takes letters, digits and `-` alone, such as `mc563885gzs27c5t9-63k636ttgm`")]
    Subdomain {
        /// The refused text.
        text: String,
    },
    /// An address that is neither the tenant's nor loopback.
    #[error(
        "`{text}` is no address to send secrets to: it must be https://SUBDOMAIN.auth.marketingcloudapis.com, or a loopback address such as http://127.0.0.1:8080"
    )]
    Address {
        /// The refused text.
        text: String,
    },
    /// SOAP or REST addresses are given where the service tells them itself.
    #[error("`{text}` is not taken: SOAP and REST addresses may be given for a loopback server only, the service tells its own")]
    Override {
        /// The refused text.
        text: String,
    },
    /// The client id or the secret is blank.
    #[error("`{member}` of the connection `{name}` is blank")]
    Blank {
        /// The connection.
        name: String,
        /// What is blank.
        member: &'static str,
    },
}

/// One of the three addresses of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Tokens.
    Auth,
    /// SOAP.
    Soap,
    /// REST.
    Rest,
}

impl Door {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Soap => "soap",
            Self::Rest => "rest",
        }
    }
}

/// Which hosts are the tenant's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// `{subdomain}.{auth|soap|rest}.marketingcloudapis.com`, by https on its usual port.
    Subdomain(String),
    /// A server on this machine, by http or https on any port.
    Loopback,
}

impl Tenant {
    /// Whether the address is the tenant's own door of that kind.
    pub(crate) fn admits(&self, url: &Url, door: Door) -> bool {
        let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        is_bare
            && match self {
                Self::Subdomain(subdomain) => {
                    let host = format!("{subdomain}.{}.{TENANTS_DOMAIN}", door.label());
                    url.scheme() == "https" && url.port().is_none() && url.host_str() == Some(host.as_str())
                }
                Self::Loopback => is_loopback(url),
            }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subdomain(subdomain) => f.write_str(subdomain),
            // A sandbox that is started again has other ports and is the same tenant.
            Self::Loopback => f.write_str("loopback"),
        }
    }
}

impl Settings {
    /// A tenant by its subdomain, the part before `.auth.marketingcloudapis.com`. Anything but a plain DNS label is refused.
    pub fn for_subdomain(
        name: impl Into<String>,
        subdomain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
    ) -> Result<Self, InvalidSettings> {
        let label = dns_label(subdomain).ok_or_else(|| InvalidSettings::Subdomain { text: subdomain.to_owned() })?;
        let address = format!("https://{label}.auth.{TENANTS_DOMAIN}/");
        let auth_url = Url::parse(&address).map_err(|_| InvalidSettings::Subdomain { text: subdomain.to_owned() })?;
        Self::checked(name.into(), Tenant::Subdomain(label), auth_url, client_id.into(), client_secret.into())
    }

    /// A tenant by the address of its token endpoint, with or without a slash at its end: the tenant's own auth host, or loopback.
    pub fn for_auth_url(
        name: impl Into<String>,
        auth_url: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
    ) -> Result<Self, InvalidSettings> {
        let refused = || InvalidSettings::Address { text: auth_url.to_owned() };
        let url = base_url(auth_url).ok_or_else(refused)?;
        let tenant = match url.host_str().and_then(|it| it.strip_suffix(&format!(".auth.{TENANTS_DOMAIN}"))) {
            Some(subdomain) => Tenant::Subdomain(dns_label(subdomain).ok_or_else(refused)?),
            None => Tenant::Loopback,
        };
        if !tenant.admits(&url, Door::Auth) {
            return Err(refused());
        }
        Self::checked(name.into(), tenant, url, client_id.into(), client_secret.into())
    }

    fn checked(
        name: String,
        tenant: Tenant,
        auth_url: Url,
        client_id: String,
        client_secret: ClientSecret,
    ) -> Result<Self, InvalidSettings> {
        let blank = |member| InvalidSettings::Blank { name: name.clone(), member };
        if client_id.trim().is_empty() {
            return Err(blank("client_id"));
        }
        if client_secret.text.expose().trim().is_empty() {
            return Err(blank("client_secret"));
        }
        Ok(Self { name, tenant, auth_url, soap_url: None, rest_url: None, client_id, client_secret, staged_secret: None, account_id: None })
    }

    /// Takes this secret where the other one is refused: the next one, before it becomes the only one.
    pub fn with_staged_secret(mut self, staged: Option<ClientSecret>) -> Result<Self, InvalidSettings> {
        if staged.as_ref().is_some_and(|it| it.text.expose().trim().is_empty()) {
            return Err(InvalidSettings::Blank { name: self.name, member: "staged_client_secret" });
        }
        self.staged_secret = staged;
        Ok(self)
    }

    /// Acts in the business unit of that MID rather than in the one that owns the package.
    #[must_use]
    pub fn with_account(mut self, account_id: Option<u64>) -> Self {
        self.account_id = account_id;
        self
    }

    /// Takes SOAP from here, whatever the token's answer says. For loopback only.
    pub fn with_soap_url(mut self, text: &str) -> Result<Self, InvalidSettings> {
        self.soap_url = Some(self.override_url(text)?);
        Ok(self)
    }

    /// Takes REST from here, whatever the token's answer says. For loopback only.
    pub fn with_rest_url(mut self, text: &str) -> Result<Self, InvalidSettings> {
        self.rest_url = Some(self.override_url(text)?);
        Ok(self)
    }

    fn override_url(&self, text: &str) -> Result<Url, InvalidSettings> {
        let url = base_url(text).filter(|it| self.tenant == Tenant::Loopback && is_loopback(it));
        url.ok_or_else(|| InvalidSettings::Override { text: text.to_owned() })
    }

    /// The connection's name in the project.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names tenant and business unit for good, such as `mc123…/510001234`; without an account id, `mc123…/owner` stands for the business
    /// unit that owns the package.
    #[must_use]
    pub fn tenant_name(&self) -> String {
        match self.account_id {
            Some(account_id) => format!("{}/{account_id}", self.tenant),
            None => format!("{}/owner", self.tenant),
        }
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(crate) fn auth_url(&self) -> &Url {
        &self.auth_url
    }

    pub(crate) fn given_url(&self, door: Door) -> Option<&Url> {
        match door {
            Door::Auth => Some(&self.auth_url),
            Door::Soap => self.soap_url.as_ref(),
            Door::Rest => self.rest_url.as_ref(),
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The client secrets by what they are called, in the order in which they are tried.
    pub(crate) fn client_secrets(&self) -> impl Iterator<Item = (&'static str, &ClientSecret)> {
        std::iter::once(("client_secret", &self.client_secret)).chain(self.staged_secret.as_ref().map(|it| ("staged_client_secret", it)))
    }

    pub(crate) const fn account_id(&self) -> Option<u64> {
        self.account_id
    }
}

/// The text in lower case, if it is one plain DNS label.
fn dns_label(text: &str) -> Option<String> {
    let is_plain = (1..=63).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    is_plain.then(|| text.to_ascii_lowercase())
}

/// The address with a slash at its end, so that paths can be appended.
pub(crate) fn base_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text.trim()).ok()?;
    if url.cannot_be_a_base() {
        return None;
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    let is_http = matches!(url.scheme(), "http" | "https");
    is_http
        && match url.host() {
            Some(Host::Ipv4(it)) => IpAddr::from(it).is_loopback(),
            Some(Host::Ipv6(it)) => IpAddr::from(it).is_loopback(),
            Some(Host::Domain(it)) => it == "localhost",
            None => false,
        }
}
