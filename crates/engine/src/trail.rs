//! The order of the model's rows, noted once for a base and followed from then on.
//!
//! No event names a trail: it is found beside its base, says itself which one it leads along, and is done without wherever anything about it
//! is not as it should be. So nothing here can fail a run.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use outflow_baseline::{SegmentInfo, Steps, Trail, TrailWriter, Way};
use outflow_domain::SegmentRef;
use outflow_ports::{BaselineStore, Blob, DurableWriter};

use crate::job::Ports;

/// Steps that a thread gathers before it hands them over: large stretches keep neighbours together.
const STRETCH_STEPS: usize = 1 << 16;

/// A base with fewer entries than this has no trail: all of it stays near the processor.
pub const TRAIL_ENTRIES_MIN: u64 = 1 << 18;

/// The name of a base's trail in the store.
pub(crate) fn name_of(base: &SegmentRef) -> String {
    format!("trail-{}", base.name)
}

/// What a comparison does about trails.
pub(crate) enum Guidance {
    /// Nothing: there is no base, or a small one, or one that is about to go.
    None,
    /// Follows this one.
    Trail(Trail<Blob>),
    /// Notes one for the next time.
    Note(Note),
}

/// A trail being noted by all threads of a pass.
pub(crate) struct Note {
    name: String,
    /// None once writing it has failed.
    writer: Mutex<Option<TrailWriter<Box<dyn DurableWriter>>>>,
}

impl Guidance {
    /// The trail along `base`; with `may_note`, and where there is none, a new one.
    pub fn along(base: Option<&SegmentRef>, ports: &Ports, entries_min: u64, may_note: bool) -> Self {
        let Some(base) = base.filter(|it| it.entries >= entries_min) else { return Self::None };
        let name = name_of(base);
        let info = SegmentInfo { bytes: base.bytes, entries: base.entries, checksum: base.checksum };
        match ports.baselines.open(&name) {
            Ok(bytes) => match Trail::open(bytes, info) {
                Ok(trail) => return Self::Trail(trail),
                Err(error) => tracing::warn!(trail = %name, "the order of rows is found out anew: {error}"),
            },
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("{error}"),
        }
        if !may_note {
            return Self::None;
        }
        match Note::begin(ports.baselines.as_ref(), name, info) {
            Ok(note) => Self::Note(note),
            Err(error) => {
                tracing::warn!("the order of rows is not noted: {error}");
                Self::None
            }
        }
    }

    /// How a thread finds its way.
    pub fn way(&self) -> Way<'_> {
        match self {
            Self::None => Way::Unmarked,
            Self::Trail(trail) => Way::Walked(trail.walk()),
            Self::Note(_) => Way::Noted(Steps::default()),
        }
    }

    /// Takes over what a thread has noted, once it is a stretch.
    pub fn take(&self, way: &mut Way<'_>) {
        if let Way::Noted(steps) = way
            && steps.len() >= STRETCH_STEPS
        {
            self.take_all(way);
        }
    }

    /// Takes over the rest of what a thread has noted.
    pub fn take_all(&self, way: &mut Way<'_>) {
        if let (Self::Note(note), Way::Noted(steps)) = (self, way) {
            note.append(steps);
        }
    }

    /// Once all rows were read: what was noted counts from the next run on.
    pub fn finish(self) {
        if let Self::Note(note) = self {
            note.finish();
        }
    }
}

impl Note {
    fn begin(store: &dyn BaselineStore, name: String, base: SegmentInfo) -> Result<Self, Box<dyn std::error::Error>> {
        let writer = TrailWriter::new(store.create(&name)?, base)?;
        Ok(Self { name, writer: Mutex::new(Some(writer)) })
    }

    fn append(&self, steps: &mut Steps) {
        let mut held = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = &mut *held
            && let Err(error) = writer.append(steps)
        {
            self.give_up(&error);
            *held = None;
        }
    }

    fn finish(self) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        match writer.finish() {
            Ok(file) => {
                if let Err(error) = file.commit() {
                    self.give_up(&error);
                }
            }
            Err(error) => self.give_up(&error),
        }
    }

    fn give_up(&self, error: &dyn std::error::Error) {
        tracing::warn!(trail = %self.name, "the order of rows is not noted: {error}");
    }
}
