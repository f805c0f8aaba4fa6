//! The sandbox's model as the cloud: the real adapter talks to it without a socket.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::FileName;
use outflow_marketing_cloud::{HttpRequest, HttpResponse, HttpTransport, TransportError};
use outflow_ports::{FileContent, FileStore, FileStoreError, StoredFile};
use outflow_sandbox::model::{Door, ENHANCED_FTP, FileFault, FileFaultQuery, HttpRequest as ModelRequest, Model, Wire};

use super::{Fuse, SimulatedClock};

/// The rows that the service was asked to delete since somebody looked, each with the fields of its key.
#[derive(Clone, Debug, Default)]
pub struct AskedDeletions(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

impl AskedDeletions {
    /// Takes them away.
    #[must_use]
    pub fn take(&self) -> Vec<BTreeMap<String, String>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what a call asks for, read apart from the sandbox.
    fn note(&self, body: &str) {
        if !body.contains("<DeleteRequest") || !body.contains("DataExtensionObject") {
            return;
        }
        let text = |piece: &str, tag: &str| {
            let inner = piece.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>"))?.0;
            let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
            Some(plain.iter().fold(inner.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain)))
        };
        let key = |row: &str| row.split("<Key>").skip(1).filter_map(|it| Some((text(it, "Name")?, text(it, "Value")?))).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(body.split("<Objects").skip(1).map(key));
    }
}

/// Carries requests into the model.
#[derive(Clone)]
pub struct SimulatedTransport {
    asked: AskedDeletions,
    model: Arc<Mutex<Model>>,
    clock: SimulatedClock,
    fuse: Fuse,
}

impl fmt::Debug for SimulatedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedTransport")
    }
}

impl SimulatedTransport {
    /// A transport into `model`.
    #[must_use]
    pub fn new(model: Arc<Mutex<Model>>, clock: SimulatedClock, fuse: Fuse) -> Self {
        Self { asked: AskedDeletions::default(), model, clock, fuse }
    }

    /// The same, which tells there what it was asked to delete.
    #[must_use]
    pub fn telling(self, asked: AskedDeletions) -> Self {
        Self { asked, ..self }
    }
}

#[async_trait]
impl HttpTransport for SimulatedTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        // The machine may crash before the call, and after it with the answer unread.
        self.fuse.burn().await;
        // A call takes time, so that imports move on between two of them.
        self.clock.pass(20);
        let query = request.url.query().map(|it| format!("?{it}")).unwrap_or_default();
        let asked = ModelRequest {
            method: request.method.as_str().to_owned(),
            target: format!("{}{query}", request.url.path()),
            headers: request.headers.clone(),
            body: request.body.to_vec(),
        };
        self.asked.note(&String::from_utf8_lossy(&asked.body));
        let answer = self.model.lock().unwrap_or_else(PoisonError::into_inner).http(Door::Any, &asked, self.clock.read());
        self.fuse.burn().await;
        let lost = |message: &str| Err(TransportError::Interrupted { message: message.to_owned() });
        match answer.wire {
            Wire::Whole => {}
            Wire::Delay { millis } => {
                if Duration::from_millis(millis) > request.timeout {
                    self.clock.pass(request.timeout.as_millis() as i64);
                    return lost("no answer in time");
                }
                self.clock.pass(millis as i64);
            }
            Wire::DropBeforeAnswer => return lost("the connection was closed without an answer"),
            Wire::Truncate { .. } => return lost("the answer broke off"),
        }
        Ok(HttpResponse { status: answer.status, headers: answer.headers, body: answer.body.into() })
    }
}

/// A file as it arrived at the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Puts files where the model picks them up.
#[derive(Clone)]
pub struct SimulatedFiles {
    model: Arc<Mutex<Model>>,
    clock: SimulatedClock,
    fuse: Fuse,
    arrived: Arc<Mutex<Vec<ArrivedFile>>>,
    /// When each file was removed that was not put again, by name.
    removed: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl fmt::Debug for SimulatedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedFiles")
    }
}

impl SimulatedFiles {
    /// A store in `model`'s Enhanced FTP.
    #[must_use]
    pub fn new(model: Arc<Mutex<Model>>, clock: SimulatedClock, fuse: Fuse) -> Self {
        Self { model, clock, fuse, arrived: Arc::default(), removed: Arc::default() }
    }

    /// How many files have arrived so far.
    #[must_use]
    pub fn arrivals(&self) -> usize {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The files that arrived after the first so many, oldest first.
    #[must_use]
    pub fn arrived_since(&self, arrivals: usize) -> Vec<ArrivedFile> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)[arrivals..].to_vec()
    }

    /// The names of the files that lie at the route now.
    #[must_use]
    pub fn lying(&self) -> Vec<String> {
        let found = self.model.lock().unwrap_or_else(PoisonError::into_inner).file_list(ENHANCED_FTP, "Import/");
        found.unwrap_or_default().into_iter().filter(|it| !it.is_dir && it.path != "Import").map(|it| it.path).collect()
    }

    /// When a file was removed, if it was and has not been put again.
    #[must_use]
    pub fn removed_ms(&self, name: &str) -> Option<i64> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn path(name: &FileName) -> String {
        format!("Import/{name}")
    }

    /// What goes wrong with this operation, if anything.
    fn fault(&self, operation: &str, name: &FileName, bytes: u64) -> Option<FileFault> {
        let path = Self::path(name);
        let query = FileFaultQuery { door: "sftp", operation, location: ENHANCED_FTP, path: &path, bytes_so_far: bytes };
        self.model.lock().unwrap_or_else(PoisonError::into_inner).file_fault(&query)
    }

    fn unreachable(message: &str) -> FileStoreError {
        FileStoreError::Unreachable { store: "simulated files".into(), message: message.into() }
    }
}

#[async_trait]
impl FileStore for SimulatedFiles {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        self.fuse.burn().await;
        let bytes = content.len();
        let body = content.read_at(0, usize::MAX).await.map_err(|source| FileStoreError::Content { name: name.to_string(), source })?;
        match self.fault("write", name, bytes) {
            None | Some(FileFault::Delay { .. } | FileFault::LoseAnswer) => {}
            Some(FileFault::NoSpace { .. }) => {
                return Err(FileStoreError::Full { store: "simulated files".into(), name: name.to_string(), message: "no space".into() });
            }
            Some(_) => return Err(Self::unreachable("the connection broke")),
        }
        let put = {
            let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
            model.file_put(ENHANCED_FTP, &Self::path(name), body.to_vec(), self.clock.read())
        };
        put.map_err(|it| Self::unreachable(&it.to_string()))?;
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).remove(name.as_str());
        let arrived = ArrivedFile { name: name.to_string(), bytes: body };
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(arrived);
        sent(bytes);
        self.fuse.burn().await;
        Ok(StoredFile { name: name.clone(), bytes })
    }

    async fn stat(&self, name: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        self.fuse.burn().await;
        let found = self.model.lock().unwrap_or_else(PoisonError::into_inner).file_stat(ENHANCED_FTP, &Self::path(name));
        let found = found.map_err(|it| Self::unreachable(&it.to_string()))?;
        Ok(found.map(|it| StoredFile { name: name.clone(), bytes: it.size }))
    }

    async fn remove(&self, name: &FileName) -> Result<(), FileStoreError> {
        self.fuse.burn().await;
        // A file that is gone already is no error.
        let _ = self.model.lock().unwrap_or_else(PoisonError::into_inner).file_remove(ENHANCED_FTP, &Self::path(name));
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_string()).or_insert(self.clock.read());
        Ok(())
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        Ok(())
    }
}
