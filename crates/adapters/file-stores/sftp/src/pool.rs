//! Connections that are kept for the next file, and how many there may be.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{connection::Connection, fault::Fault, settings::Endpoint};

/// At most so many connections are open at once, idle ones included: a new one is opened only while none is idle, by a holder of one
/// of as many permits.
#[derive(Debug)]
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Pool {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(connections_max)), idle: Arc::default() }
    }

    /// Lends a connection, waiting for one to come back where all are lent.
    pub(crate) async fn lend(&self, endpoint: &Endpoint) -> Result<Lease, Fault> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Fault::Dropped("the store is closing".to_owned()))?;
        // Idle ones close by themselves after a while.
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|it| !it.is_closed());
            idle.pop()
        };
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(endpoint).await?,
        };
        Ok(Lease { connection, idle: Arc::clone(&self.idle), _permit: permit })
    }
}

/// A connection that is lent. Dropping it closes the connection.
pub(crate) struct Lease {
    connection: Connection,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Keeps the connection for the next who needs one.
    pub(crate) fn give_back(self) {
        if !self.connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
        }
    }

    /// Closes a connection that is of no more use, and only then lets another take its place.
    pub(crate) async fn close(self) {
        self.connection.close().await;
    }
}
