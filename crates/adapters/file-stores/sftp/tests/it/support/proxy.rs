//! A line to a server that breaks when told, and counts.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Forwards connections to a server. Ends with its owner.
pub struct Proxy {
    pub port: u16,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    opened: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
    bytes_up: Mutex<Vec<u64>>,
}

impl Proxy {
    /// A proxy whose first connections break after so many bytes towards the server; later ones hold.
    pub async fn to(port: u16, breaks_after: &[u64]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let breaks_after = breaks_after.to_vec();
        let counted = Arc::clone(&counts);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let at = counted.opened.fetch_add(1, SeqCst);
                let open = counted.open.fetch_add(1, SeqCst) + 1;
                counted.open_max.fetch_max(open, SeqCst);
                let budget = breaks_after.get(at).copied().unwrap_or(u64::MAX);
                counted.bytes_up.lock().unwrap().push(0);
                let counts = Arc::clone(&counted);
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                        forward(client, server, budget, |bytes| counts.bytes_up.lock().unwrap()[at] += bytes).await;
                    }
                    counts.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { port: own_port, counts, accepting }
    }

    /// Connections ever made.
    pub fn opened(&self) -> usize {
        self.counts.opened.load(SeqCst)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.counts.open.load(SeqCst)
    }

    /// Most connections open at once.
    pub fn open_max(&self) -> usize {
        self.counts.open_max.load(SeqCst)
    }

    /// Bytes that went to the server over each connection.
    pub fn bytes_up(&self) -> Vec<u64> {
        self.counts.bytes_up.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Until one side ends, or the budget does. Dropping both streams breaks the line for both.
async fn forward(mut client: TcpStream, mut server: TcpStream, budget: u64, count: impl Fn(u64)) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let (mut buffer, mut left) = (vec![0; 16 * 1024], budget);
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Ok(bytes @ 1..) = from_client.read(&mut buffer[..most]).await else { return };
            if to_server.write_all(&buffer[..bytes]).await.is_err() {
                return;
            }
            left -= bytes as u64;
            count(bytes as u64);
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
