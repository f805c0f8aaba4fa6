//! Why a call has no good answer, as the parts of this crate tell each other.

use outflow_ports::CloudError;

use crate::words;

/// A call without a good answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the caller of the port is told.
    pub(crate) error: CloudError,
    /// Whether the service may have acted on the call all the same.
    pub(crate) may_have_acted: bool,
    /// The HTTP status, where an answer came.
    pub(crate) status: Option<u16>,
}

impl Failure {
    /// The answer came and cannot be made sense of: whatever was asked for may have been done.
    pub(crate) fn unreadable(action: &str, message: impl Into<String>) -> Self {
        let error = CloudError::Unreadable { action: action.to_owned(), message: message.into() };
        Self { error, may_have_acted: true, status: Some(200) }
    }

    /// The service said no.
    pub(crate) fn refused(action: &str, status: u16, refusal: &Refusal, privacy: Privacy) -> Self {
        Self { error: refusal.to_error(action, status, privacy), may_have_acted: false, status: Some(status) }
    }
}

impl From<Failure> for CloudError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Whether the service's words about a call may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// The call is about data extensions, definitions, imports: shown without what looks like a value.
    Metadata,
    /// The call is about rows: never shown.
    Rows,
}

impl Privacy {
    pub(crate) fn show(self, text: &str) -> String {
        match self {
            Self::Metadata => words::without_values(text),
            Self::Rows => words::WITHHELD.to_owned(),
        }
    }
}

/// A refusal as the service worded it, not yet fit to be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its code, if it gave one.
    pub(crate) code: Option<String>,
    /// Its text.
    pub(crate) message: String,
}

// The text may quote values.
impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Refusal({:?}, {} characters)", self.code.as_deref().and_then(words::code), self.message.chars().count())
    }
}

impl Refusal {
    pub(crate) fn to_error(&self, action: &str, status: u16, privacy: Privacy) -> CloudError {
        let action = action.to_owned();
        let message = privacy.show(&self.message);
        let code = self.code.as_deref().and_then(words::code);
        if self.is_about_permission(status) {
            return CloudError::Forbidden { action, message };
        }
        let code = code.unwrap_or_else(|| if status == 200 { "Error".to_owned() } else { format!("HTTP {status}") });
        CloudError::Refused { action, code, message }
    }

    /// Permissions show as 401 and 403, as SOAP code 4, as REST codes 20000 to 20002, or in words alone.
    fn is_about_permission(&self, status: u16) -> bool {
        let code = self.code.as_deref();
        matches!(status, 401 | 403)
            || (status == 200 && code == Some("4"))
            || matches!(code, Some("20000" | "20001" | "20002"))
            || words::is_about_permission(&self.message)
    }
}
