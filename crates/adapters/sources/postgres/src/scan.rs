//! The task that reads a query's rows.

use std::pin::pin;

use arrow_array::RecordBatch;
use futures::StreamExt as _;
use outflow_ports::SourceError;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::{connection::Connection, decoder::Decoder, errors::Blame};

/// Batches decoded ahead of the reader: enough to keep the server busy while one is worked on, and no more, as they are memory.
const BATCHES_AHEAD: usize = 2;

/// A running `COPY`, with all it takes to read it to its end.
pub(crate) struct CopyScan {
    pub connection: Connection,
    /// The statement that gives the rows.
    pub copy: String,
    pub decoder: Decoder,
    pub blame: Blame,
}

type Batches = mpsc::Sender<Result<RecordBatch, SourceError>>;

impl CopyScan {
    /// Reads in a task of its own; when the receiver is dropped the server is told to stop.
    pub fn start(self) -> mpsc::Receiver<Result<RecordBatch, SourceError>> {
        let (batches, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::spawn(self.run(batches));
        receiver
    }

    async fn run(self, batches: Batches) {
        let Self { mut connection, copy, mut decoder, blame } = self;
        // The server answers with its first rows, which may be long in coming: that wait can be given up, too. Whatever was not
        // taken of the rows is gone by the end of this block, since it would hold the connection up.
        let end = tokio::select! {
            end = connection.wire.during(read(&connection.client, &copy, &mut decoder, &batches)) => end,
            () = batches.closed() => End::NotWanted,
        };
        let error = match end {
            End::Complete => return connection.close().await,
            End::NotWanted => return connection.cancel().await,
            End::Server(error) if error.is_closed() => {
                let reason = connection.reason_of_end().await;
                blame.broken(reason.unwrap_or_else(|| "the server closed the connection".to_owned()))
            }
            End::Server(error) => blame.running(&error),
            End::Unusable(message) => {
                connection.cancel().await;
                blame.broken(message)
            }
        };
        // If nobody listens any more, nobody needs to know.
        let _ = batches.send(Err(error)).await;
    }
}

/// How reading came to its end.
enum End {
    /// The trailer was seen and the server confirmed the statement.
    Complete,
    /// Nobody takes the rows any more.
    NotWanted,
    /// What the server sent cannot be used.
    Unusable(String),
    /// The server or the connection failed.
    Server(tokio_postgres::Error),
}

async fn read(client: &Client, copy: &str, decoder: &mut Decoder, batches: &Batches) -> End {
    let rows = match client.copy_out(copy).await {
        Ok(rows) => rows,
        Err(error) => return End::Server(error),
    };
    let mut rows = pin!(rows);
    loop {
        match rows.next().await {
            Some(Ok(message)) => {
                if let Err(error) = decoder.take(&message) {
                    return End::Unusable(error.to_string());
                }
                if decoder.is_full()
                    && let Some(end) = send(decoder, batches).await
                {
                    return end;
                }
            }
            Some(Err(error)) => return End::Server(error),
            None if decoder.has_ended() => return send(decoder, batches).await.unwrap_or(End::Complete),
            None => return End::Unusable("the copy stream ended without its trailer".to_owned()),
        }
    }
}

/// Gives out what was decoded; an end where the rows are not wanted or not usable.
async fn send(decoder: &mut Decoder, batches: &Batches) -> Option<End> {
    match decoder.batch() {
        Ok(None) => None,
        Ok(Some(batch)) => batches.send(Ok(batch)).await.err().map(|_| End::NotWanted),
        Err(error) => Some(End::Unusable(error.to_string())),
    }
}
