//! What the service's errors mean to the person who must act.

use object_store::Error;
use outflow_ports::FileStoreError;

use crate::settings::Endpoint;

/// Codes that say who we are is wrong.
const LOGIN: [&str; 7] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidClientTokenId",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
];
/// Codes that say the bucket is elsewhere.
const REGION: [&str; 3] = ["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"];
/// Codes that pass by themselves.
const PASSING: [&str; 6] = ["InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "NoSuchUpload"];
/// Codes of services that have a limit.
const FULL: [&str; 4] = ["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge"];

/// Tells an error of the service in the words of the port; `name` is the file.
pub(crate) fn told(error: &Error, endpoint: &Endpoint, name: &str) -> FileStoreError {
    let text = chain(error);
    let (store, name, user) = (endpoint.store.clone(), name.to_owned(), endpoint.user.clone());
    let is_one_of = |codes: &[&str]| element(&text, "Code").is_some_and(|it| codes.contains(&it));
    let message = match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        (Some(code), None) => code.to_owned(),
        _ => text.clone(),
    };
    if is_one_of(&["NoSuchBucket"]) {
        let message = format!("there is no bucket `{}`", endpoint.bucket);
        return FileStoreError::Refused { store, name, message };
    }
    if is_one_of(&REGION) || text.contains("redirect without LOCATION") {
        let message = format!("the bucket is not in the region `{}`: {message}", endpoint.region);
        return FileStoreError::Refused { store, name, message };
    }
    if is_one_of(&LOGIN) {
        return FileStoreError::LoginRefused { store, user, message };
    }
    if is_one_of(&FULL) {
        return FileStoreError::Full { store, name, message };
    }
    if is_one_of(&PASSING) {
        return FileStoreError::Unreachable { store, message };
    }
    match error {
        Error::Unauthenticated { .. } => FileStoreError::LoginRefused { store, user, message },
        Error::PermissionDenied { .. } | Error::NotFound { .. } | Error::InvalidPath { .. } => {
            FileStoreError::Refused { store, name, message }
        }
        // Any other no that the service gave a reason for will be the same next time.
        _ if element(&text, "Code").is_some() => FileStoreError::Refused { store, name, message },
        _ => FileStoreError::Unreachable { store, message },
    }
}

/// The error and what lies beneath it; a text that repeats the one above is left out.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = error.source();
    }
    text
}

/// The text of an element of the service's answer. Its errors are flat, and their codes plain words.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::element;

    #[test]
    fn an_element_is_found() {
        let text = "status code: 403: <Error><Code>AccessDenied</Code><Message> No. </Message></Error>";
        assert_eq!((element(text, "Code"), element(text, "Message")), (Some("AccessDenied"), Some("No.")));
        assert_eq!(element(text, "Region"), None);
        assert_eq!(element("<Code>torn", "Code"), None);
    }
}
