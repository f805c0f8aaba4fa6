//! What the code of a refused row tells: whether the reason lies in the row, and what a person can do.

use crate::run::RefusedRow;

/// The code where no code is known: the row was read back and is not what was sent, and the import's counts say that it was refused.
pub const UNEXPLAINED: &str = "unexplained";

/// After how long a row is sent again whose refusal may have passed by itself.
pub const RETRY_AFTER_MS: i64 = 24 * 3_600_000;

/// Codes of the service whose reason lies in the row itself, so that it would be refused again as it is: those of its list of import errors
/// that speak of a value (`InvalidChannelMember` and `InvalidContextStatus`, for instance, speak of other records).
const OF_VALUES: [&str; 14] = [
    "CaseSensitiveSalesforceID",
    "InvalidBoolean",
    "InvalidCountryCode",
    "InvalidDate",
    "InvalidDecimalPrecision",
    "InvalidDecimalScale",
    "InvalidEmailAddress",
    "InvalidEmailAddressLength",
    "InvalidEmailClass",
    "InvalidFieldCount",
    "InvalidLocale",
    "InvalidNumber",
    "InvalidPhone",
    "InvalidPhoneForCountryCode",
];

/// Whether a refusal may pass although nothing of ours changes: any whose reason is not known to lie in the row.
#[must_use]
pub fn may_pass(code: &str) -> bool {
    !OF_VALUES.contains(&code)
}

/// What a person can do about a refused row.
#[must_use]
pub fn remedy(code: &str) -> &'static str {
    match code {
        "InvalidEmailAddress" | "InvalidEmailAddressLength" | "InvalidEmailClass" => {
            "correct the address in the source, or map the column to a text field; the row is sent again once its values change"
        }
        "InvalidPhone" | "InvalidPhoneForCountryCode" | "InvalidCountryCode" => {
            "correct the number in the source, or use a text field, which takes any; the row is sent again once its values or the field's type change"
        }
        "GlobalUnsub" => "the address has unsubscribed from everything; the row is sent again once a day, or when it changes",
        UNEXPLAINED => {
            "the service gives no reason: compare the row with the fields' types and lengths; it is sent again once a day, or when it changes"
        }
        _ if may_pass(code) => "look the code up at Marketing Cloud; the row is sent again once a day, or when it changes",
        _ => {
            "correct the value in the source, or change the field; the row is sent again once its values, the mapping or the field's type change"
        }
    }
}

impl RefusedRow {
    /// Whether it is time to send the row again, although nothing has changed: its refusal may have passed, and a day has.
    #[must_use]
    pub fn is_due(&self, now_ms: i64) -> bool {
        may_pass(&self.code) && now_ms - self.at_ms >= RETRY_AFTER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{KeyFingerprint, RowFingerprint};

    fn is_due(code: &str, after_ms: i64) -> bool {
        let (key, row) = (KeyFingerprint(1), RowFingerprint::of(1));
        let refused = RefusedRow { key, row, code: code.into(), field: None, schema: String::new(), at_ms: 1_000 };
        refused.is_due(1_000 + after_ms)
    }

    #[test]
    fn a_value_that_is_wrong_stays_wrong() {
        assert!(!is_due("InvalidNumber", 10 * RETRY_AFTER_MS));
    }

    #[test]
    fn what_may_have_passed_is_tried_again_after_a_day() {
        for code in [UNEXPLAINED, "GlobalUnsub", "InvalidChannelMember", "a code nobody knows"] {
            assert!(!is_due(code, RETRY_AFTER_MS - 1), "{code}");
            assert!(is_due(code, RETRY_AFTER_MS), "{code}");
        }
    }
}
