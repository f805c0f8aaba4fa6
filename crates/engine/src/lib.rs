//! How a run proceeds.
//!
//! ```text
//! resume ─► resolve ─► compare ─► seal ─► (plan stops here) ─► per part: transfer ─► import ─► settle ─► advance
//! ```
//!
//! Each step is a file under `steps`. Everything outside is behind a port (crate `outflow-ports`); every event goes through one
//! `recorder`, intent before effect, so that a crash anywhere is settled by the next run.

mod advance;
mod alike;
mod buckets;
mod column_sets;
mod compute;
mod digest;
mod error;
mod exits;
mod generation;
mod guard;
mod held;
mod history;
mod job;
mod key_store;
mod known;
mod layers;
mod model_rows;
mod model_set;
mod others;
mod pages;
mod part_files;
mod parts;
mod rebuild;
mod recorder;
mod rejects;
mod report;
mod resume;
mod run;
mod segments;
mod split;
mod steps;
mod table;
mod trail;
mod verify;
mod why;

pub use alike::AlikeKeys;
pub use compute::Compute;
pub use error::EngineError;
pub use guard::ApprovalRefused;
pub use job::{Job, Ports, RunOptions};
pub use rebuild::{Rebuilt, rebuild};
pub use rejects::{Reject, RejectReason, Rejects, has_compared, rejects};
pub use report::{
    Approved, Blocking, HeldReport, InvalidReport, KeyMoved, OldState, PartReport, PlanReport, RefusedReport, Round, RunReport,
    SkippedReport, WarnedReport, Warning, Widening,
};
pub use run::{abandon, plan, record_stop, run};
pub use split::Split;
pub use steps::{compare::Examples, import::import_name};
pub use trail::TRAIL_ENTRIES_MIN;
pub use verify::{Finding, Found, Verified, forget_drift, verify};
pub use why::{
    BaselineRow, Conclusion, DestinationRow, DoubtfulPart, InRun, KeyPart, ModelRow, Origin, Presence, Refusal, RowFate, RowInRun,
    RowReport, why,
};
