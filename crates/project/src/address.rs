//! Addresses that secrets and customers' rows may travel to.

use std::net::IpAddr;

use url::{Host, Url};

use crate::{context::Context, problem::Code, reference::Text};

/// An address: https, or plain http to this machine itself. Without user, query and fragment, and ending with `/`.
pub(crate) fn service_url(text: &Text, cx: &mut Context<'_>) -> Option<Url> {
    let refuse = |cx: &mut Context<'_>, what: String, hint: &str| {
        cx.report(Code::Address, text.span, what).hint(hint);
        None
    };
    let Ok(mut url) = Url::parse(text.value.trim()) else {
        return refuse(cx, format!("`{}` is not an address", text.raw), "it begins with `https://`");
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return refuse(
                cx,
                format!("`{}` would send secrets in the clear", text.raw),
                "use `https://`; plain http is for this machine only",
            );
        }
        _ => return refuse(cx, format!("`{}` is not an address of a service", text.raw), "it begins with `https://`"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse(cx, format!("`{}` holds more than host and path", text.raw), "leave out user, password, `?…` and `#…`");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

/// Whether the address leads to this machine itself.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        Some(Host::Domain(it)) => is_loopback_host(it),
        None => false,
    }
}

/// Whether a host name or address means this machine itself.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// A host: a name of DNS labels, or an address.
pub(crate) fn host(text: &Text, cx: &mut Context<'_>) -> Option<String> {
    let value = text.value.trim();
    let is_label =
        |it: &str| is_dns_label(it) || (!it.is_empty() && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-'));
    if value.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Some(value.trim_matches(['[', ']']).to_owned());
    }
    if value.len() <= 253 && value.trim_end_matches('.').split('.').all(is_label) {
        return Some(value.to_owned());
    }
    cx.report(Code::Address, text.span, format!("`{}` is not a host", text.raw)).hint("a host alone, without `://`, user, port and path");
    None
}

/// Letters, digits and inner hyphens, at most 63 (<https://www.rfc-editor.org/rfc/rfc1123#section-2>).
pub(crate) fn is_dns_label(text: &str) -> bool {
    let is_allowed = text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
    (1..=63).contains(&text.len()) && is_allowed && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_only() {
        let check = |text: &str| is_loopback(&Url::parse(text).unwrap());
        assert!(["http://localhost:1/", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]:5/"].into_iter().all(check));
        assert!(
            !["http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://0.0.0.0"].into_iter().any(check)
        );
    }

    #[test]
    fn a_dns_label_is_plain() {
        assert!(["mc563885gzs27c5t9-63k636ttgm", "a", "A1"].into_iter().all(is_dns_label));
        assert!(!["", "-a", "a-", "a.b", "a/b", "a@b", "a:b", "ü", "a b"].into_iter().any(is_dns_label));
    }
}
