//! Imports: what a definition says, which file it means, how tasks queue, and what becomes of each row.

mod apply;
mod csv;
mod pick;
mod tasks;

use serde::{Deserialize, Serialize};

pub use apply::{Counts, RowVerdict};
pub(super) use tasks::Imports;
pub use tasks::{Import, ImportOrigin, ImportStatus};

/// How rows of a file meet rows of the data extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateType {
    /// New rows are added, existing ones changed.
    #[default]
    AddAndUpdate,
    /// New rows are added, existing ones left alone.
    AddAndDoNotUpdate,
    /// Existing rows are changed, new ones left out.
    UpdateButDoNotAdd,
    /// All old rows go first.
    Overwrite,
    /// A column of the file says what to do with each row.
    ColumnBased,
}

impl UpdateType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::AddAndUpdate, Self::AddAndDoNotUpdate, Self::UpdateButDoNotAdd, Self::Overwrite, Self::ColumnBased];

    /// Its name in SOAP and in the one-time REST import.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddAndUpdate => "AddAndUpdate",
            Self::AddAndDoNotUpdate => "AddAndDoNotUpdate",
            Self::UpdateButDoNotAdd => "UpdateButDoNotAdd",
            Self::Overwrite => "Overwrite",
            Self::ColumnBased => "ColumnBased",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// `updateTypeId` of the automation routes; the number for `ColumnBased` is not known and is the sandbox's own.
    pub fn id(self) -> u64 {
        match self {
            Self::AddAndUpdate => 0,
            Self::AddAndDoNotUpdate => 1,
            Self::UpdateButDoNotAdd => 2,
            Self::Overwrite => 4,
            Self::ColumnBased => 5,
        }
    }

    /// The type of that number.
    pub fn of_id(id: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.id() == id)
    }
}

/// What the control column may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnAction {
    /// Add or change.
    AddAndUpdate,
    /// Add only. (Spelled with `But` here, with `And` as an update type.)
    AddButDoNotUpdate,
    /// Change only.
    UpdateButDoNotAdd,
    /// Delete the row.
    Delete,
    /// Do nothing.
    Skip,
}

impl ColumnAction {
    /// The action of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "addandupdate" => Some(Self::AddAndUpdate),
            "addbutdonotupdate" | "addanddonotupdate" => Some(Self::AddButDoNotUpdate),
            "updatebutdonotadd" => Some(Self::UpdateButDoNotAdd),
            "delete" => Some(Self::Delete),
            "skip" => Some(Self::Skip),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddAndUpdate => "AddAndUpdate",
            Self::AddButDoNotUpdate => "AddButDoNotUpdate",
            Self::UpdateButDoNotAdd => "UpdateButDoNotAdd",
            Self::Delete => "Delete",
            Self::Skip => "Skip",
        }
    }
}

/// The control column of a `ColumnBased` import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Heading of the column.
    pub column: String,
    /// For values without an action of their own; without one such rows are errors.
    pub default: Option<ColumnAction>,
    /// Value → action.
    pub actions: Vec<(String, ColumnAction)>,
}

/// How columns of the file find fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappingType {
    /// By headings.
    #[default]
    InferFromColumnHeadings,
    /// By position.
    MapByOrdinal,
    /// As the field maps say.
    ManualMap,
}

impl MappingType {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InferFromColumnHeadings => "InferFromColumnHeadings",
            Self::MapByOrdinal => "MapByOrdinal",
            Self::ManualMap => "ManualMap",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::InferFromColumnHeadings, Self::MapByOrdinal, Self::ManualMap].into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }
}

/// Where a mapped value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapSource {
    /// The column with that heading.
    Name(String),
    /// The column at that place, from 1.
    Ordinal(usize),
}

/// One mapped field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldMap {
    /// The column.
    pub source: MapSource,
    /// The field.
    pub destination: String,
}

/// What an empty file does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlankFile {
    /// The import fails.
    #[default]
    Fail,
    /// It is imported: under `Overwrite` that empties the data extension.
    Process,
    /// The import ends well and does nothing.
    Skip,
}

impl BlankFile {
    /// `blankFileProcessingType`.
    pub fn id(self) -> u64 {
        self as u64
    }

    /// The one of that number.
    pub fn of_id(id: u64) -> Option<Self> {
        [Self::Fail, Self::Process, Self::Skip].into_iter().find(|it| it.id() == id)
    }
}

/// Everything an import needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlan {
    /// ObjectID of the data extension.
    pub target: String,
    /// Key of the file location.
    pub location: String,
    /// Name or pattern of the file.
    pub file_spec: String,
    /// `file_spec` is a folder, and all files in it are meant.
    pub whole_folder: bool,
    /// How rows meet.
    pub update_type: UpdateType,
    /// How columns find fields.
    pub mapping: MappingType,
    /// The maps.
    pub maps: Vec<FieldMap>,
    /// The separator.
    pub delimiter: u8,
    /// Lines before the data; the last of them has the headings.
    pub header_lines: usize,
    /// Quotes mean something.
    pub quoted: bool,
    /// Bad rows are passed over; otherwise the first one ends the import.
    pub allow_errors: bool,
    /// Days come before months.
    pub day_first: bool,
    /// The file is removed afterwards.
    pub delete_file: bool,
    /// What an empty file does.
    pub blank_file: BlankFile,
    /// A cell with this text is NULL.
    pub null_text: String,
    /// The control column.
    pub control: Option<Control>,
    /// A file older than this many hours is not taken; 0 for any age.
    pub file_age_hours_max: i64,
}

impl Default for ImportPlan {
    fn default() -> Self {
        Self {
            target: String::new(),
            location: super::ENHANCED_FTP.to_owned(),
            file_spec: String::new(),
            whole_folder: false,
            update_type: UpdateType::default(),
            mapping: MappingType::default(),
            maps: Vec::new(),
            delimiter: b',',
            header_lines: 1,
            quoted: true,
            allow_errors: true,
            day_first: false,
            delete_file: false,
            blank_file: BlankFile::default(),
            null_text: String::new(),
            control: None,
            file_age_hours_max: 0,
        }
    }
}

/// A stored import definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// `ObjectID`.
    pub object_id: String,
    /// `CustomerKey`, at most 36 characters.
    pub key: String,
    /// `Name`.
    pub name: String,
    /// `Description`.
    pub description: String,
    /// What it does.
    pub plan: ImportPlan,
    /// `CSV`, `TAB` or `Other`.
    pub file_type: String,
    /// `LocaleCode` of dates.
    pub locale: String,
    /// Where notifications would go; nothing is sent.
    pub notify: String,
    /// `EncodingCodePage`; kept, files are read as UTF-8 all the same.
    pub code_page: Option<i64>,
    /// `MaxImportFrequency`, hours; kept.
    pub frequency_hours: i64,
    /// `MaxFileAgeScheduleOffset`, hours; kept.
    pub age_offset_hours: i64,
    /// `isOrderedImport` and `isSequential`; kept.
    pub ordered: bool,
    /// See `ordered`.
    pub sequential: bool,
    /// When it was made, unix milliseconds.
    pub created_ms: i64,
    /// When it was changed, unix milliseconds.
    pub modified_ms: i64,
}

/// Longest key of a definition.
pub const DEFINITION_KEY_CHARS_MAX: usize = 36;

impl Definition {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.key.is_empty() {
            return Some("The CustomerKey is missing.".to_owned());
        }
        if DEFINITION_KEY_CHARS_MAX < self.key.chars().count() {
            return Some(format!("The CustomerKey is longer than {DEFINITION_KEY_CHARS_MAX} characters."));
        }
        let missing = [
            ("Name", self.name.is_empty()),
            ("DestinationObject", self.plan.target.is_empty()),
            ("RetrieveFileTransferLocation", self.plan.location.is_empty()),
            ("FileSpec", self.plan.file_spec.is_empty()),
        ];
        if let Some((member, _)) = missing.into_iter().find(|(_, it)| *it) {
            return Some(format!("{member} is required."));
        }
        if self.plan.update_type == UpdateType::ColumnBased && self.plan.control.is_none() {
            return Some("ControlColumn is required for the update type ColumnBased.".to_owned());
        }
        if self.plan.mapping == MappingType::ManualMap && self.plan.maps.is_empty() {
            return Some("FieldMaps are required for the mapping type ManualMap.".to_owned());
        }
        None
    }
}

/// Whether a locale writes days before months. Only American English and a few others do not.
pub fn day_first(locale: &str) -> bool {
    let locale = locale.trim().replace('_', "-").to_ascii_lowercase();
    !matches!(locale.as_str(), "" | "en" | "en-us" | "en-ph" | "es-us" | "ja-jp" | "zh-cn" | "ko-kr")
}
