//! One switch for each thing that public material about the service does not settle.
//!
//! The defaults are the likelier answers. A client is right when it is right under every setting.

use serde::{Deserialize, Serialize};

use super::value_rules::{BooleanWords, EmailRule, LocaleRule, PhoneRule};

/// Where rows go that an update type leaves alone: `AddAndDoNotUpdate` with an existing key,
/// `UpdateButDoNotAdd` with a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoredRows {
    /// `NumberDuplicated`.
    Duplicated,
    /// `NumberRestricted`.
    Restricted,
    /// `NumberErrors`.
    Errors,
    /// `NumberSuccessful`, as if they had been written.
    Successful,
    /// No counter, though `TotalRows` includes them.
    #[default]
    Nowhere,
}

/// How row-level validation results number the rows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowNumbering {
    /// Counting begins at 1 rather than 0.
    pub from_one: bool,
    /// The header takes a number too.
    pub header_counts: bool,
    /// Physical lines are counted, so that a line break inside a cell shifts what follows.
    pub physical_lines: bool,
}

impl Default for RowNumbering {
    fn default() -> Self {
        Self { from_one: true, header_counts: false, physical_lines: false }
    }
}

/// What a blank cell of an import does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankCells {
    /// NULL for every type.
    #[default]
    Null,
    /// The empty string for text-like types, NULL for others.
    EmptyText,
    /// The field's default where it has one, NULL elsewhere.
    Default,
    /// The stored value stays; a new row gets the field's default, or NULL.
    Keep,
}

/// What happens to several rows of one file with equal keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateRows {
    /// The last one counts; earlier ones are counted as duplicates.
    #[default]
    LastWins,
    /// The first one counts; later ones are counted as duplicates.
    FirstWins,
    /// None of them is written; all are errors.
    AllRefused,
    /// All are written one after another, and all count as successful.
    AllApplied,
}

/// When two texts are the same key. Trailing spaces never matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFolding {
    /// Case is ignored, one character for one: `ABC` = `abc`, `straße` ≠ `strasse`.
    #[default]
    Simple,
    /// Case is ignored with expansions: `straße` = `STRASSE`, `ﬁ` = `fi`.
    Full,
    /// As `Full`, and accents of Latin letters are ignored too: `é` = `e`.
    Accents,
    /// Nothing but trailing spaces is ignored.
    CaseSensitive,
}

/// What the REST one-time import says to everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestImport {
    /// It takes requests with `source`, `target`, `mapping` and `transport` as objects.
    #[default]
    Nested,
    /// It takes only requests with all members at the top.
    Flat,
    /// 403, as for a package without the permission.
    Forbidden,
    /// 404, as on a tenant that does not have the feature.
    Missing,
}

/// How a finished import with refused rows calls itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishedStatus {
    /// `Completed`, errors or not.
    #[default]
    Completed,
    /// `Success` in the REST summary, `Completed` in SOAP.
    Success,
    /// `Error` as soon as one row was refused, though the others were written.
    ErrorWithErrors,
}

/// All switches. Missing members of a JSON document keep their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Which counter takes rows that the update type ignores.
    pub ignored_rows: IgnoredRows,
    /// How validation results number rows.
    pub row_numbering: RowNumbering,
    /// Validation results end after so many rows, silently.
    pub validation_rows_max: Option<usize>,
    /// Validation results carry one entry for each bad cell, not one for each bad row.
    pub validation_every_cell: bool,
    /// What a blank cell does.
    pub blank_cells: BlankCells,
    /// What equal keys in one file do.
    pub duplicate_rows: DuplicateRows,
    /// When keys are equal.
    pub key_folding: KeyFolding,
    /// What a Phone field takes.
    pub phone_rule: PhoneRule,
    /// What a Locale field takes.
    pub locale_rule: LocaleRule,
    /// What an EmailAddress field takes.
    pub email_rule: EmailRule,
    /// What a Boolean field takes.
    pub boolean_words: BooleanWords,
    /// What the one-time REST import takes.
    pub rest_import: RestImport,
    /// The one-time REST import knows `ManualMap`; otherwise it takes headings and ordinals only.
    pub rest_import_manual_map: bool,
    /// `ColumnBased` imports are refused.
    pub control_columns_refused: bool,
    /// A cell with a line break makes its row an error.
    pub multi_line_cells_refused: bool,
    /// `Overwrite` is refused where the data extension has a primary key.
    pub overwrite_needs_no_key: bool,
    /// A file that begins with a byte order mark has it in its first heading.
    pub byte_order_mark_spoils_header: bool,
    /// A heading that no field is mapped to fails the import; otherwise it is passed over.
    pub unmapped_header_refused: bool,
    /// The one-time import removes its file from the Enhanced FTP.
    pub rest_import_deletes_file: bool,
    /// A definition's import removes its file even without `DeleteFile`.
    pub definition_import_deletes_file: bool,
    /// Hours the servers' clock is away from UTC: −6, on one stack −7.
    pub server_offset_hours: i64,
    /// A retrieve of rows may ask for `_CustomObjectKey`.
    pub custom_object_key_retrievable: bool,
    /// A row made again under the key of one that was deleted gets the deleted one's `_CustomObjectKey`.
    pub remade_rows_keep_number: bool,
    /// Deleting a row that is not there is called done; otherwise it is an error of that row.
    pub absent_deletes_succeed: bool,
    /// SOAP answers carry a carriage return unescaped, so that XML readers turn `\r\n` into `\n`.
    pub soap_loses_carriage_returns: bool,
    /// Rows cannot be read, by SOAP or by REST.
    pub row_reading_refused: bool,
    /// Updating a row restarts its row-based retention.
    pub update_prolongs_retention: bool,
    /// The status of a finished import.
    pub finished_status: FinishedStatus,
    /// Retrieving a task's result gives two rows, an older `Processing` one first.
    pub two_result_rows: bool,
    /// `ImportResultsSummary` answers for the id of a one-time REST import too.
    pub rest_import_in_results: bool,
    /// This many retrieves of a fresh task's results give no row.
    pub empty_polls: u32,
    /// Milliseconds an import stays `New` before it reads its file.
    pub import_new_ms: i64,
    /// Milliseconds an import stays `Processing`.
    pub import_processing_ms: i64,
    /// Milliseconds before asynchronous rows are picked up; until then `status` is missing.
    pub async_rows_ms: i64,
    /// Seconds a token lives.
    pub token_lives_s: i64,
    /// Scopes that no token gets, as an installed package without the permission.
    pub scopes_withheld: Vec<String>,
    /// Rows on one page of a retrieve, at most.
    pub page_rows_max: usize,
    /// A fault, not an error status, when a continuation is asked for that is older than this many seconds.
    pub continuation_lives_s: i64,
    /// Objects in one asynchronous row request, at most.
    pub async_rows_max: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            ignored_rows: IgnoredRows::default(),
            row_numbering: RowNumbering::default(),
            validation_rows_max: None,
            validation_every_cell: false,
            blank_cells: BlankCells::default(),
            duplicate_rows: DuplicateRows::default(),
            key_folding: KeyFolding::default(),
            phone_rule: PhoneRule::default(),
            locale_rule: LocaleRule::default(),
            email_rule: EmailRule::default(),
            boolean_words: BooleanWords::default(),
            rest_import: RestImport::default(),
            rest_import_manual_map: false,
            control_columns_refused: false,
            multi_line_cells_refused: false,
            overwrite_needs_no_key: false,
            byte_order_mark_spoils_header: true,
            unmapped_header_refused: false,
            rest_import_deletes_file: true,
            definition_import_deletes_file: false,
            server_offset_hours: -6,
            custom_object_key_retrievable: true,
            remade_rows_keep_number: false,
            absent_deletes_succeed: false,
            soap_loses_carriage_returns: false,
            row_reading_refused: false,
            update_prolongs_retention: true,
            finished_status: FinishedStatus::default(),
            two_result_rows: false,
            rest_import_in_results: true,
            empty_polls: 1,
            import_new_ms: 50,
            import_processing_ms: 100,
            async_rows_ms: 50,
            token_lives_s: 1079,
            scopes_withheld: Vec::new(),
            page_rows_max: 2500,
            continuation_lives_s: 3600,
            async_rows_max: 32_000,
        }
    }
}

impl Switches {
    /// Everything that is asynchronous happens at the next call, and no poll is empty: for simulated worlds.
    pub fn instant() -> Self {
        Self { empty_polls: 0, import_new_ms: 0, import_processing_ms: 0, async_rows_ms: 0, ..Self::default() }
    }
}
