//! Tests of the tuner over real sockets, and with the real client.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::*;
use crate::domain::{FrameRate, UtcMillis};
use crate::formats::packets::{Packet, discover_reply};
use crate::foundation::clock::SystemClock;

#[tokio::test]
async fn a_search_is_answered_with_the_address_it_reached() {
    let device = Running::start(None).await;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    client.connect(("127.0.0.1", device.discovery_port().await)).await.unwrap();
    let mut packet = [0; 2000];
    // Not for us: nobody may be woken by another device's search or by noise.
    for noise in ["0002000c0104000000050204ffffffff", "00", "ffff"] {
        client.send(&hex::decode(noise).unwrap()).await.unwrap();
    }
    client.send(&hex::decode("0002000c0104ffffffff0204ffffffff73cc7d8f").unwrap()).await.unwrap();
    let length = within(client.recv(&mut packet)).await.unwrap();
    assert_eq!(packet[..length], discover_reply(&device_of_tests(), "http://127.0.0.1:8411"));
}

#[tokio::test]
async fn a_channel_is_sent_to_the_client_until_it_says_none() {
    let device = Running::start(None).await;
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = format!("rtp://{}", receiver.local_addr().unwrap());
    let mut control = device.connect().await;
    assert_eq!(control.ask("/tuner1/target", Some(&target)).await, target);
    assert_eq!(control.ask("/tuner1/vchannel", Some("5")).await, "5");
    assert_eq!(device.slots.uses()[1].map(|used| used.channel), Some(ChannelId(1)));
    let mut datagram = [0; 2000];
    for sequence in 0_u16..20 {
        let length = within(receiver.recv(&mut datagram)).await.unwrap();
        assert_eq!(length, 12 + 7 * 188);
        assert_eq!(datagram[2..4], sequence.to_be_bytes());
        assert_eq!(datagram[12], 0x47);
    }
    let other = device.connect().await.ask("/tuner1/status", None).await;
    assert!(other.starts_with("ch=auto:5 lock=8vsb"), "{other}");
    assert_eq!(control.ask("/tuner1/target", Some("none")).await, "none");
    assert_eq!(device.slots.uses(), [None, None]);
    assert_eq!(control.ask("/tuner1/target", None).await, "none");
}

#[tokio::test]
async fn changing_the_channel_keeps_the_tuner_and_the_target() {
    let device = Running::start(None).await;
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = format!("udp://{}", receiver.local_addr().unwrap());
    let mut control = device.connect().await;
    control.ask("/tuner0/vchannel", Some("5")).await;
    control.ask("/tuner0/target", Some(&target)).await;
    assert_eq!(control.ask("/tuner0/vchannel", Some("7.1")).await, "7.1");
    assert_eq!(device.slots.uses()[0].map(|used| used.channel), Some(ChannelId(2)));
    assert_eq!(control.ask("/tuner0/target", None).await, target);
    assert_eq!(device.connect().await.ask("/tuner0/vchannel", Some("5")).await, "5");
    assert_eq!(device.slots.uses()[0].map(|used| used.channel), Some(ChannelId(1)));
    let mut datagram = [0; 2000];
    within(receiver.recv(&mut datagram)).await.unwrap();
}

#[tokio::test]
async fn a_tuner_that_http_uses_is_busy() {
    let device = Running::start(None).await;
    let http =
        device.slots.claim(Some(0), ChannelId(2), [10, 0, 0, 9].into(), UtcMillis(0)).unwrap();
    let mut control = device.connect().await;
    control.ask("/tuner0/vchannel", Some("5")).await;
    let busy = control.ask("/tuner0/target", Some("udp://127.0.0.1:50000")).await;
    assert_eq!(busy, "ERROR: resource busy");
    assert_eq!(control.ask("/tuner0/target", None).await, "none");
    drop(http);
    assert_eq!(device.slots.uses(), [None, None]);
}

#[tokio::test]
async fn what_the_same_client_left_behind_makes_way() {
    let device = Running::start(None).await;
    let own = [127, 0, 0, 1].into();
    let guard = device.slots.claim(Some(0), ChannelId(2), own, UtcMillis(0)).unwrap();
    let mut control = device.connect().await;
    control.ask("/tuner0/vchannel", Some("5")).await;
    // While it is watched, nobody is cut off.
    let target = "udp://127.0.0.1:50000";
    assert_eq!(control.ask("/tuner0/target", Some(target)).await, "ERROR: resource busy");
    *device.channels.left_behind.lock().unwrap() = Some(guard);
    assert_eq!(control.ask("/tuner0/target", Some(target)).await, target);
    assert_eq!(device.slots.uses()[0].map(|used| used.channel), Some(ChannelId(1)));
    assert_eq!(device.channels.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_tuner_is_free_the_moment_its_session_is_ended() {
    let device = Running::start(None).await;
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = format!("udp://{}", receiver.local_addr().unwrap());
    let mut control = device.connect().await;
    control.ask("/tuner0/vchannel", Some("5")).await;
    control.ask("/tuner0/target", Some(&target)).await;
    assert!(device.slots.uses()[0].is_some());
    let held = device.channels.held.lock().unwrap().take();
    drop(held);
    assert_eq!(device.slots.uses(), [None, None]);
}

#[tokio::test]
async fn a_closed_port_of_the_client_ends_the_stream() {
    let device = Running::start(None).await;
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = format!("udp://{}", receiver.local_addr().unwrap());
    let mut control = device.connect().await;
    control.ask("/tuner0/vchannel", Some("5")).await;
    control.ask("/tuner0/target", Some(&target)).await;
    drop(receiver);
    let ended = async { while control.ask("/tuner0/target", None).await != "none" {} };
    within(ended).await;
    assert_eq!(device.slots.uses(), [None, None]);
}

#[tokio::test]
async fn taken_ports_are_shown_and_nothing_else_happens() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut device = Running::start(Some(port)).await;
    let unavailable = |state: &PortState| matches!(state, PortState::Unavailable { .. });
    within(device.tuner.discovery.wait_for(unavailable)).await.unwrap();
    let PortState::Unavailable { reason } = device.tuner.discovery() else { panic!() };
    assert!(reason.starts_with(&format!("UDP port {port}: ")), "{reason}");
    assert_eq!(device.connect().await.ask("/sys/model", None).await, "hdhomerun5_atsc");
}

#[tokio::test]
async fn noise_on_the_control_port_closes_the_connection_and_no_more() {
    let device = Running::start(None).await;
    let mut control = device.connect().await;
    control.stream.write_all(&[0xFF; 64]).await.unwrap();
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let ended = within(control.stream.read_to_end(&mut rest)).await;
    assert!(ended.is_err() || rest.is_empty());
    assert_eq!(device.connect().await.ask("/sys/hwmodel", None).await, "HDHR5-4US");
}

/// The real client always asks on port 65001, so this test starts itself again in a network
/// namespace of its own, where that port is free; where namespaces are forbidden it takes its
/// chance with the machine's own port.
#[test]
fn the_real_client_finds_asks_and_receives() {
    const INSIDE: &str = "EXSTREAMTV_TEST_INSIDE_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"], "apt-get install iproute2");
        return meet_the_real_client();
    }
    if run("unshare", &["-rn", "true"], "apt-get install util-linux").0 != 0 {
        return meet_the_real_client();
    }
    let this = std::env::current_exe().unwrap();
    let name = "tuner::tests::the_real_client_finds_asks_and_receives";
    #[expect(clippy::disallowed_methods, reason = "a test starts itself again")]
    let output = std::process::Command::new("unshare")
        .arg("-rn")
        .arg(this)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// What the real client does, against a tuner on its port.
fn meet_the_real_client() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let device = runtime.block_on(async {
        let device = Running::start(Some(crate::formats::packets::PORT)).await;
        device.discovery_port().await;
        device.connect().await;
        device
    });
    let client = |args: &[&str]| run("hdhomerun_config", args, "apt-get install hdhomerun-config");
    let id = device_of_tests().device_id;
    let found = format!("hdhomerun device {id} found at 127.0.0.1\n");
    assert_eq!(client(&["discover", "127.0.0.1"]), (0, found));
    let get = |name: &str| client(&["127.0.0.1", "get", name]);
    assert_eq!(get("/sys/model"), (0, "hdhomerun5_atsc\n".to_owned()));
    assert_eq!(get("/sys/hwmodel"), (0, "HDHR5-4US\n".to_owned()));
    assert_eq!(get("/tuner0/vchannel"), (0, "none\n".to_owned()));
    assert_eq!(get("/nonsense"), (1, "ERROR: unknown getset variable\n".to_owned()));
    assert_eq!(client(&["127.0.0.1", "set", "/tuner0/vchannel", "5"]).0, 0);
    let status = get("/tuner0/status").1;
    assert!(status.starts_with("ch=auto:5 lock=8vsb ss=100"), "{status}");
    let save = ["-s", "INT", "3", "hdhomerun_config", "127.0.0.1", "save", "0", "null"];
    let (_, said) = run("timeout", &save, "apt-get install coreutils");
    let statistics = said.lines().last().unwrap_or_default();
    let (received, errors) = statistics.split_once(" packets received, ").unwrap_or_default();
    assert!(received.parse::<u32>().is_ok_and(|count| count > 100), "{said}");
    assert_eq!(
        errors,
        "0 overflow errors, 0 network errors, 0 transport errors, 0 sequence errors"
    );
    assert_eq!(get("/tuner0/target"), (0, "none\n".to_owned()));
    assert_eq!(device.slots.uses(), [None, None]);
}

/// Runs a program; returns its exit code and all it said.
#[expect(clippy::disallowed_methods, reason = "a test drives a real client")]
fn run(program: &str, args: &[&str], fix: &str) -> (i32, String) {
    let output = std::process::Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; {fix}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// A tuner of two slots with channels 5 and 7.1.
struct Running {
    tuner: Tuner,
    slots: Slots,
    channels: Arc<Counting>,
    stop: Stop,
}

impl Running {
    /// On this port, or any.
    async fn start(port: Option<u16>) -> Self {
        let settings = Settings {
            device: device_of_tests(),
            port: port.unwrap_or(0),
            public_url: None,
            http_host: Ipv4Addr::UNSPECIFIED.into(),
            http_port: 8411,
        };
        let lineup = Arc::new(vec![channel(1, "5", "Films"), channel(2, "7.1", "Shows")]);
        let source: LineupSource = Arc::new(move || Some(Arc::clone(&lineup)));
        let (slots, stop) = (Slots::new(2), Stop::new());
        let channels = Arc::new(Counting::default());
        let clock = SystemClock::start();
        let tuner =
            start(settings, slots.clone(), Arc::<Counting>::clone(&channels), source, clock, &stop);
        Self { tuner, slots, channels, stop }
    }

    async fn discovery_port(&self) -> u16 {
        open_port(self.tuner.discovery.clone()).await
    }

    async fn connect(&self) -> Connection {
        let port = open_port(self.tuner.control.clone()).await;
        Connection { stream: TcpStream::connect(("127.0.0.1", port)).await.unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
    }
}

async fn open_port(mut state: watch::Receiver<PortState>) -> u16 {
    let open = |state: &PortState| matches!(state, PortState::Open { .. });
    let state = within(state.wait_for(open)).await.unwrap().clone();
    let PortState::Open { port } = state else { unreachable!() };
    port
}

struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Reads or sets a variable; returns the value or the error.
    async fn ask(&mut self, name: &str, value: Option<&str>) -> String {
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let mut tags = vec![(0x03, text(name))];
        tags.extend(value.map(|value| (0x04, text(value))));
        self.stream.write_all(&Packet { kind: 4, tags }.encode()).await.unwrap();
        let mut reply = Vec::new();
        let packet = loop {
            if let Ok(packet) = Packet::decode(&reply) {
                break packet;
            }
            assert!(within(self.stream.read_buf(&mut reply)).await.unwrap() > 0, "closed");
        };
        let (_, value) = packet.tags.iter().find(|(tag, _)| [0x04, 0x05].contains(tag)).unwrap();
        String::from_utf8(value[..value.len() - 1].to_vec()).unwrap()
    }
}

/// Bounds a wait, so that a broken test fails instead of hanging.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap()
}

/// Null packets with right counters on one PID, as fast as they are taken.
#[derive(Debug, Default)]
struct Counting {
    /// What the last session holds.
    held: Mutex<Option<Held>>,
    /// A tuner that somebody left behind.
    left_behind: Mutex<Option<SlotGuard>>,
    asked: AtomicUsize,
}

impl Channels for Counting {
    fn make_way(&self, _: ChannelId, _: IpAddr) -> bool {
        // Whoever holds a tuner in these tests is told so.
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.left_behind.lock().unwrap().take().is_some()
    }

    fn join(
        &self,
        _: ChannelId,
        _: IpAddr,
        held: Held,
    ) -> Result<BoxStream<'static, Bytes>, String> {
        *self.held.lock().unwrap() = Some(held);
        let block = |first: u8| {
            let packet = |n: u8| {
                let mut packet = [0xFF; 188];
                packet[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x10 | (n & 0x0F)]);
                packet
            };
            let packets: Vec<u8> = (0..50_u8).flat_map(|n| packet(first.wrapping_add(n))).collect();
            Some((Bytes::from(packets), first.wrapping_add(50)))
        };
        Ok(Box::pin(stream::unfold(0_u8, move |first| {
            Pin::from(Box::new(async move { block(first) }))
        })))
    }
}

fn device_of_tests() -> Device {
    Device {
        device_id: "105ABCD1".parse().unwrap(),
        device_auth: "exstreamtv".into(),
        friendly_name: "EXStreamTV".into(),
        tuner_count: 2,
    }
}

fn channel(id: i64, number: &str, name: &str) -> LineupChannel {
    LineupChannel {
        id: ChannelId(id),
        number: number.parse().unwrap(),
        name: name.to_owned(),
        group: None,
        logo: None,
        width: 1280,
        height: 720,
        rate: FrameRate { num: 25, den: 1 },
        video_codec: crate::domain::VideoCodec::H264,
        audio_codec: crate::domain::AudioCodec::Aac,
        audio_layout: crate::domain::AudioLayout::Stereo,
    }
}
