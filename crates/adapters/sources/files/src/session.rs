//! A DataFusion session for one query, configured by us alone: nothing comes from the environment.

use std::sync::Arc;

use datafusion::{
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::{SessionConfig, SessionContext},
};
use outflow_ports::{ScanOptions, SourceError};
use url::Url;

use crate::{errors::Blame, local::LocalFiles, settings::FilesSettings};

/// A session without tables.
pub(crate) fn session(settings: &FilesSettings, options: ScanOptions, blame: &Blame) -> Result<SessionContext, SourceError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.partitions_max.max(1))
        .with_batch_size(options.batch_rows.max(1))
        // Statistics would be read from every file before the first row; nothing here is planned by them.
        .with_collect_statistics(false)
        // A scan of one small file stays one stream: moving batches between tasks costs more than it gives.
        .with_round_robin_repartition(false)
        // What each sort keeps back for merging what it spilled; the engine's own 10 MB would not fit into a small limit.
        .with_sort_spill_reservation_bytes((settings.memory_limit_bytes / 16).min(10 << 20))
        .with_information_schema(false);
    let choices = config.options_mut();
    choices.sql_parser.enable_ident_normalization = false;
    // Numbers written with a point are exact, as a person who writes `amount > 0.1` means them.
    choices.sql_parser.parse_float_as_decimal = true;

    let spill = match &settings.spill_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::Disabled,
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory_limit_bytes)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
        .build_arc()
        .map_err(|error| blame.unreachable(format!("the query engine did not start: {error}")))?;
    let on_disk = Url::parse("file:///").map_err(|error| blame.unreachable(error.to_string()))?;
    runtime.register_object_store(&on_disk, Arc::new(LocalFiles::default()));
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
