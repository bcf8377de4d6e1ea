//! The shard `heal`: an encoder that a viewer waits for is killed, and the operator brings the
//! picture back. Nobody else helps, and nothing but the real server takes part.
//!
//! Each time another channel plays a file that nobody has prepared. When its first moving picture
//! comes, the encoder gets a SIGKILL; counted is the time from there to the first moving picture
//! after the slate, as it comes in at the viewer. A viewer who never saw the slate waited for
//! nothing, and that counts as 0.

use std::fs;
use std::time::{Duration, Instant};

use exstreamtv::mpegts::packet::{PACKET, Packet};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;

use super::media::{Kind, PROFILE, library, root};
use super::results::Row;
use super::server::{Server, signal};
use super::setting;
use super::shards::ms;
use super::viewers::{LOOK, MOVES, pictures_begun, tune};

/// So many still pictures in a row are a slate, not a calm scene.
const STILL: usize = 20;
/// Without a slate for this long the viewer never noticed.
const UNNOTICED: Duration = Duration::from_secs(25);
/// After this long nobody believes in it any more.
const HOPELESS: Duration = Duration::from_secs(120);

/// Kills encoders and waits for their pictures.
pub async fn heal() -> Vec<Row> {
    let source = library(Kind::Foreign, 60);
    let folder = tempfile::tempdir_in(root()).unwrap();
    let (data, media) = (folder.path().join("data"), folder.path().join("media"));
    fs::create_dir(&data).unwrap();
    fs::create_dir(&media).unwrap();
    fs::copy(source.join("Clip 1.mp4"), media.join("Clip 1.mp4")).unwrap();
    let settings = [("STREAMING__AHEAD_MINUTES", "0")];
    let server = Server::start(&data, &[&media], &settings).await;
    server.channels(2, PROFILE).await;
    server.prepared().await;
    let mut times = Vec::new();
    let (mut lost, mut unseen) = (0.0, 0.0);
    for nth in 0..usize::try_from(setting("BENCH_HEALS", 7)).unwrap() {
        let name = format!("Victim {nth}.mp4");
        fs::copy(source.join("Clip 2.mp4"), media.join(&name)).unwrap();
        let number = server.channel_of(&name, PROFILE).await;
        match broken(&server, &number, nth, &name).await {
            Some(time) if time.is_zero() => {
                unseen += 1.0;
                times.push(0.0);
            }
            Some(time) => times.push(ms(time)),
            None => lost += 1.0,
        }
    }
    server.stop().await;
    let what = "encoder of a watched channel killed";
    let mut rows = vec![
        Row::one("heal.lost", &format!("{what}: no picture again"), "", lost, Some(0.0)),
        Row::one("heal.unseen", &format!("{what}: no viewer saw it"), "", unseen, None),
    ];
    if !times.is_empty() {
        let what = format!("{what}: picture again");
        rows.push(Row::many("heal.picture", &what, "ms", times, [Some(5_000.0), None]));
    }
    rows
}

/// Watches a channel, kills what it waits for, and gives the time until its picture is back.
async fn broken(server: &Server, number: &str, nth: usize, file: &str) -> Option<Duration> {
    let (mut wire, mut bytes) = tune(&server.host, number, nth).await.unwrap();
    let mut eyes = Eyes::default();
    let mut killed: Option<Instant> = None;
    let began = Instant::now();
    loop {
        let moved = eyes.look(&mut bytes);
        match killed {
            None if moved => {
                let victim = encoder_of(server.pid(), file);
                if let Some(victim) = victim {
                    signal(victim, Signal::KILL);
                    killed = Some(Instant::now());
                    eyes = Eyes::default();
                }
            }
            Some(killed) if moved && eyes.saw_slate => return Some(killed.elapsed()),
            Some(killed) if !eyes.saw_slate && killed.elapsed() > UNNOTICED => {
                return Some(Duration::ZERO);
            }
            None | Some(_) => {}
        }
        if began.elapsed() > HOPELESS {
            println!(
                "channel {number}: no picture {:?} after the fault",
                killed.map(|at| at.elapsed())
            );
            return None;
        }
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(LOOK, wire.read_buf(&mut bytes)).await {
            println!("channel {number}: the stream ended");
            return None;
        }
    }
}

/// What a viewer has seen since it began to look.
#[derive(Debug, Default)]
struct Eyes {
    /// Still pictures in a row.
    still: usize,
    saw_slate: bool,
}

impl Eyes {
    /// Takes the whole pictures off `bytes`; whether one of them moves, after a slate if there was
    /// one.
    fn look(&mut self, bytes: &mut Vec<u8>) -> bool {
        let begun = pictures_begun(bytes);
        let is_key = |at: usize| {
            let packet = Packet::parse(&bytes[at * PACKET..(at + 1) * PACKET]);
            packet.is_ok_and(|packet| packet.random_access)
        };
        let mut moved = false;
        for pair in begun.windows(2).filter(|pair| !is_key(pair[0])) {
            if pair[1] - pair[0] > MOVES {
                self.still = 0;
                moved = true;
            } else {
                self.still += 1;
                moved = false;
                self.saw_slate |= self.still >= STILL;
            }
        }
        if let Some(last) = begun.last() {
            bytes.drain(..last * PACKET);
        }
        moved
    }
}

/// The live encoder of a file: the one below the server that is not niced.
fn encoder_of(server: u32, file: &str) -> Option<u32> {
    let below = super::server::children(server).into_iter();
    let reads = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let nice = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(16));
        String::from_utf8_lossy(&line).contains(file) && nice == Some("0")
    };
    { below }.filter(|(_, name)| name == "ffmpeg").map(|(pid, _)| pid).find(reads)
}
