//! Answers searches for tuners (UDP).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::{PortState, RETRY, Settings, address, note};
use crate::formats::packets::{self, MAX_PACKET};
use crate::foundation::stop::Stop;

/// Most answers in a second. Senders can be forged, and an answer is longer than its question.
const ANSWERS_PER_SECOND: u32 = 50;

/// Opens the port, answers, and begins again when the socket breaks.
pub(super) async fn serve(settings: Arc<Settings>, state: watch::Sender<PortState>, stop: Stop) {
    while !stop.is_requested() {
        // Bound to all addresses even when HTTP is not: broadcasts reach no socket bound to one.
        let opened = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, settings.port)).await;
        let failed = match opened {
            Ok(socket) => {
                let port = socket.local_addr().map_or(settings.port, |at| at.port());
                note(&state, "discovery", PortState::Open { port });
                tokio::select! {
                    error = answer_all(&socket, &settings) => error,
                    () = stop.requested() => return,
                }
            }
            Err(error) => error,
        };
        let reason = format!("UDP port {}: {failed}", settings.port);
        note(&state, "discovery", PortState::Unavailable { reason });
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stop.requested() => return,
        }
    }
}

/// Answers until the socket breaks. Dropping it loses at most an answer, which clients ask for
/// again.
async fn answer_all(socket: &UdpSocket, settings: &Settings) -> io::Error {
    let mut packet = [0; MAX_PACKET];
    let mut second = Instant::now();
    let mut answers = 0;
    loop {
        let (length, from) = match socket.recv_from(&mut packet).await {
            Ok(received) => received,
            // An earlier answer could not be delivered; that is no trouble of this socket.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => return error,
        };
        if second.elapsed() >= Duration::from_secs(1) {
            (second, answers) = (Instant::now(), 0);
        }
        if answers >= ANSWERS_PER_SECOND
            || packets::asks_for(&packet[..length], &settings.device) != Ok(true)
        {
            continue;
        }
        answers += 1;
        let Some(base) = base_for(settings, from).await else { continue };
        let reply = packets::discover_reply(&settings.device, &base);
        if let Err(error) = socket.send_to(&reply, from).await {
            tracing::debug!(client.addr = %from, "a search from {from} was not answered: {error}");
        }
    }
}

/// This server's address for the asker, who may have sent a broadcast.
async fn base_for(settings: &Settings, from: SocketAddr) -> Option<String> {
    let local = match local_address(from).await {
        Ok(local) => local,
        Err(error) => {
            tracing::debug!(client.addr = %from, "there is no way back to {from}: {error}");
            return None;
        }
    };
    let http = SocketAddr::new(settings.http_host, settings.http_port);
    address::for_client(settings.public_url.as_deref(), http, local)
}

/// The address from which packets to `peer` leave, which is where that peer can reach us. Nothing
/// is sent.
async fn local_address(peer: SocketAddr) -> io::Result<IpAddr> {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    probe.connect(peer).await?;
    Ok(probe.local_addr()?.ip())
}
