//! What things are: the values and rules of Outflow.
//!
//! This crate knows no I/O, no async, no clock and no Arrow. Everything here can be built, compared and checked in a test of one line.

pub mod activation;
pub mod data_extension;
pub mod field_type;
pub mod fingerprint;
pub mod guard;
pub mod history;
pub mod import;
pub mod mapping;
pub mod model;
pub mod names;
pub mod outcome;
pub mod refusal;
pub mod run;
pub mod secret;
pub mod table;
pub mod verdict;

pub use activation::{Activation, FieldWish, Flag, ImportRoute, InsertMode, OnExit, WhenNull};
pub use data_extension::{DataExtension, Field, NewColumn};
pub use field_type::{FieldType, InvalidFieldType};
pub use fingerprint::{KeyFingerprint, RowFingerprint};
pub use guard::{EmptySource, Guard, Guards, Held, Hold, Limit, Tripped};
pub use history::{HistoryFile, HistoryKind};
pub use import::{ImportCounts, ImportId, ImportOrder, ImportStatus, Route, RowRefusal};
pub use mapping::{MappedField, Mapping, MappingProblem};
pub use model::{ModelColumn, ModelType};
pub use names::{DataExtensionKey, DataExtensionName, FieldName, FileName, FolderName, Name, ObjectId, RunId};
pub use outcome::{Outcome, OutcomeCounts, Sent, Withheld, Write};
pub use run::{
    ActivationState, BaselineRef, ConfirmedSegment, Evidence, Identity, ImpossibleEvent, LATE_CALL_MS, Manifest, OpenPart, PartPlan,
    PartStage, PlanId, Purpose, RefusedRow, RunEvent, RunRecord, RunResult, SegmentRef,
};
pub use secret::Secret;
pub use table::{
    CreateWish, FolderPath, NewDataExtension, NewField, Period, Removes, Retention, Sendable, SubscriberField, Table, TableWish,
    TypeChange, WiderColumn,
};
pub use verdict::{CellProblem, CellWarning};
