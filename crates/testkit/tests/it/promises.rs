//! The backends in memory keep the same promises as the real ones: a world that stood on weaker ground would prove nothing.

use outflow_ports::promises::{ledger, local};
use outflow_testkit::simulated::{Fuse, SimulatedDisk, SimulatedLedger};

#[tokio::test]
async fn the_simulated_ledger_is_a_ledger() {
    ledger::keeps_its_promises(&SimulatedLedger::new(Fuse::default())).await;
}

#[tokio::test]
async fn the_simulated_disk_is_a_baseline_store_and_a_spool() {
    let disk = SimulatedDisk::new(Fuse::default());
    local::a_baseline_store_keeps_its_promises(&disk.baselines());
    local::a_spool_keeps_its_promises(&disk.spool()).await;
}
