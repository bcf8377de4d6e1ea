//! Answers the control port (TCP): reads and sets variables, and sends channels to clients.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Duration;

use super::push::{Interest, push};
use super::slots::{SharedGuard, SlotError, Slots};
use super::variables::{Asked, Effect, Target, Variables};
use super::{Channels, LineupSource, PortState, RETRY, Settings, note};
use crate::domain::{ChannelId, UtcMillis};
use crate::formats::packets::{ControlRequest, MAX_PACKET, Packet, control_reply};
use crate::foundation::clock::SharedClock;
use crate::foundation::stop::Stop;

/// Most connections at a time; more are closed at once. Clients open one a call.
const CONNECTIONS: usize = 64;

/// A connection that says nothing for so long and holds no stream is closed.
const IDLE: Duration = Duration::from_secs(600);

/// How a silent connection is found out: asked after half a minute, given up a minute later.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(20), 3);

/// Opens the port, serves, and begins again when the socket breaks.
pub(super) async fn serve(
    settings: Arc<Settings>,
    state: watch::Sender<PortState>,
    desk: Arc<Desk>,
    stop: Stop,
) {
    while !stop.is_requested() {
        let opened = TcpListener::bind((Ipv4Addr::UNSPECIFIED, settings.port)).await;
        let failed = match opened {
            Ok(listener) => {
                let port = listener.local_addr().map_or(settings.port, |at| at.port());
                note(&state, "control", PortState::Open { port });
                tokio::select! {
                    error = accept_all(&listener, &desk, &stop) => error,
                    () = stop.requested() => return,
                }
            }
            Err(error) => error,
        };
        let reason = format!("TCP port {}: {failed}", settings.port);
        note(&state, "control", PortState::Unavailable { reason });
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stop.requested() => return,
        }
    }
}

async fn accept_all(listener: &TcpListener, desk: &Arc<Desk>, stop: &Stop) -> io::Error {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client went away while it waited in the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return error,
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (desk, stopped) = (Arc::clone(desk), stop.clone());
        stop.spawn("tuner client", async move {
            tokio::select! {
                ended = attend(stream, peer, &desk) => {
                    if let Err(error) = ended {
                        tracing::debug!(client.addr = %peer, "tuner client {peer}: {error}");
                    }
                }
                () = stopped.requested() => {}
            }
            drop(place);
        });
    }
}

/// Serves one connection to its end.
async fn attend(mut stream: TcpStream, peer: SocketAddr, desk: &Arc<Desk>) -> io::Result<()> {
    let (time, interval, retries) = KEEPALIVE;
    let keepalive =
        socket2::TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(retries);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let caller = Caller { peer: peer.ip(), desk: Arc::clone(desk), held: Mutex::default() };
    let mut read = Vec::with_capacity(MAX_PACKET);
    loop {
        while let Some(packet) = take_packet(&mut read)? {
            let reply = match ControlRequest::decode(&packet) {
                Ok(request) => caller.answer(&request),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            };
            stream.write_all(&reply).await?;
        }
        let more = stream.read_buf(&mut read);
        let count = match tokio::time::timeout(IDLE, more).await {
            Ok(count) => count?,
            Err(_) if caller.holds_a_stream() => continue,
            Err(_) => return Ok(()),
        };
        if count == 0 {
            return Ok(());
        }
    }
}

/// The first whole packet, taken out of what was read.
fn take_packet(read: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let length =
        Packet::length(read).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let Some(length) = length.filter(|length| read.len() >= *length) else { return Ok(None) };
    Ok(Some(read.drain(..length).collect()))
}

/// A connection: it holds the streams it asked for, until it ends.
struct Caller {
    peer: IpAddr,
    desk: Arc<Desk>,
    held: Mutex<Vec<Arc<Interest>>>,
}

impl Caller {
    fn answer(&self, request: &ControlRequest) -> Vec<u8> {
        let (answer, begun) = self.desk.answer(request, self.peer);
        if let Some(interest) = begun {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|held| Arc::strong_count(held) > 1);
            held.push(interest);
        }
        match &answer {
            Ok(value) => control_reply(&request.name, Ok(value)),
            Err(problem) => control_reply(&request.name, Err(problem)),
        }
    }

    /// Whether a stream that this connection asked for still runs.
    fn holds_a_stream(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().any(|held| Arc::strong_count(held) > 1)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let now_ms = self.desk.clock.now_ms();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().for_each(|interest| interest.release(now_ms));
    }
}

/// The device behind the port: its variables and what it sends.
pub(super) struct Desk {
    variables: Mutex<Variables>,
    /// What each tuner sends, by tuner.
    sending: Mutex<Vec<Option<Sending>>>,
    slots: Slots,
    channels: Arc<dyn Channels>,
    lineup: LineupSource,
    clock: SharedClock,
    stop: Stop,
    /// Tells one stream of a tuner from the next.
    count: AtomicU64,
}

/// A stream on its way; dropping it ends it.
struct Sending {
    id: u64,
    target: Target,
    stop: Stop,
    interest: Arc<Interest>,
    /// Frees the tuner when this is dropped, which is before its task has noticed; its session does
    /// the same when it ends.
    _guard: SharedGuard,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.request();
    }
}

impl Desk {
    pub(super) fn new(
        slots: Slots,
        channels: Arc<dyn Channels>,
        lineup: LineupSource,
        clock: SharedClock,
        stop: Stop,
    ) -> Arc<Self> {
        let tuners = slots.uses().len();
        Arc::new(Self {
            variables: Mutex::new(Variables::new(tuners)),
            sending: Mutex::new((0..tuners).map(|_| None).collect()),
            slots,
            channels,
            lineup,
            clock,
            stop,
            count: AtomicU64::new(0),
        })
    }

    /// Answers a request and does what it asks for; returns the stream it began, if it did.
    fn answer(
        self: &Arc<Self>,
        request: &ControlRequest,
        peer: IpAddr,
    ) -> (Result<String, String>, Option<Arc<Interest>>) {
        self.renew(peer);
        let Some(lineup) = (self.lineup)() else {
            return (Err("ERROR: the channels cannot be read".to_owned()), None);
        };
        let uses = self.slots.uses();
        let asked = Asked { request, peer, lineup: &lineup, uses: &uses };
        let mut variables = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, effect) = variables.answer(asked);
        drop(variables);
        match effect {
            Effect::Nothing => (answer, None),
            Effect::Stop { tuner } => {
                self.end(tuner);
                (answer, None)
            }
            Effect::Send { tuner, channel, target } => {
                // Another channel for the same target stays with the connection that asked for it.
                let going_on = self.end(tuner).filter(|(to, _)| *to == target);
                let kept = going_on.map(|(_, interest)| interest);
                let is_new = kept.is_none();
                let interest = kept.unwrap_or_else(|| Interest::new(self.clock.now_ms()));
                match self.begin(tuner, channel, target, &interest) {
                    Ok(()) => (answer, is_new.then_some(interest)),
                    Err(problem) => {
                        self.forget_target(tuner);
                        (Err(format!("ERROR: {problem}")), None)
                    }
                }
            }
        }
    }

    /// A client spoke: its streams go on.
    fn renew(&self, client: IpAddr) {
        let now_ms = self.clock.now_ms();
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        for sending in sending.iter().flatten().filter(|sending| sending.target.to.ip() == client) {
            sending.interest.renew(now_ms);
        }
    }

    fn begin(
        self: &Arc<Self>,
        tuner: usize,
        channel: ChannelId,
        target: Target,
        interest: &Arc<Interest>,
    ) -> Result<(), String> {
        let client = target.to.ip();
        let now_ms = self.clock.now_ms();
        let claim = || self.slots.claim(Some(tuner), channel, client, UtcMillis(now_ms));
        let guard = match claim() {
            Err(SlotError::AllBusy) if self.makes_way(tuner, client) => claim(),
            claimed => claimed,
        };
        let guard = guard.map_err(|error| match error {
            SlotError::AllBusy => "resource busy".to_owned(),
            SlotError::NoSuchTuner { .. } => error.to_string(),
        })?;
        let guard = SharedGuard::new(guard);
        let held = Box::new(guard.clone());
        let stream = self.channels.join(channel, client, held)?;
        let id = self.count.fetch_add(1, Ordering::Relaxed);
        let stop = self.stop.child();
        let sending = Sending {
            id,
            target,
            stop: stop.clone(),
            interest: Arc::clone(interest),
            _guard: guard,
        };
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)[tuner] = Some(sending);
        let (desk, clock, held) = (Arc::clone(self), Arc::clone(&self.clock), Arc::clone(interest));
        self.stop.spawn("tuner push", async move {
            tokio::select! {
                ended = push(stream, target, held, clock) => {
                    tracing::info!(
                        channel.id = %channel,
                        client.addr = %target.to,
                        "channel {channel} is no longer sent to {}: {ended}",
                        target.to
                    );
                    desk.ended(tuner, id);
                }
                () = stop.requested() => {}
            }
        });
        Ok(())
    }

    /// Ends what the client itself left behind on a tuner, over HTTP; whether there was anything.
    fn makes_way(&self, tuner: usize, client: IpAddr) -> bool {
        let used = self.slots.uses().get(tuner).copied().flatten();
        let own = used.filter(|used| used.client == client);
        own.is_some_and(|used| self.channels.make_way(used.channel, client))
    }

    /// Ends what a tuner sends, if it sends; says where to and who wanted it.
    fn end(&self, tuner: usize) -> Option<(Target, Arc<Interest>)> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = sending.get_mut(tuner)?.take()?;
        Some((ended.target, Arc::clone(&ended.interest)))
    }

    /// A stream ended by itself.
    fn ended(&self, tuner: usize, id: u64) {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |sending: &Sending| sending.id == id;
        if sending.get(tuner).and_then(Option::as_ref).is_some_and(is_current) {
            sending[tuner] = None;
            drop(sending);
            self.forget_target(tuner);
        }
    }

    fn forget_target(&self, tuner: usize) {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner).forget_target(tuner);
    }
}
