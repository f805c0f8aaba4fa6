//! What other activations of the same data extension hold: a row of theirs is never deleted.
//!
//! Their fingerprints are made with keys of their own, so a row of ours is looked for by its stored key, hashed as they hash it.

use std::sync::Arc;

use outflow_baseline::{Baseline, Kind};
use outflow_domain::{ActivationState, FieldName, KeyFingerprint, Mapping};
use outflow_ports::Blob;
use outflow_rows::{CsvFile, ReadBack, Scheme};

use crate::{
    error::EngineError,
    job::{Job, Ports},
    segments::Segments,
    steps::resolve::Resolved,
};

/// The other activations whose rows may lie in the data extension.
pub(crate) struct Others {
    held: Vec<Other>,
    /// Whether there is one of which it cannot be read what it holds.
    is_unreadable: bool,
}

/// What one of them holds, under one mapping.
struct Other {
    scheme: Scheme,
    reader: ReadBack,
    /// Of each field of its key the place in ours.
    places: Vec<usize>,
    holds: Box<dyn Fn(KeyFingerprint) -> bool + Send + Sync>,
}

impl Others {
    pub async fn of(job: &Job, ports: &Ports, resolved: &Resolved) -> Result<Self, EngineError> {
        let mut others = Self { held: Vec::new(), is_unreadable: false };
        for (name, state) in ports.ledger.activations().await? {
            if name == job.activation.name {
                continue;
            }
            let scheme = Scheme::derive(&job.project_secret, name.as_str());
            let theirs = Ports { baselines: ports.all_baselines.of(&name), ..ports.clone() };
            match held_by(&theirs, name.as_str(), &scheme, &state, resolved) {
                Ok(held) => others.held.extend(held),
                Err(error) => {
                    tracing::warn!(activation = %name, "what it holds cannot be read, so that no row is deleted: {error}");
                    others.is_unreadable = true;
                }
            }
        }
        Ok(others)
    }

    /// Whether it cannot be read what one of them holds.
    pub const fn are_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// Whether one of them holds the row with these cells of its key, or may.
    pub fn hold(&self, key: &[u8]) -> bool {
        if self.is_unreadable {
            return true;
        }
        let record = [key, b"\n"].concat();
        let Some(Ok(cells)) = CsvFile::new(&record).next() else { return true };
        self.held.iter().any(|other| {
            let cells: Vec<Option<&str>> = other.places.iter().map(|&it| cells.get(it).and_then(Option::as_deref)).collect();
            other.reader.key_fingerprint(&other.scheme, &cells).map_or(true, |it| (other.holds)(it))
        })
    }
}

/// All that an activation holds in the data extension, settled or not.
fn held_by(ports: &Ports, name: &str, scheme: &Scheme, state: &ActivationState, resolved: &Resolved) -> Result<Vec<Other>, EngineError> {
    let segments = Segments::new(ports, name, scheme);
    let mut held = Vec::new();
    let other = |mapping: &Mapping, holds: Box<dyn Fn(KeyFingerprint) -> bool + Send + Sync>| {
        let place = |field: &FieldName| resolved.mapping.keys().iter().position(|it| it.field.is_same_as(field));
        let places: Option<Vec<usize>> = mapping.keys().iter().map(|it| place(&it.field)).collect();
        // Another primary key is one of a table that was made anew: then every row may be theirs.
        let holds = if places.is_some() { holds } else { Box::new(|_| true) };
        Other { scheme: scheme.clone(), reader: ReadBack::of_file(mapping), places: places.unwrap_or_default(), holds }
    };
    if let (Some(identity), Some(mapping)) = (&state.identity, &state.mapping)
        && identity.may_write_into(&resolved.identity)
    {
        let baseline: Arc<Baseline<Blob>> = Arc::new(segments.open_baseline(&state.baseline, Some(mapping))?);
        held.push(other(mapping, Box::new(move |key| baseline.contains(key))));
    }
    for it in state.confirmed.iter().filter(|it| it.identity.may_write_into(&resolved.identity)) {
        let segment = segments.open_updates(&it.segment, Some(&it.mapping))?;
        held.push(other(&it.mapping, Box::new(move |key| segment.get(key).is_some())));
    }
    for part in state.open_parts.iter().filter(|it| it.identity.may_write_into(&resolved.identity)) {
        if let Some(doubt) = &part.doubt {
            let rows = segments.open_set(Kind::Doubt, doubt)?;
            held.push(other(&part.mapping, Box::new(move |key| rows.contains(key))));
        }
    }
    Ok(held)
}
