//! SOAP faults: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/soap_faults.html>.

use roxmltree::{Document, Node};

use super::{ENVELOPE, ENVELOPE_12, answer::parse};
use crate::failure::Refusal;

/// Namespace of the details of a fault.
const DETAIL: &str = "urn:fault.partner.exacttarget.com";

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The token is expired or wrong.
    Security,
    /// The service is in trouble.
    Server,
    /// The request is wrong.
    Client,
}

/// A SOAP fault.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// `detail/apifault/Code`.
    pub(crate) code: Option<String>,
    /// The `faultstring`, or `detail/apifault/Message` where it says more.
    pub(crate) message: String,
}

// The text may quote values.
impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fault({:?}, {:?})", self.kind, self.code.as_deref().and_then(crate::words::code))
    }
}

impl Fault {
    /// The fault in an envelope, if there is one.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        // Most errors of proxies are pages of HTML; those are no faults.
        let text = std::str::from_utf8(body).ok()?;
        parse(text, Self::within).ok()?
    }

    pub(crate) fn within(document: &Document<'_>) -> Option<Self> {
        let is_envelope = |it: &Node<'_, '_>, name| it.has_tag_name((ENVELOPE, name)) || it.has_tag_name((ENVELOPE_12, name));
        let envelope = document.root_element();
        if !is_envelope(&envelope, "Envelope") {
            return None;
        }
        let body = envelope.children().find(|it| is_envelope(it, "Body"))?;
        body.children().find(|it| is_envelope(it, "Fault")).map(Self::read)
    }

    fn read(fault: Node<'_, '_>) -> Self {
        // Members of a SOAP 1.1 fault have no namespace.
        let text = |name: &str| {
            let member = fault.children().find(|it| it.is_element() && it.tag_name().name() == name);
            member.and_then(|it| it.text()).map(str::trim).filter(|it| !it.is_empty())
        };
        let code = text("faultcode").unwrap_or_default();
        let kind = match code.rsplit(':').next().unwrap_or_default() {
            "Security" => FaultKind::Security,
            "Client" | "Sender" => FaultKind::Client,
            _ => FaultKind::Server,
        };
        let detail = |name: &str| {
            let found = fault.descendants().find(|it| it.has_tag_name((DETAIL, name)));
            found.and_then(|it| it.text()).map(|it| it.trim().to_owned())
        };
        let message = text("faultstring").map(str::to_owned).or_else(|| detail("Message")).unwrap_or_default();
        Self { kind, code: detail("Code"), message }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let code = fault.code.or_else(|| Some(format!("{:?}", fault.kind)));
        Self { code, message: fault.message }
    }
}
