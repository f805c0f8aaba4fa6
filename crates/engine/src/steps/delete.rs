//! Deletes rows that have left the model, by their keys.
//!
//! Never while an import of the data extension may be at work. The intent is durable first, with every key in doubt; what became of them only
//! reading tells. Where the answer to a call got lost, the service may hear it later still: then the keys stay in doubt for as long.

use std::collections::HashMap;

use outflow_domain::{KeyFingerprint, PartPlan, RunEvent, SegmentRef};
use outflow_ports::{CloudError, Progress, RowDeletion};
use outflow_rows::{CsvFile, ReadBack};

use super::import::Pauses;
use crate::{
    error::EngineError,
    history,
    job::{Job, Ports},
    part_files::csv_name,
    recorder::Recorder,
    steps::resolve::Resolved,
};

/// How often rows are asked to be deleted where no answer comes.
const CALLS_MAX: u32 = 3;

/// What the service has told of rows that were to be deleted.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The codes of those that it refused; `None` where the calls have not come to their end.
    pub refused: Option<HashMap<KeyFingerprint, String>>,
    /// Whether there was an answer to each call: then none can be heard any more.
    pub is_whole: bool,
    /// Why the calls have not come to their end.
    pub error: Option<CloudError>,
}

/// Asks for the deletion of a part's rows.
pub(crate) async fn delete(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    resolved: &Resolved,
    plan: &PartPlan,
    doubt: &SegmentRef,
) -> Result<Told, EngineError> {
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
    let mut pauses = Pauses::new();
    let mut told = Told { is_whole: true, ..Told::default() };
    for call in 1..=CALLS_MAX {
        match ports.cloud.delete_rows(&deletion).await {
            Ok(codes) => {
                told.refused = Some(keys.into_iter().zip(codes).filter_map(|(key, code)| Some((key, code?))).collect());
                told.error = None;
                break;
            }
            Err(error @ (CloudError::Unavailable { .. } | CloudError::Unreadable { .. })) => {
                tracing::warn!(activation = %job.activation.name, part, "no answer came to a deletion of rows: {error}");
                told = Told { is_whole: false, error: Some(error), ..told };
                if call < CALLS_MAX {
                    pauses.pause(ports).await;
                }
            }
            Err(error) => {
                told.error = Some(error);
                break;
            }
        }
    }
    Ok(told)
}
