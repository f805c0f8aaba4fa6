//! From one baseline to the next: what was confirmed is merged in, and one event makes it count.

use std::thread;

use outflow_baseline::{Segment, Update};
use outflow_domain::{ConfirmedSegment, RunEvent};
use outflow_ports::Blob;
use outflow_rows::{Scheme, mapping_digest};

use crate::{
    compute::ROWS_PER_THREAD,
    error::EngineError,
    job::{Job, Ports},
    key_store::KeyStore,
    layers::Layers,
    recorder::Recorder,
    segments::Segments,
    steps::resolve::is_retired,
};

/// Merges every settled segment into the baseline, oldest first; nothing is written when there is none.
///
/// `opened` is the base that this run has opened before, if it has.
pub(crate) async fn advance(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    scheme: &Scheme,
    opened: Option<&Segment<Blob>>,
) -> Result<(), EngineError> {
    // Segments of one mapping and table are merged together; there are several only after a crash between two configurations.
    while let Some(first) = recorder.state().confirmed.first().cloned() {
        let batch: Vec<ConfirmedSegment> = recorder.state().confirmed.iter().take_while(|it| are_alike(it, &first)).cloned().collect();
        merge(job, ports, recorder, scheme, opened, &batch).await?;
    }
    Ok(())
}

/// Whether fingerprints of both mean the same of the same columns.
fn are_alike(one: &ConfirmedSegment, other: &ConfirmedSegment) -> bool {
    one.identity.is_same_table(&other.identity)
        && one.identity.shares_fields_with(&other.identity)
        && mapping_digest(&one.mapping) == mapping_digest(&other.mapping)
}

async fn merge(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    scheme: &Scheme,
    opened: Option<&Segment<Blob>>,
    batch: &[ConfirmedSegment],
) -> Result<(), EngineError> {
    let Some(latest) = batch.last() else { return Ok(()) };
    let segments = Segments::new(ports, job.activation.name.as_str(), scheme).knowing(opened);
    let state = recorder.state();
    let retired = is_retired(state, &latest.identity, &latest.mapping);
    let same_mapping = state.mapping.as_ref().is_some_and(|it| mapping_digest(it) == mapping_digest(&latest.mapping));
    let same_fields = state.identity.as_ref().is_some_and(|it| it.shares_fields_with(&latest.identity));
    let comparable = !retired && same_mapping && same_fields;
    let counted = if retired { state.baseline.emptied() } else { state.baseline.clone() };
    let old = segments.open_baseline(&counted, state.mapping.as_deref().filter(|_| !retired))?;
    let opened = batch.iter().map(|it| segments.open_updates(&it.segment, Some(&it.mapping))).collect::<Result<Vec<_>, _>>()?;
    let updates_len = opened.iter().map(Segment::len).sum();
    let settled = || Layers::new(opened.iter().map(Segment::updates));
    let next = if updates_len < ROWS_PER_THREAD {
        segments.write_next(&old, &counted, settled().flatten(), updates_len, &latest.mapping, comparable)?
    } else {
        thread::scope(|scope| segments.write_next(&old, &counted, settled().ahead(scope), updates_len, &latest.mapping, comparable))?
    };
    let Some(mut baseline) = next else { return Ok(()) };
    baseline.keys = match job.activation.on_exit.needs_keys() {
        true => {
            // What was settled speaks, and where it says nothing, what was known before.
            let mut updates = settled().flatten().peekable();
            let is_held = |key| {
                while updates.next_if(|it| it.key() < key).is_some() {}
                let said = updates.peek().filter(|it| it.key() == key);
                said.map_or_else(|| old.contains(key), |it| matches!(it, Update::Put(_)))
            };
            let new: Vec<_> = batch.iter().filter_map(|it| it.keys.clone()).collect();
            KeyStore::new(ports, job.activation.name.as_str(), scheme, &latest.mapping).next(&counted.keys, &new, is_held)?
        }
        false => Vec::new(),
    };
    let merged = batch.iter().map(|it| it.segment.name.clone()).collect();
    let (mapping, identity) = (latest.mapping.clone(), latest.identity.clone());
    recorder.record(RunEvent::BaselineAdvanced { baseline, merged, mapping, identity }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use outflow_domain::{
        Activation, DataExtension, Field, FieldType, FieldWish, Identity, ImportRoute, InsertMode, Mapping, ModelColumn, ModelType,
        ObjectId, SegmentRef,
    };

    use super::*;

    fn mapping() -> Mapping {
        let field = |name: &str, is_key| Field {
            id: ObjectId(name.into()),
            name: name.parse().unwrap(),
            field_type: FieldType::Text { units_max: Some(50) },
            is_required: is_key,
            is_primary_key: is_key,
            ordinal: 0,
            default: None,
        };
        let members = DataExtension {
            id: ObjectId("members".into()),
            key: "Members".parse().unwrap(),
            name: "Members".into(),
            is_sendable: false,
            retention: None,
            fields: vec![field("Key", true), field("Name", false)],
        };
        let wish = |field: &str| FieldWish::new(field.parse().unwrap(), field);
        let activation = Activation {
            name: "members".parse().unwrap(),
            data_extension: members.key.clone(),
            table: outflow_domain::TableWish::default(),
            insert: InsertMode::InsertAndUpdate,
            primary_key: vec![wish("Key")],
            fields: vec![wish("Name")],
            custom_attributes: Vec::new(),
            on_exit: outflow_domain::OnExit::Keep,
            when_null: outflow_domain::WhenNull::Clear,
            time_zone: None,
            import: ImportRoute::Auto,
            part_bytes_max: 1,
            import_deadline_s: 1,
            guards: outflow_domain::Guards::default(),
        };
        let columns = ["Key", "Name"].map(|it| ModelColumn { name: it.into(), model_type: ModelType::Text });
        Mapping::check(&activation, &columns, &members).unwrap()
    }

    /// A segment of rows whose field `name` has that id.
    fn confirmed(data_extension: &str, name: &str) -> ConfirmedSegment {
        let segment = SegmentRef { name: name.into(), bytes: 0, entries: 0, checksum: 0 };
        let fields = [("name".to_owned(), ObjectId(name.into()))].into();
        let identity = Identity { tenant: "acme".into(), data_extension: Some(ObjectId(data_extension.into())), key: None, fields };
        ConfirmedSegment { segment, keys: None, mapping: Box::new(mapping()), identity }
    }

    #[test]
    fn segments_of_one_table_and_its_columns_are_merged_together() {
        assert!(are_alike(&confirmed("members", "first"), &confirmed("members", "first")));
    }

    #[test]
    fn segments_over_a_column_that_was_made_again_are_kept_apart() {
        assert!(!are_alike(&confirmed("members", "first"), &confirmed("members", "again")));
    }

    #[test]
    fn segments_of_two_tables_are_kept_apart() {
        assert!(!are_alike(&confirmed("members", "first"), &confirmed("guests", "first")));
    }
}
