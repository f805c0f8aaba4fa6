//! The service's host names, as far as the proxy stands in for them.

/// The domains under which every tenant has its subdomain (Salesforce developer guide, "Your Subdomain
/// and Your Tenant's Endpoints").
pub(crate) const SERVICE_DOMAINS: [&str; 3] = ["auth.marketingcloudapis.com", "rest.marketingcloudapis.com", "soap.marketingcloudapis.com"];

/// Which of a tenant's three hosts a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceHost {
    /// Tokens.
    Auth,
    /// REST routes.
    Rest,
    /// The SOAP endpoint.
    Soap,
}

impl ServiceHost {
    /// The tenant host that `name` is, without regard to case; `None` for any other host.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (subdomain, domain) = name.split_once('.')?;
        if subdomain.is_empty() {
            return None;
        }
        let at = SERVICE_DOMAINS.iter().position(|known| *known == domain)?;
        Some([Self::Auth, Self::Rest, Self::Soap][at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_hosts_are_known() {
        let tenant = "mct0l7nxfq2r988t1kxfy8sc4xxx";
        for (domain, host) in SERVICE_DOMAINS.into_iter().zip([ServiceHost::Auth, ServiceHost::Rest, ServiceHost::Soap]) {
            assert_eq!(ServiceHost::of(&format!("{tenant}.{domain}")), Some(host));
        }
    }

    #[test]
    fn case_is_no_matter() {
        assert_eq!(ServiceHost::of("MC1.Auth.MarketingCloudApis.com"), Some(ServiceHost::Auth));
    }

    #[test]
    fn other_hosts_are_not_the_services() {
        for name in [
            "auth.marketingcloudapis.com",
            ".auth.marketingcloudapis.com",
            "a.b.auth.marketingcloudapis.com",
            "x.auth.marketingcloudapis.com.example.org",
            "example.org",
            "localhost",
        ] {
            assert_eq!(ServiceHost::of(name), None, "{name}");
        }
    }
}
