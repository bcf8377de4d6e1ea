//! The writer thread: the one place where the database changes.
//!
//! SQLite takes one writer at a time. One thread with a queue gives order and back-pressure
//! instead of lock errors, and a panic in one write leaves it standing for the next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StorageError;

/// Writes that may wait. When the queue is full, callers of [`Writer::run`] wait for room; nothing
/// is dropped and nothing is refused.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Message {
    Write(Job),
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// A handle to the writer thread; the thread ends when the last one is dropped or `close` is used.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Starts the thread that owns `connection`.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("db-writer".to_owned())
            .spawn(move || serve(connection, messages))?;
        Ok(Self { queue })
    }

    /// Runs `f` in one transaction: committed and on the disk when this returns `Ok`, undone
    /// when it returns `Err`.
    ///
    /// Dropping the future gives up the answer, not the write: what is queued is done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = transact(connection, op, f);
            if let Err(error) = &result {
                error.log(op);
            }
            if answer.send(result).is_err() {
                tracing::debug!(storage.op = op, "nobody waits for {op} any more");
            }
        });
        self.queue.send(Message::Write(job)).await.map_err(|_| StorageError::Closed)?;
        answered.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Does what is queued, folds the log into the database and closes it.
    pub(super) async fn close(&self) -> Result<(), StorageError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Close(answer)).await.map_err(|_| StorageError::Closed)?;
        answered.await.unwrap_or(Err(StorageError::Closed))
    }
}

fn serve(mut connection: Connection, mut messages: mpsc::Receiver<Message>) {
    let mut closer = None;
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Write(job) => job(&mut connection),
            Message::Close(answer) => {
                closer = Some(answer);
                break;
            }
        }
    }
    // Whoever still waits in the queue is told that the database is closed.
    drop(messages);
    let closed = connection.close().map_err(|(_, e)| StorageError::of("close", e));
    if let Err(error) = &closed {
        error.log("close");
    }
    if let Some(answer) = closer
        && answer.send(closed).is_err()
    {
        tracing::debug!("nobody waits for the database to close");
    }
}

/// One transaction; whatever goes wrong, the connection is left without one.
fn transact<T>(
    connection: &mut Connection,
    op: &'static str,
    f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, StorageError> {
    // The closure cannot leave half a change behind: the transaction is rolled back as it unwinds.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }));
    match outcome {
        Ok(result) => result.map_err(|e| StorageError::of(op, e)),
        Err(_) => Err(StorageError::Panicked { op }),
    }
}
