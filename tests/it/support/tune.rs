//! Times a tune as a client on the wire sees it.

use std::time::{Duration, Instant};

use exstreamtv::domain::ChannelNumber;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::app::App;

/// PID of the pictures.
const VIDEO: u16 = 0x100;

/// Time from the request, on a new connection, to the last byte of the first picture.
pub async fn first_picture(app: &App, number: &ChannelNumber) -> Duration {
    let host = app.base.trim_start_matches("http://");
    let began = Instant::now();
    let mut wire = TcpStream::connect(host).await.unwrap();
    // HTTP/1.0 asks for bytes without chunks between them.
    let request = format!("GET /iptv/channel/{number}.ts HTTP/1.0\r\nHost: {host}\r\n\r\n");
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::with_capacity(1 << 20);
    loop {
        assert!(wire.read_buf(&mut bytes).await.unwrap() > 0, "the stream ended");
        if holds_a_picture(&bytes) {
            return began.elapsed();
        }
    }
}

/// Whether a second picture has begun, so that the first is complete.
fn holds_a_picture(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let starts_picture = |packet: &[u8]| {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        pid == VIDEO && packet[1] & 0x40 != 0
    };
    answer[head + 4..].chunks_exact(188).filter(|packet| starts_picture(packet)).count() >= 2
}
