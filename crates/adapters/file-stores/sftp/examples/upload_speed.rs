//! How long a file takes to a given server, to be compared with `sftp` of OpenSSH (`sftp -c aes256-gcm@openssh.com -b -`).
//!
//! ```text
//! cargo run --release -p outflow-file-store-sftp --example upload_speed -- HOST PORT USER KEY_FILE HOST_KEY_FINGERPRINT FOLDER FILE
//! ```
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    env,
    error::Error,
    fs, io,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::Secret;
use outflow_file_store_sftp::{HostKeys, PrivateKeyText, SftpSettings, SftpStore};
use outflow_ports::{Clock, FileContent, FileStore};

#[derive(Debug)]
struct WallClock(Instant);

#[async_trait]
impl Clock for WallClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct LocalFile {
    file: fs::File,
    bytes: u64,
}

#[async_trait]
impl FileContent for LocalFile {
    fn len(&self) -> u64 {
        self.bytes
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let mut buffer = vec![0; bytes_max];
        let bytes = self.file.read_at(&mut buffer, offset)?;
        buffer.truncate(bytes);
        Ok(buffer.into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, user, key_file, fingerprint, folder, path] = arguments.as_slice() else {
        return Err("usage: upload_speed HOST PORT USER KEY_FILE HOST_KEY_FINGERPRINT FOLDER FILE".into());
    };
    let mut settings = SftpSettings::new(host, user, HostKeys::Pinned(vec![fingerprint.clone()]));
    settings.port = port.parse()?;
    settings.folder.clone_from(folder);
    settings.private_key = Some(PrivateKeyText { text: Secret::new(fs::read_to_string(key_file)?), passphrase: None });
    let file = fs::File::open(path)?;
    let content = LocalFile { bytes: file.metadata()?.len(), file };
    let start = Instant::now();
    let store = SftpStore::new(settings, Arc::new(WallClock(start)))?;
    let name = "upload-speed.bin".parse()?;
    let stored = store.put(&name, &content, &|_| ()).await?;
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let mib = stored.bytes as f64 / f64::from(1 << 20);
    println!("{seconds:.3} s, {:.0} MiB/s, login included", mib / seconds);
    store.remove(&name).await?;
    Ok(())
}
