//! From one baseline to the next: what was confirmed is merged in, and one event makes it count.

use std::collections::BTreeMap;

use outflow_baseline::{Segment, Update};
use outflow_domain::{ConfirmedSegment, KeyFingerprint, RunEvent};
use outflow_ports::Blob;
use outflow_rows::{Scheme, mapping_digest};

use crate::{
    error::EngineError,
    job::{Job, Ports},
    recorder::Recorder,
    segments::Segments,
    steps::resolve::is_retired,
};

/// Merges every settled segment into the baseline, oldest first; nothing is written when there is none.
pub(crate) async fn advance(job: &Job, ports: &Ports, recorder: &mut Recorder<'_>, scheme: &Scheme) -> Result<(), EngineError> {
    // Segments of one mapping and table are merged together; there are several only after a crash between two configurations.
    while let Some(first) = recorder.state().confirmed.first().cloned() {
        let same = |it: &&ConfirmedSegment| {
            it.identity.is_same_table(&first.identity)
                && it.identity.shares_fields_with(&first.identity)
                && mapping_digest(&it.mapping) == mapping_digest(&first.mapping)
        };
        let batch: Vec<ConfirmedSegment> = recorder.state().confirmed.iter().take_while(same).cloned().collect();
        merge(job, ports, recorder, scheme, &batch).await?;
    }
    Ok(())
}

async fn merge(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    scheme: &Scheme,
    batch: &[ConfirmedSegment],
) -> Result<(), EngineError> {
    let Some(latest) = batch.last() else { return Ok(()) };
    let segments = Segments::new(ports, job.activation.name.as_str(), scheme);
    let state = recorder.state();
    let retired = is_retired(state, &latest.identity, &latest.mapping);
    let same_mapping = state.mapping.as_ref().is_some_and(|it| mapping_digest(it) == mapping_digest(&latest.mapping));
    let same_fields = state.identity.as_ref().is_some_and(|it| it.shares_fields_with(&latest.identity));
    let comparable = !retired && same_mapping && same_fields;
    let counted = if retired { state.baseline.emptied() } else { state.baseline.clone() };
    let old = segments.open_baseline(&counted, state.mapping.as_deref().filter(|_| !retired))?;
    let opened = batch.iter().map(|it| segments.open_updates(&it.segment, Some(&it.mapping))).collect::<Result<Vec<_>, _>>()?;
    let updates_len = opened.iter().map(Segment::len).sum();
    let next = segments.write_next(&old, &counted, Layers::new(&opened), updates_len, &latest.mapping, comparable)?;
    let Some(baseline) = next else { return Ok(()) };
    let merged = batch.iter().map(|it| it.segment.name.clone()).collect();
    let (mapping, identity) = (latest.mapping.clone(), latest.identity.clone());
    recorder.record(RunEvent::BaselineAdvanced { baseline, merged, mapping, identity }).await?;
    Ok(())
}

/// Updates of several segments in key order; of equal keys the latest segment speaks.
struct Layers<'a> {
    layers: Vec<Box<dyn Iterator<Item = Update> + 'a>>,
    heads: BTreeMap<(KeyFingerprint, usize), Update>,
}

impl<'a> Layers<'a> {
    fn new(segments: &'a [Segment<Blob>]) -> Self {
        let layers: Vec<Box<dyn Iterator<Item = Update> + 'a>> = segments.iter().map(|it| Box::new(it.updates()) as Box<_>).collect();
        let mut all = Self { layers, heads: BTreeMap::new() };
        (0..all.layers.len()).for_each(|layer| all.pull(layer));
        all
    }

    fn pull(&mut self, layer: usize) {
        if let Some(update) = self.layers[layer].next() {
            self.heads.insert((update.key(), layer), update);
        }
    }
}

impl Iterator for Layers<'_> {
    type Item = Update;

    fn next(&mut self) -> Option<Update> {
        let ((key, layer), mut said) = self.heads.pop_first()?;
        self.pull(layer);
        while let Some(head) = self.heads.first_entry().filter(|it| it.key().0 == key) {
            let layer = head.key().1;
            said = head.remove();
            self.pull(layer);
        }
        Some(said)
    }
}
