//! Deletes rows that have left the model, by their keys.
//!
//! Never while an import of the data extension may be at work. The intent is durable first, with every key in doubt; what became of them only
//! reading tells.

use std::collections::HashMap;

use outflow_domain::{KeyFingerprint, PartPlan, RunEvent, SegmentRef};
use outflow_ports::{Progress, RowDeletion};
use outflow_rows::{CsvFile, ReadBack};

use crate::{
    error::EngineError,
    history,
    job::{Job, Ports},
    part_files::csv_name,
    recorder::Recorder,
    steps::resolve::Resolved,
};

/// Asks for the deletion of a part's rows, and gives the codes of those that were refused.
pub(crate) async fn delete(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    resolved: &Resolved,
    plan: &PartPlan,
    doubt: &SegmentRef,
) -> Result<HashMap<KeyFingerprint, String>, EngineError> {
    let (part, run) = (plan.part, recorder.run().clone());
    let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, format!("`{}` is gone from the spool", csv_name(part)));
    let csv = ports.spool.read(&run, &csv_name(part))?.ok_or_else(missing)?;
    let (width, of_file) = (resolved.mapping.keys().len(), ReadBack::of_file(&resolved.mapping));
    let (mut keys, mut texts) = (Vec::new(), Vec::new());
    for record in CsvFile::new(csv.as_ref()).skip(1) {
        let record = record.map_err(std::io::Error::other)?;
        let cells: Vec<Option<&str>> = record.iter().take(width).map(|it| it.as_deref()).collect();
        keys.push(of_file.key_fingerprint(&resolved.scheme, &cells).map_err(std::io::Error::other)?);
        texts.push(cells.into_iter().map(|it| it.unwrap_or_default().to_owned()).collect());
    }
    let sent = history::keep_sent(ports, &run, plan)?;
    recorder.record_with(RunEvent::DeletesStarting { part, doubt: doubt.clone() }, Some(sent)).await?;
    ports.progress.show(job.activation.name.as_str(), Progress::Deleting { part, rows: plan.rows });
    let key_fields = resolved.mapping.keys().iter().map(|it| it.field.clone()).collect();
    let deletion = RowDeletion { data_extension: job.activation.data_extension.clone(), key_fields, keys: texts };
    let told = ports.cloud.delete_rows(&deletion).await?;
    Ok(keys.into_iter().zip(told).filter_map(|(key, code)| Some((key, code?))).collect())
}
