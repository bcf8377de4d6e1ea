//! Accepts connections and ends them: the loop between the socket and the router.
//!
//! Our own loop, not the framework's, for four reasons: every connection is a task that shutdown
//! waits for, a client that takes nothing is dropped (or its viewer would live for ever), a
//! client that sends half a header is dropped, and send buffers are kept small so that a slow
//! viewer is noticed by the ring instead of being hidden in the kernel.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

use crate::foundation::stop::Stop;

use super::net::{Connection, Hangup};

/// Longest time a client may take nothing of what is waiting for it.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Longest time for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Longest time connections may take to end after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest time a client may take for the rest of a stream that somebody else has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Connections at once; more wait in the listen queue until one ends.
const CONNECTIONS: usize = 4_096;
/// What is held for a connection beside the kernel's buffer; a slow viewer waits in the ring.
const BUFFER: usize = 64 * 1024;

/// Serves `router` on `listener` until `stop`, then waits for the connections to end.
///
/// Streams end by themselves on `stop` (see `live`); connections that do not end within a few
/// seconds are dropped. `send_buffer` says how many bytes to ask of the kernel for what waits to be
/// sent to a new client; a small one shows early that a viewer is slow.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: Stop,
    send_buffer: impl Fn() -> usize,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = stop.child();
    loop {
        let permit = tokio::select! {
            () = stop.requested() => break,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = stop.requested() => break,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest_after(&error).await;
                continue;
            }
        };
        let Ok(local) = socket.local_addr() else { continue };
        set_up(&socket, send_buffer());
        let connection = Connection { peer, local };
        let one = serve_one(socket, connection, router.clone(), connections.clone());
        connections.spawn("connection", async move {
            one.await;
            drop(permit);
        });
    }
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN, room.acquire_many(all)).await.is_err() {
        let left = CONNECTIONS - room.available_permits();
        tracing::info!("{left} connections did not end in time and are dropped");
    }
}

/// A failed accept is the client's fault, or a lack of descriptors that passes.
async fn rest_after(error: &io::Error) {
    let theirs = [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
    ];
    if !theirs.contains(&error.kind()) {
        tracing::error!(%error, "cannot accept connections just now: {error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn set_up(socket: &TcpStream, send_buffer: usize) {
    let options = socket2::SockRef::from(socket);
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(60));
    let done = socket
        .set_nodelay(true)
        .and_then(|()| options.set_send_buffer_size(send_buffer))
        .and_then(|()| options.set_tcp_keepalive(&keepalive));
    if let Err(error) = done {
        tracing::debug!(%error, "a socket option could not be set");
    }
}

async fn serve_one(socket: TcpStream, connection: Connection, router: Router, stop: Stop) {
    let hangup = Hangup::default();
    let hanging_up = hangup.clone();
    let router = tower::util::MapRequest::new(
        router,
        move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(connection);
            request.extensions_mut().insert(hangup.clone());
            request
        },
    );
    let abort = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Impatient::new(socket, STUCK_AFTER, Arc::clone(&abort)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(BUFFER)
        .serve_connection(io, TowerToHyperService::new(router));
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = hanging_up.wanted() => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_WORDS, served.as_mut()).await {
                Ok(ended) => ended,
                Err(_) => {
                    tracing::debug!(client.addr = %connection.peer, "a connection was cut");
                    abort.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
        () = stop.requested() => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(client.addr = %connection.peer, %error, "a connection broke");
    }
}

/// A socket that fails when a write has waited too long.
struct Impatient {
    socket: TcpStream,
    patience: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Whether what waits to be sent is thrown away when it ends.
    abort: Arc<AtomicBool>,
}

impl Impatient {
    fn new(socket: TcpStream, patience: Duration, abort: Arc<AtomicBool>) -> Self {
        Self { socket, patience, waiting: None, abort }
    }

    /// Starts, stops or applies the time limit after a write was tried.
    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        tried: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        match waiting.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let text = format!("the client took nothing for {} s", patience.as_secs());
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
            }
        }
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        if self.abort.load(Ordering::Relaxed)
            && let Err(error) =
                socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
        {
            tracing::debug!(%error, "a connection is left to the kernel");
        }
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(context, tried)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.judge(context, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SEND_BUFFER: usize = 256 * 1024;

    #[tokio::test]
    async fn handlers_know_both_ends_and_stop_ends_idle_connections() {
        let stop = Stop::new();
        let router =
            Router::new().route(
                "/",
                get(|Extension(c): Extension<Connection>| async move {
                    format!("{} {}", c.peer, c.local)
                }),
            );
        let (address, ends) = start(router, &stop).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let n = socket.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
        let expected = format!("{} {address}", socket.local_addr().unwrap());
        assert!(answer.ends_with(&expected), "{answer}");
        stop.request();
        tokio::time::timeout(Duration::from_secs(3), ends).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _idle = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        set_up(&socket, SEND_BUFFER);
        let mut impatient = Impatient::new(socket, Duration::from_millis(200), Arc::default());
        let block = vec![0; 1 << 20];
        let error = loop {
            if let Err(error) = impatient.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_stream_that_somebody_else_ends_is_cut_although_its_client_takes_nothing() {
        let stop = Stop::new();
        let (sender, mut cuts) = tokio::sync::mpsc::channel(1);
        let endless = move |Extension(hangup): Extension<Hangup>| async move {
            let cut = tokio_util::sync::CancellationToken::new();
            hangup.when(cut.clone());
            sender.send(cut).await.unwrap();
            let blocks = futures_util::stream::repeat(Bytes::from_static(&[0; 188 * 100]));
            Body::from_stream(blocks.map(Ok::<_, std::convert::Infallible>))
        };
        let (address, _ends) = start(Router::new().route("/", get(endless)), &stop).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let cut = cuts.recv().await.unwrap();
        // Everything between the two is full by now.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        cut.cancel();
        let mut rest = Vec::new();
        // A client that reads again finds a reset, not what had waited for it.
        tokio::time::sleep(LAST_WORDS + Duration::from_millis(500)).await;
        assert!(socket.read_to_end(&mut rest).await.is_err());
        assert!(began.elapsed() < STUCK_AFTER);
        stop.request();
    }

    #[tokio::test]
    async fn an_endless_stream_that_ignores_the_stop_does_not_hold_it_up() {
        let stop = Stop::new();
        let endless = || async {
            let blocks = futures_util::stream::repeat(Bytes::from_static(&[0; 188]));
            Body::from_stream(blocks.then(|block| async {
                tokio::task::yield_now().await;
                Ok::<_, std::convert::Infallible>(block)
            }))
        };
        let (address, ends) = start(Router::new().route("/", get(endless)), &stop).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        socket.read_exact(&mut [0; 512]).await.unwrap();
        stop.request();
        tokio::time::timeout(DRAIN + Duration::from_secs(3), ends).await.unwrap().unwrap();
    }

    async fn start(
        router: Router,
        stop: &Stop,
    ) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, stop.spawn("http", serve(listener, router, stop.clone(), || SEND_BUFFER)))
    }
}
