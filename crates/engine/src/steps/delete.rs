//! Deletes rows that have left the model, by their keys.
//!
//! Never while an import of the data extension may be at work. The intent is durable first, with every key in doubt; what became of them only
//! reading tells. Where the answer to a call got lost, the service may hear it later still: then the keys stay in doubt for as long.

use std::collections::HashMap;

use outflow_domain::{KeyFingerprint, PartPlan, RunEvent, SegmentRef};
use outflow_ports::{CloudError, Progress, RowDeletion};
use outflow_rows::CsvFile;

use super::import::Pauses;
use crate::{
    error::EngineError,
    history,
    job::{Job, Ports},
    part_files::{csv_name, read_private, rows_name, rows_of},
    recorder::Recorder,
    steps::{resolve::Resolved, seal::equal},
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
    let read = |name: &str| read_private(ports.spool.as_ref(), &run, name);
    let (csv, list) = (read(&csv_name(part))?, read(&rows_name(part))?);
    let keys = rows_of(list.as_ref()).map(|it| Ok(it?.key)).collect::<std::io::Result<Vec<_>>>()?;
    let mut texts = Vec::with_capacity(keys.len());
    for record in CsvFile::new(csv.as_ref()).skip(1) {
        let record = record.map_err(std::io::Error::other)?;
        texts.push(record.iter().map(|it| it.as_deref().unwrap_or_default().to_owned()).collect());
    }
    equal("keys of a deletion = rows of its list", texts.len() as u64, keys.len() as u64)?;
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
