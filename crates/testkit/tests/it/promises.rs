//! The backends in memory keep the same promises as the real ones: a world that stood on weaker ground would prove nothing.

mod cloud;

use outflow_ports::promises::{ledger, local, marketing_cloud};
use outflow_sandbox::model::Switches;
use outflow_testkit::simulated::{Fuse, SimulatedDisk, SimulatedLedger};

use cloud::SimulatedTenant;

#[tokio::test]
async fn the_simulated_ledger_is_a_ledger() {
    ledger::keeps_its_promises(&SimulatedLedger::new(Fuse::default())).await;
}

#[tokio::test]
async fn the_simulated_disk_is_a_baseline_store_a_spool_and_a_history() {
    let disk = SimulatedDisk::new(Fuse::default());
    local::a_baseline_store_keeps_its_promises(&disk.baselines());
    local::a_spool_keeps_its_promises(&disk.spool()).await;
    local::a_history_keeps_its_promises(&disk.history(), &disk.spool());
}

#[tokio::test]
async fn the_simulated_cloud_is_a_marketing_cloud() {
    let switches = [
        Switches::default(),
        Switches::instant(),
        // Much that the service may do otherwise, and that must not be seen through the port.
        Switches {
            two_result_rows: true,
            empty_polls: 3,
            import_new_ms: 5_000,
            import_processing_ms: 5_000,
            rest_import_deletes_file: false,
            definition_import_deletes_file: true,
            page_rows_max: 700,
            custom_object_key_retrievable: false,
            absent_deletes_succeed: true,
            ..Switches::default()
        },
    ];
    for switches in switches {
        marketing_cloud::keeps_its_promises(&SimulatedTenant::with(switches)).await;
    }
}
