//! Queries that need more memory than they may have.

use futures::StreamExt as _;
use outflow_ports::{Query, ScanOptions, Source, promises::source::batches_of};
use outflow_source_files::{FileFormat, FilesSettings, FilesSource};

use crate::{formats::Folder, parquet_files::write_people};

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sort_spills_where_it_may_and_fails_where_it_may_not() {
    let folder = Folder::new();
    write_people(&folder.path("people.parquet"), 0..400_000);
    let query = Query { sql: "SELECT email, id FROM people ORDER BY email DESC".to_owned() };
    let cramped = FilesSettings { memory_limit_bytes: 24 << 20, ..folder.settings("people", "people.parquet", FileFormat::Parquet) };

    let mut scan = FilesSource::new(cramped.clone()).scan(&query, ScanOptions::default()).await.expect("a scan");
    let error = scan.partitions[0].next().await.expect("an answer").expect_err("there is not enough memory");
    assert!(error.to_string().contains("Resources exhausted"), "{error}");

    std::fs::create_dir(folder.path("spill")).expect("a folder");
    let spilling = FilesSource::new(FilesSettings { spill_folder: Some(folder.path("spill")), ..cramped });
    let batches = batches_of(spilling.scan(&query, ScanOptions::default()).await.expect("a scan")).await;
    assert_eq!(batches.iter().map(|it| it.num_rows()).sum::<usize>(), 400_000);
}
