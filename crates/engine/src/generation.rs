//! Whether this state is an old copy: a newer one has left its generation where the service keeps it.

use outflow_domain::{Name, ObjectId, Route, RunEvent};
use outflow_ports::CloudError;

use crate::{error::EngineError, job::Ports, recorder::Recorder};

/// Looks for the mark of newer imports into the data extension, before anything is sent by this road.
///
/// # Errors
/// [`EngineError::OldState`] where the service holds a higher generation than the ledger does.
pub(crate) async fn check(
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    route: Route,
    data_extension: Option<&ObjectId>,
) -> Result<(), EngineError> {
    // Nobody has left anything at a data extension that is yet to be made.
    let Some(data_extension) = data_extension else { return Ok(()) };
    let activation = recorder.activation().clone();
    let Some(left) = ports.cloud.generation(&activation, data_extension, route).await? else { return Ok(()) };
    let ours = recorder.state().generation;
    if left <= ours {
        return Ok(());
    }
    // A new state folder knows nothing that could be outdated: it sends everything, and counts on from there.
    if recorder.state().believes_nothing() {
        return Ok(recorder.record(RunEvent::GenerationRaised { to: left }).await?);
    }
    Err(EngineError::OldState { activation: activation.to_string(), ours, left })
}

/// The generation that imports have left by whatever road, for somebody who is about to read all rows. A tenant without permission to read
/// import definitions has never imported by them.
pub(crate) async fn left(ports: &Ports, activation: &Name, data_extension: Option<&ObjectId>) -> Result<Option<u64>, EngineError> {
    let Some(data_extension) = data_extension else { return Ok(None) };
    match ports.cloud.generation(activation, data_extension, Route::Soap).await {
        Err(CloudError::Forbidden { message, .. }) => {
            tracing::warn!(%activation, "whether newer imports have left a mark may not be asked: {message}");
            Ok(None)
        }
        asked => Ok(asked?),
    }
}
