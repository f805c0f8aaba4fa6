//! Names that were checked once and are trusted afterwards.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing is left after trimming.
    #[error("a {what} must not be empty")]
    Empty {
        /// What kind of name it should have been.
        what: &'static str,
    },
    /// Longer than allowed.
    #[error("`{text}` has {chars} characters; a {what} has at most {chars_max}")]
    TooLong {
        /// What kind of name it should have been.
        what: &'static str,
        /// The refused text.
        text: String,
        /// How long it is.
        chars: usize,
        /// How long it may be.
        chars_max: usize,
    },
    /// A character that is not allowed.
    #[error("`{text}` contains `{found}`; a {what} takes {allowed}")]
    Character {
        /// What kind of name it should have been.
        what: &'static str,
        /// The refused text.
        text: String,
        /// The first refused character.
        found: char,
        /// The allowed characters, for a person.
        allowed: &'static str,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $chars_max:expr, $allowed:literal, $allow:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Most characters such a name may have.
            pub const CHARS_MAX: usize = $chars_max;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let what = $what;
                let text = text.trim();
                if text.is_empty() {
                    return Err(InvalidName::Empty { what });
                }
                let chars = text.chars().count();
                if chars > Self::CHARS_MAX {
                    return Err(InvalidName::TooLong { what, text: text.to_owned(), chars, chars_max: Self::CHARS_MAX });
                }
                let allow: fn(char) -> bool = $allow;
                if let Some(found) = text.chars().find(|&it| !allow(it)) {
                    return Err(InvalidName::Character { what, text: text.to_owned(), found, allowed: $allowed });
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a source, model, segment, destination or activation in a project.
    Name, "name", 60, "letters, digits, `_` and `-`", |it| it.is_ascii_alphanumeric() || it == '_' || it == '-'
}
name! {
    /// The external key of a data extension. Marketing Cloud refuses more than 200 characters, and advises at most 36.
    DataExtensionKey, "data extension key", 200, "any character but control characters", |it| !it.is_control()
}
name! {
    /// The name of a data extension as people see it, unique in its business unit.
    DataExtensionName, "data extension name", 100, "any character but control characters", |it| !it.is_control()
}
name! {
    /// The name of a folder; `/` stands between folders of a path.
    FolderName, "folder name", 100, "any character but `/` and control characters", |it| it != '/' && !it.is_control()
}
name! {
    /// The name of a field of a data extension, spelled as the service spells it. Names compare without regard to case: see [`FieldName::folded`].
    FieldName, "field name", 128, "any character but control characters", |it| !it.is_control()
}
name! {
    /// A literal file name: letters, digits, `_`, `-` and dots, so that no pattern or directory can hide in it.
    ///
    /// The Enhanced FTP refuses `\ / : * < > | ? "`, and `%%` would be a substitution.
    FileName, "file name", 120, "letters, digits, `_`, `-` and `.`", |it| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.')
}

impl FieldName {
    /// The name as Marketing Cloud compares it: without regard to case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether both names mean the same column.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

/// Identifies one data extension for good: a re-created one has another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId(pub String);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies a run: time-ordered and unique within a ledger, such as `20261123T041007Z-7f3a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_kept() {
        assert_eq!(" loyalty-members ".parse::<Name>().unwrap().as_str(), "loyalty-members");
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert_eq!("  ".parse::<DataExtensionKey>(), Err(InvalidName::Empty { what: "data extension key" }));
    }

    #[test]
    fn a_file_name_hides_no_folder() {
        let refused = "../x.csv".parse::<FileName>().unwrap_err();
        assert!(matches!(refused, InvalidName::Character { found: '/', .. }), "{refused}");
    }

    #[test]
    fn field_names_compare_without_case() {
        assert!("E-Mail".parse::<FieldName>().unwrap().is_same_as(&"e-mail".parse().unwrap()));
    }
}
