//! Sends a channel to a client in datagrams.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::net::UdpSocket;
use tokio::time::Duration;

use super::variables::{Framing, Target};
use crate::foundation::clock::SharedClock;

/// Seven transport packets fit into a datagram on every network.
const PAYLOAD: usize = 7 * 188;

/// Datagrams sent without a pause: clients' receive buffers are small, and a joiner is given
/// several seconds at once.
const BATCH: usize = 8;

/// Pause after a batch; with [`BATCH`] at most 21 Mbit/s, twice the best profile.
const PAUSE: Duration = Duration::from_millis(4);

/// Wait before the first datagram: clients throw away what arrives before they have read the answer
/// to their request, which would be the key frame that a stream begins with.
const BEFORE_START: Duration = Duration::from_millis(200);

/// How long a stream goes on when nobody holds it any more.
const ORPHAN_MS: i64 = 30_000;

/// Whether anybody still wants a stream.
#[derive(Debug)]
pub(super) struct Interest {
    /// Whether the connection that asked for it is open.
    held: AtomicBool,
    /// When its client last spoke.
    seen_ms: AtomicI64,
}

impl Interest {
    pub(super) fn new(now_ms: i64) -> Arc<Self> {
        Arc::new(Self { held: AtomicBool::new(true), seen_ms: AtomicI64::new(now_ms) })
    }

    /// The client spoke.
    pub(super) fn renew(&self, now_ms: i64) {
        self.seen_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The connection that asked for the stream ended.
    pub(super) fn release(&self, now_ms: i64) {
        self.renew(now_ms);
        self.held.store(false, Ordering::Relaxed);
    }

    fn is_over(&self, now_ms: i64) -> bool {
        let silent_ms = now_ms - self.seen_ms.load(Ordering::Relaxed);
        !self.held.load(Ordering::Relaxed) && silent_ms > ORPHAN_MS
    }
}

/// Why a stream ended by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the channel ended")]
    Channel,
    #[error("nobody asked for it for {} s", ORPHAN_MS / 1000)]
    Orphaned,
    #[error("the client does not take it")]
    Network(#[source] io::Error),
}

/// Sends until the channel or the interest ends, or the client's port is closed.
pub(super) async fn push(
    mut stream: BoxStream<'static, Bytes>,
    target: Target,
    interest: Arc<Interest>,
    clock: SharedClock,
) -> Ended {
    let socket = match open(target.to).await {
        Ok(socket) => socket,
        Err(error) => return Ended::Network(error),
    };
    tokio::time::sleep(BEFORE_START).await;
    let mut framer = Framer::new(target.framing);
    let mut sent = 0;
    while let Some(block) = stream.next().await {
        framer.take(&block);
        while let Some(datagram) = framer.next(clock.now_ms()) {
            if interest.is_over(clock.now_ms()) {
                return Ended::Orphaned;
            }
            if let Err(error) = socket.send(&datagram).await {
                return Ended::Network(error);
            }
            sent += 1;
            if sent % BATCH == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ended::Channel
}

/// A socket that hears when the client's port is closed.
async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Cuts a stream into datagrams.
#[derive(Debug)]
struct Framer {
    framing: Framing,
    waiting: BytesMut,
    sequence: u16,
}

impl Framer {
    fn new(framing: Framing) -> Self {
        Self { framing, waiting: BytesMut::new(), sequence: 0 }
    }

    fn take(&mut self, block: &[u8]) {
        self.waiting.extend_from_slice(block);
    }

    /// The next datagram, if there are seven packets.
    fn next(&mut self, now_ms: i64) -> Option<Vec<u8>> {
        let payload = self.waiting.get(..PAYLOAD)?;
        let mut datagram = Vec::with_capacity(12 + PAYLOAD);
        match self.framing {
            Framing::Udp => {}
            Framing::Rtp => {
                // Version 2, payload type 33 (transport stream), a 90 kHz clock of 32 bits.
                datagram.extend([0x80, 33]);
                datagram.extend(self.sequence.to_be_bytes());
                datagram.extend((now_ms.wrapping_mul(90) as u32).to_be_bytes());
                datagram.extend(*b"EXTV");
                self.sequence = self.sequence.wrapping_add(1);
            }
        }
        datagram.extend_from_slice(payload);
        self.waiting.advance(PAYLOAD);
        Some(datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_has_seven_packets_and_a_counted_header() {
        let mut framer = Framer::new(Framing::Rtp);
        framer.take(&[0x47; 188 * 10]);
        let first = framer.next(1_000).unwrap();
        assert_eq!(first.len(), 12 + 7 * 188);
        assert_eq!(first[..12], [0x80, 33, 0, 0, 0, 1, 0x5F, 0x90, b'E', b'X', b'T', b'V']);
        assert_eq!(framer.next(1_000), None);
        framer.take(&[0x47; 188 * 4]);
        assert_eq!(framer.next(1_000).unwrap()[2..4], [0, 1]);
        let mut bare = Framer::new(Framing::Udp);
        bare.take(&[0x47; 188 * 7]);
        assert_eq!(bare.next(0).unwrap(), [0x47; 188 * 7]);
    }

    #[test]
    fn a_stream_that_nobody_holds_ends_half_a_minute_after_the_last_word() {
        let interest = Interest::new(0);
        assert!(!interest.is_over(1_000_000));
        interest.release(1_000);
        assert!(!interest.is_over(31_000));
        interest.renew(20_000);
        assert!(!interest.is_over(50_000));
        assert!(interest.is_over(50_001));
    }
}
