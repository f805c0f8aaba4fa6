//! Every port in memory, with one fuse: when it has burnt down, the machine has crashed.

mod clock;
mod cloud;
mod disk;
mod fuse;
mod ledger;
mod source;

pub use clock::{SimulatedClock, SimulatedEntropy};
pub use cloud::{ArrivedFile, AskedDeletions, SimulatedFiles, SimulatedTransport};
pub use disk::{Harm, SimulatedBaselines, SimulatedDisk, SimulatedHistory, SimulatedSpool};
pub use fuse::Fuse;
pub use ledger::SimulatedLedger;
pub use source::{Cell, ModelRow, SimulatedSource};
