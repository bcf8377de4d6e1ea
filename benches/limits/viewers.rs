//! Readers of a channel: one that looks at every byte for a moment, and many that only count.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use exstreamtv::mpegts::packet::{PACKET, PID_VIDEO, Packet, unwrap_near};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// How long after its clock reference a picture is decoded, in seconds: the reference is sent that
/// much early, so that a picture is whole when its time comes.
const DECODED_AFTER: f64 = 0.5;

/// Whether a viewer who sets a clock by the first reference would still see the picture move.
///
/// That is how a receiver is meant to work (the system target decoder of ISO/IEC 13818-1): it begins
/// with nothing in hand. A channel may send nothing for seconds when what it has ahead shrinks, as
/// long as what was sent lasts; so it is the clock of the stream that counts.
#[derive(Debug, Default)]
pub struct Playing {
    /// Bytes of a packet that is not whole yet.
    rest: Vec<u8>,
    /// The first clock reference in 90 kHz ticks and when it came.
    began: Option<(i64, Instant)>,
    /// The last one.
    clock: i64,
    stalled: bool,
}

impl Playing {
    /// Takes what came.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let missing = (PACKET - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < PACKET {
                return;
            }
            let packet = std::mem::take(&mut self.rest);
            self.packet(&packet);
        }
        let packets = bytes.chunks_exact(PACKET);
        self.rest.extend_from_slice(packets.remainder());
        packets.for_each(|packet| self.packet(packet));
    }

    fn packet(&mut self, bytes: &[u8]) {
        // A clock reference needs an adaptation field of at least seven bytes.
        if bytes[3] & 0x20 == 0 || bytes[4] < 7 {
            return;
        }
        let Some(pcr) = Packet::parse(bytes).ok().and_then(|packet| packet.pcr) else { return };
        let (first, _) = *self.began.get_or_insert((pcr / 300, Instant::now()));
        self.clock = unwrap_near(pcr / 300, first.max(self.clock));
    }

    /// How long what came lasts, in seconds; negative when a picture is due that is not here.
    pub fn left(&self) -> f64 {
        let Some((first, at)) = self.began else { return DECODED_AFTER };
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let got = (self.clock - first) as f64 / 90_000.0;
        got + DECODED_AFTER - at.elapsed().as_secs_f64()
    }

    /// Whether it has just begun to stand still.
    pub fn stalls(&mut self) -> bool {
        let stalled = self.left() < 0.0;
        let before = std::mem::replace(&mut self.stalled, stalled);
        stalled && !before
    }
}

/// Asks for a channel from an address of its own, and reads the head of the answer; gives the
/// connection and the first bytes of the stream.
pub async fn tune(host: &str, number: &str, nth: usize) -> Result<(TcpStream, Vec<u8>), String> {
    let told = |error: std::io::Error| error.to_string();
    let to: SocketAddr = host.parse().unwrap();
    let socket = TcpSocket::new_v4().map_err(told)?;
    let octet = |shift: usize| u8::try_from(nth / shift % 250 + 1).unwrap();
    let from = Ipv4Addr::new(127, 1, octet(250), octet(1));
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).map_err(told)?;
    let mut wire = socket.connect(to).await.map_err(told)?;
    // HTTP/1.0 asks for bytes without chunks between them.
    let request = format!(
        "GET /iptv/channel/{number}.ts HTTP/1.0\r\nHost: {host}\r\nUser-Agent: bench/{nth}\r\n\r\n"
    );
    wire.write_all(request.as_bytes()).await.map_err(told)?;
    let mut bytes = Vec::with_capacity(64 << 10);
    loop {
        if wire.read_buf(&mut bytes).await.map_err(told)? == 0 {
            return Err(format!("channel {number} ended in its head"));
        }
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            if !bytes.starts_with(b"HTTP/1.1 200") && !bytes.starts_with(b"HTTP/1.0 200") {
                return Err(String::from_utf8_lossy(&bytes[..head]).into_owned());
            }
            bytes.drain(..head + 4);
            return Ok((wire, bytes));
        }
    }
}

/// The first pictures of a stream.
pub struct Glimpse {
    pub bytes: Vec<u8>,
    /// From the request to the end of the first picture.
    pub first_picture: Duration,
}

/// Tunes, and reads until `pictures` pictures are whole.
pub async fn glimpse(host: &str, number: &str, nth: usize, pictures: usize) -> Glimpse {
    let began = Instant::now();
    let (mut wire, mut bytes) = tune(host, number, nth).await.unwrap();
    let mut first_picture = None;
    loop {
        let seen = pictures_begun(&bytes).len();
        // A picture is whole when the next one begins.
        if seen >= 2 {
            first_picture.get_or_insert(began.elapsed());
        }
        if let Some(first_picture) = first_picture.filter(|_| seen > pictures) {
            return Glimpse { bytes, first_picture };
        }
        assert!(wire.read_buf(&mut bytes).await.unwrap() > 0, "channel {number} ended");
    }
}

/// The packets in which pictures begin.
pub fn pictures_begun(bytes: &[u8]) -> Vec<usize> {
    let begins = |bytes: &[u8]| {
        Packet::parse(bytes).is_ok_and(|packet| packet.pid == PID_VIDEO && packet.unit_start)
    };
    let packets = bytes.chunks_exact(PACKET).enumerate();
    packets.filter(|(_, packet)| begins(packet)).map(|(at, _)| at).collect()
}

/// A picture between key pictures that takes more packets than this moves: slates stand still.
pub const MOVES: usize = 48;

/// Tunes, and waits for the first picture of moving media; gives the time to the first byte and to
/// that picture.
pub async fn until_moving(host: &str, number: &str, nth: usize) -> (Duration, Duration) {
    let began = Instant::now();
    let (mut wire, mut bytes) = tune(host, number, nth).await.unwrap();
    let mut first_byte = None;
    loop {
        if !bytes.is_empty() {
            first_byte.get_or_insert(began.elapsed());
        }
        let begun = pictures_begun(&bytes);
        let is_key = |at: usize| {
            let packet = Packet::parse(&bytes[at * PACKET..(at + 1) * PACKET]);
            packet.is_ok_and(|packet| packet.random_access)
        };
        let moves = |pair: &[usize]| !is_key(pair[0]) && pair[1] - pair[0] > MOVES;
        if let (Some(first_byte), true) = (first_byte, begun.windows(2).any(moves)) {
            return (first_byte, began.elapsed());
        }
        // What is judged already is not kept.
        if let Some(last) = begun.last() {
            bytes.drain(..last * PACKET);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no media on channel {number}");
        assert!(wire.read_buf(&mut bytes).await.unwrap() > 0, "channel {number} ended");
    }
}

/// How often a viewer to whom nothing comes looks at the time.
pub const LOOK: Duration = Duration::from_millis(200);

/// Readers that only count.
pub struct Crowd {
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    stalls: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
}

impl Crowd {
    pub fn new() -> Self {
        Self { counts: Arc::default(), stop: Arc::default(), tasks: JoinSet::new() }
    }

    /// Adds a viewer of `number`.
    pub fn add(&mut self, host: &str, number: &str) {
        let nth = self.tasks.len();
        let (host, number) = (host.to_owned(), number.to_owned());
        let (counts, stop) = (Arc::clone(&self.counts), Arc::clone(&self.stop));
        self.tasks.spawn(async move {
            let Ok((mut wire, head)) = tune(&host, &number, nth).await else {
                counts.refused.fetch_add(1, Ordering::Relaxed);
                return;
            };
            counts.bytes.fetch_add(head.len() as u64, Ordering::Relaxed);
            let mut block = vec![0; 128 << 10];
            let mut playing = Playing::default();
            playing.push(&head);
            while !stop.load(Ordering::Relaxed) {
                match tokio::time::timeout(LOOK, wire.read(&mut block)).await {
                    Ok(Ok(0) | Err(_)) => {
                        counts.ended.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    Ok(Ok(read)) => {
                        counts.bytes.fetch_add(read as u64, Ordering::Relaxed);
                        playing.push(&block[..read]);
                    }
                    Err(_) => {}
                }
                counts.stalls.fetch_add(u64::from(playing.stalls()), Ordering::Relaxed);
            }
        });
    }

    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }

    /// Stalls, streams that ended, and viewers refused so far.
    pub fn troubles(&self) -> [u64; 3] {
        let Counts { stalls, ended, refused, .. } = &*self.counts;
        [stalls, ended, refused].map(|count| count.load(Ordering::Relaxed))
    }

    /// Lets everyone go.
    pub async fn leave(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.shutdown().await;
    }
}
