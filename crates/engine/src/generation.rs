//! Whether this state is an old copy: a newer one has left its generation where the service keeps it.

use outflow_domain::{ActivationState, Name, ObjectId, Route, RunEvent};
use outflow_ports::{CloudError, Mark};

use crate::{
    error::EngineError,
    job::Ports,
    recorder::Recorder,
    report::{OldState, Warning},
};

/// Looks for the mark of newer imports into the data extension, before anything is sent by this road or said to be unchanged. Tells what cannot be
/// found out; that the mark may not be asked for is none of it where nothing is to be sent, as such a package imports by another road.
///
/// # Errors
/// [`EngineError::OldState`] where the service holds a higher generation than the ledger does.
pub(crate) async fn check(
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    (route, sends): (Route, bool),
    data_extension: Option<&ObjectId>,
) -> Result<Option<Warning>, EngineError> {
    let activation = recorder.activation().clone();
    let mark = match ask(ports, &activation, route, data_extension).await {
        Err(CloudError::Forbidden { .. }) if !sends => Mark::None,
        asked => asked?,
    };
    let Mark::Generation(left) = mark else { return Ok((mark == Mark::Unreadable).then_some(Warning::MarkUnreadable)) };
    refuse(&activation, recorder.state(), left)?;
    if left > recorder.state().generation {
        // A new state folder knows nothing that could be outdated: it sends everything, and counts on from there.
        recorder.record(RunEvent::GenerationRaised { to: left }).await?;
    }
    Ok(None)
}

/// Whether a run by this road would be refused, and what it could not find out: for a plan, which changes nothing.
pub(crate) async fn look(
    ports: &Ports,
    activation: &Name,
    state: &ActivationState,
    route: Route,
    data_extension: Option<&ObjectId>,
) -> Result<(Option<OldState>, Option<Warning>), EngineError> {
    let mark = match ask(ports, activation, route, data_extension).await {
        Err(CloudError::Forbidden { .. }) => Mark::None,
        asked => asked?,
    };
    Ok(match mark {
        Mark::None => (None, None),
        Mark::Unreadable => (None, Some(Warning::MarkUnreadable)),
        Mark::Generation(left) => (newer(state, left), None),
    })
}

fn newer(state: &ActivationState, left: u64) -> Option<OldState> {
    (left > state.generation && !state.believes_nothing()).then_some(OldState { ours: state.generation, left })
}

fn refuse(activation: &Name, state: &ActivationState, left: u64) -> Result<(), EngineError> {
    match newer(state, left) {
        Some(OldState { ours, left }) => Err(EngineError::OldState { activation: activation.to_string(), ours, left }),
        None => Ok(()),
    }
}

async fn ask(ports: &Ports, activation: &Name, route: Route, data_extension: Option<&ObjectId>) -> Result<Mark, CloudError> {
    match data_extension {
        Some(data_extension) => ports.cloud.generation(activation, data_extension, route).await,
        // Nobody has left anything at a data extension that is yet to be made.
        None => Ok(Mark::None),
    }
}

/// The generation that imports have left by whatever road, for somebody who is about to read all rows. A tenant without permission to read
/// import definitions has never imported by them.
pub(crate) async fn left(ports: &Ports, activation: &Name, data_extension: Option<&ObjectId>) -> Result<Option<u64>, EngineError> {
    match ask(ports, activation, Route::Soap, data_extension).await {
        Err(CloudError::Forbidden { message, .. }) => {
            tracing::warn!(%activation, "whether newer imports have left a mark may not be asked: {message}");
            Ok(None)
        }
        Ok(Mark::Generation(left)) => Ok(Some(left)),
        Ok(Mark::None | Mark::Unreadable) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Refuses to tell what has become of rows by a state that is older than what imports have left.
///
/// # Errors
/// [`EngineError::OldState`].
pub(crate) async fn must_be_ours(
    ports: &Ports,
    activation: &Name,
    state: &ActivationState,
    data_extension: Option<&ObjectId>,
) -> Result<(), EngineError> {
    left(ports, activation, data_extension).await?.map_or(Ok(()), |left| refuse(activation, state, left))
}
