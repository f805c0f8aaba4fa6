//! Connections that can be cut off in the middle, as networks do.
//!
//! A fault such as "the answer stops after 100 bytes" must be true on the socket: the client's own
//! HTTP or SSH library meets a connection that ended, not an answer that says so. [`Cuttable`] wraps
//! the socket below every protocol, and its [`Knife`] is handed to whoever knows when to cut.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Where an HTTP answer's head ends.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// Cuts one connection. Clones cut the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knife(Arc<Blade>);

#[derive(Debug, Default)]
struct Blade {
    severed: AtomicBool,
    answer: Mutex<Option<AnswerCut>>,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// An answer that is to stop after some bytes of its body.
#[derive(Debug)]
struct AnswerCut {
    /// How many bytes of [`HEAD_END`] the last written bytes match; 4 once the head is over.
    head_matched: usize,
    /// Bytes of the body that may still pass.
    body_bytes_left: usize,
}

impl Knife {
    /// Ends the connection now, in both directions, without a farewell.
    pub(crate) fn sever(&self) {
        self.0.severed.store(true, Ordering::SeqCst);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Ends the connection once `body_bytes` of the next HTTP answer's body are on the wire.
    pub(crate) fn sever_after_body(&self, body_bytes: usize) {
        *self.answer() = Some(AnswerCut { head_matched: 0, body_bytes_left: body_bytes });
    }

    /// Whether the connection was ended.
    pub(crate) fn is_severed(&self) -> bool {
        self.0.severed.load(Ordering::SeqCst)
    }

    fn answer(&self) -> std::sync::MutexGuard<'_, Option<AnswerCut>> {
        self.0.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnswerCut {
    /// How many of `bytes` may be written before the cut.
    fn allowed(&self, bytes: &[u8]) -> usize {
        let (_, body_starts) = self.head(bytes);
        body_starts.map_or(bytes.len(), |start| bytes.len().min(start + self.body_bytes_left))
    }

    /// Takes note that `bytes` went out.
    fn wrote(&mut self, bytes: &[u8]) {
        let (matched, body_starts) = self.head(bytes);
        self.head_matched = matched;
        if let Some(start) = body_starts {
            self.body_bytes_left -= bytes.len() - start;
        }
    }

    /// The state of the match after `bytes`, and where in them the body begins, if it does.
    fn head(&self, bytes: &[u8]) -> (usize, Option<usize>) {
        let mut matched = self.head_matched;
        for (at, byte) in bytes.iter().enumerate() {
            if matched == HEAD_END.len() {
                return (matched, Some(at));
            }
            matched = match *byte == HEAD_END[matched] {
                true => matched + 1,
                false => usize::from(*byte == HEAD_END[0]),
            };
        }
        let over = (matched == HEAD_END.len()).then_some(bytes.len());
        (matched, over)
    }
}

/// A connection that its [`Knife`] can cut.
pub(crate) struct Cuttable<S> {
    inner: S,
    knife: Knife,
}

impl<S> Cuttable<S> {
    /// Puts `inner` under `knife`.
    pub(crate) fn new(inner: S, knife: Knife) -> Self {
        Self { inner, knife }
    }
}

fn severed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was cut by a fault")
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.knife.0.reader.register(cx.waker());
        if self.knife.is_severed() {
            return Poll::Ready(Err(severed()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.knife.0.writer.register(cx.waker());
        if self.knife.is_severed() {
            return Poll::Ready(Err(severed()));
        }
        let knife = self.knife.clone();
        let mut answer = knife.answer();
        let Some(cut) = answer.as_mut() else {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        };
        let allowed = cut.allowed(bytes);
        if allowed == 0 && !bytes.is_empty() {
            // What came before must reach the client, or the cut would come too early.
            return Pin::new(&mut self.inner).poll_flush(cx).map(|_| {
                drop(answer);
                knife.sever();
                Err(severed())
            });
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, &bytes[..allowed]);
        if let Poll::Ready(Ok(length)) = &written {
            cut.wrote(&bytes[..*length]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What a client sees of `writes` when the answer is cut after `body_bytes`.
    async fn seen(body_bytes: usize, writes: &[&str]) -> String {
        let (near, mut far) = tokio::io::duplex(1024);
        let knife = Knife::default();
        let mut near = Cuttable::new(near, knife.clone());
        knife.sever_after_body(body_bytes);
        for text in writes {
            if near.write_all(text.as_bytes()).await.is_err() {
                break;
            }
        }
        drop(near);
        let mut text = String::new();
        far.read_to_string(&mut text).await.expect("a duplex pipe ends cleanly");
        text
    }

    #[tokio::test]
    async fn the_head_is_not_counted() {
        assert_eq!(seen(2, &["HTTP/1.1 200 OK\r\n\r\nabcdef"]).await, "HTTP/1.1 200 OK\r\n\r\nab");
    }

    #[tokio::test]
    async fn the_cut_may_fall_between_writes() {
        assert_eq!(seen(3, &["H\r\n\r", "\nab", "cdef", "gh"]).await, "H\r\n\r\nabc");
    }

    #[tokio::test]
    async fn nothing_of_the_body_may_pass() {
        assert_eq!(seen(0, &["H\r\n\r\n", "abc"]).await, "H\r\n\r\n");
    }

    #[tokio::test]
    async fn a_longer_allowance_than_the_answer_cuts_nothing() {
        assert_eq!(seen(99, &["H\r\n\r\nabc"]).await, "H\r\n\r\nabc");
    }

    #[tokio::test]
    async fn a_severed_connection_wakes_a_waiting_reader() {
        let (near, _far) = tokio::io::duplex(64);
        let knife = Knife::default();
        let mut near = Cuttable::new(near, knife.clone());
        let reading = tokio::spawn(async move { near.read_u8().await });
        tokio::task::yield_now().await;
        knife.sever();
        let error = reading.await.expect("the reader ends").expect_err("nothing was sent");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
