//! The SFTP store, with a spool file as a run leaves it.

use std::{error::Error, io::Write, path::Path, sync::Arc, time::Instant};

use outflow_domain::{RunId, Secret};
use outflow_file_store_sftp::{HostKeys, PrivateKeyText, SftpSettings, SftpStore};
use outflow_local_state::{StateFolder, SystemClock};
use outflow_ports::{FileStore, Spool};

const FILE: &str = "part.csv";

fn spool(state: &Path) -> Result<(impl Spool, RunId), Box<dyn Error>> {
    Ok((StateFolder::new(state).spool(&"bench".parse()?), RunId("bench".into())))
}

/// Writes numbers, a line each, so that neither a disk nor a wire could make them small unseen.
pub fn make_spool_file(state: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let (spool, run) = spool(state)?;
    let mut file = spool.create(&run, FILE)?;
    let (mut left, mut number) = (usize::try_from(bytes)?, 0_u64);
    while left > 0 {
        number += 1;
        let line = format!("{:016x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let piece = &line.as_bytes()[..left.min(line.len())];
        file.write_all(piece)?;
        left -= piece.len();
    }
    file.finish(false)?;
    let spools = state.join("activations/bench/spool/bench");
    super::print(&spools.join(FILE).display());
    Ok(())
}

/// The server and how to log in there.
pub fn server(port: u16, user: String, key: &Path, host_key: String, folder: String) -> Result<SftpSettings, Box<dyn Error>> {
    let text = Secret::new(std::fs::read_to_string(key)?);
    Ok(SftpSettings {
        port,
        private_key: Some(PrivateKeyText { text, passphrase: None }),
        folder,
        ..SftpSettings::new("127.0.0.1", user, HostKeys::Pinned(vec![host_key]))
    })
}

/// Puts the file and prints seconds and bytes as JSON.
pub async fn put(state: &Path, settings: SftpSettings) -> Result<(), Box<dyn Error>> {
    let (spool, run) = spool(state)?;
    let content = spool.content(&run, FILE)?;
    let began = Instant::now();
    let store = SftpStore::new(settings, Arc::new(SystemClock))?;
    let stored = store.put(&FILE.parse()?, content.as_ref(), &|_| {}).await?;
    super::print(&serde_json::json!({ "seconds": began.elapsed().as_secs_f64(), "bytes": stored.bytes }));
    Ok(())
}
