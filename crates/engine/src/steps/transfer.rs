//! Brings a part's file to where Marketing Cloud picks it up: whole, or not at all.

use outflow_domain::{PartPlan, RunEvent};
use outflow_ports::Progress;

use crate::{error::EngineError, job::Ports, part_files::csv_name, recorder::Recorder};

/// Transfers a part. May be repeated: what lies under the name already is replaced.
pub(crate) async fn transfer(
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    activation: &str,
    part: &PartPlan,
    parts: u32,
) -> Result<(), EngineError> {
    recorder.record(RunEvent::TransferStarting { part: part.part }).await?;
    put(ports, recorder.run(), activation, part, parts).await?;
    recorder.record(RunEvent::Transferred { part: part.part }).await?;
    Ok(())
}

/// Puts the file, without a word to the ledger: the same bytes under the same name, as often as needed.
pub(crate) async fn put(
    ports: &Ports,
    run: &outflow_domain::RunId,
    activation: &str,
    part: &PartPlan,
    parts: u32,
) -> Result<(), EngineError> {
    let content = ports.spool.content(run, &csv_name(part.part))?;
    let of = content.len();
    let show = |bytes: u64| ports.progress.show(activation, Progress::Transferring { part: part.part, parts, bytes, of });
    show(0);
    ports.files.put(part.file(), content.as_ref(), &show).await?;
    Ok(())
}
