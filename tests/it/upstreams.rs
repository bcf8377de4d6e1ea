//! Broadcasts over everything they come over: HLS, UDP, SRT, RTSP and HTTPS, each behind a wire
//! that can be cut. The sources are small servers of this test's, but for SRT, which ffmpeg speaks.

use std::net::UdpSocket as Port;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exstreamtv::domain::{ChannelNumber, Library, LibraryId, LibraryKind, Profile};
use exstreamtv::foundation::reach::Outside;
use exstreamtv::library::broadcasts;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::app::{App, run};
use crate::support::picture::judge;
use crate::support::programs::{self, ffmpeg};

/// Bytes a second of the clip, which has a constant rate.
const RATE: usize = 500_000 / 8;
/// Bytes of a datagram.
const DATAGRAM: usize = 7 * 188;

/// Whether wires carry anything.
type Wires = watch::Receiver<bool>;

/// Half a minute of a moving picture as a stream of constant rate, and the same as segments.
fn clip(folder: &Path) -> (PathBuf, Vec<u8>) {
    let path = folder.join("clip.ts");
    let args = "-f lavfi -i testsrc2=s=160x90:r=25:d=40 -f lavfi -i sine=r=48000:d=40 -ac 2 \
                -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 25 -sc_threshold 0 -b:v 250k \
                -maxrate 250k -bufsize 120k -c:a aac -b:a 64k -muxrate 500k -f mpegts";
    let mut words: Vec<&str> = args.split_whitespace().collect();
    words.push(path.to_str().unwrap());
    ffmpeg(&words);
    let list = folder.join("s.m3u8");
    let cut = "-c copy -f hls -hls_time 1 -hls_list_size 0";
    let mut words = vec!["-i", path.to_str().unwrap()];
    words.extend(cut.split(' '));
    words.push(list.to_str().unwrap());
    ffmpeg(&words);
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

/// The clip as it comes at its own pace, as long as the wire carries it.
struct Reel {
    clip: Arc<Vec<u8>>,
    wires: Wires,
    began: Instant,
    sent: usize,
}

impl Reel {
    fn new(clip: &Arc<Vec<u8>>, wires: &Wires) -> Self {
        let (clip, wires) = (Arc::clone(clip), wires.clone());
        Self { clip, wires, began: Instant::now(), sent: 0 }
    }

    /// The next datagram's worth when it is due; `None` when the wire is cut or nothing is left.
    async fn next(&mut self) -> Option<&[u8]> {
        let end = self.sent + DATAGRAM;
        // Half a second goes ahead.
        let due = (end * 1000 / RATE).saturating_sub(500);
        let due = self.began + Duration::from_millis(due as u64);
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = cut(&mut self.wires) => return None,
        }
        self.sent = end;
        self.clip.get(end - DATAGRAM..end)
    }
}

/// Waits until the wires are cut.
async fn cut(wires: &mut Wires) {
    if wires.wait_for(|open| !*open).await.is_err() {
        // The test is over.
        std::future::pending::<()>().await;
    }
}

/// Waits until the wires carry again.
async fn carried(wires: &mut Wires) {
    if wires.wait_for(|open| *open).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Lets `serve` attend to everyone who connects; a connection ends when the wire is cut.
#[expect(clippy::disallowed_methods, reason = "the source lasts as long as the test")]
async fn listen<F>(wires: &Wires, serve: impl Fn(TcpStream, Wires) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let wires = wires.clone();
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let mut wires = wires.clone();
            carried(&mut wires).await;
            let serving = serve(near, wires.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = serving => {}
                    () = cut(&mut wires) => {}
                }
            });
        }
    });
    port
}

/// The head of a request.
async fn head(near: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(near.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A sliding playlist of segments of a second.
async fn hls(folder: &Path, wires: &Wires) -> String {
    let (folder, began) = (folder.to_owned(), Instant::now());
    let serve = move |mut near: TcpStream, _| {
        let folder = folder.clone();
        async move {
            let Some(head) = head(&mut near).await else { return };
            let path = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let now = began.elapsed().as_secs() as usize;
            let body = if path == "live.m3u8" {
                let mut list = format!(
                    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{now}\n"
                );
                for n in now..(now + 4).min(40) {
                    list.push_str(&format!("#EXTINF:1.0,\ns{n}.ts\n"));
                }
                list.into_bytes()
            } else {
                std::fs::read(folder.join(path)).unwrap_or_default()
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // reason: who has gone does not need the rest
            near.write_all(&[head.as_bytes(), &body].concat()).await.ok();
        }
    };
    format!("http://127.0.0.1:{}/live.m3u8", listen(wires, serve).await)
}

/// A stream over RTSP, interleaved on its connection.
async fn rtsp(clip: &Arc<Vec<u8>>, wires: &Wires) -> String {
    let clip = Arc::clone(clip);
    let serve = move |mut near: TcpStream, wires: Wires| {
        let mut reel = Reel::new(&clip, &wires);
        async move {
            while let Some(head) = head(&mut near).await {
                let method = head.split(' ').next().unwrap();
                let count = head.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap();
                let sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\n\
                           m=video 0 RTP/AVP 33\r\na=control:track1\r\n";
                let (more, body) = match method {
                    "OPTIONS" => ("Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""),
                    "DESCRIBE" => ("Content-Type: application/sdp\r\n", sdp),
                    "SETUP" => ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
                    _ => ("", ""),
                };
                let length = body.len();
                let answer = format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {count}\r\nSession: 1\r\n{more}\
                     Content-Length: {length}\r\n\r\n{body}"
                );
                if near.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
                if method != "PLAY" {
                    continue;
                }
                let mut sequence = 0_u16;
                reel.began = Instant::now();
                while let Some(piece) = reel.next().await {
                    let length = u16::try_from(piece.len() + 12).unwrap();
                    let mut packet = vec![b'$', 0];
                    packet.extend(length.to_be_bytes());
                    packet.extend([0x80, 33]);
                    packet.extend(sequence.to_be_bytes());
                    packet.extend([0, 0, 0, 0, 0, 0, 0, 9]);
                    packet.extend(piece);
                    sequence = sequence.wrapping_add(1);
                    if near.write_all(&packet).await.is_err() {
                        return;
                    }
                }
                return;
            }
        }
    };
    format!("rtsp://127.0.0.1:{}/live", listen(wires, serve).await)
}

/// Datagrams to a port, whoever listens there.
#[expect(clippy::disallowed_methods, reason = "the source lasts as long as the test")]
async fn udp(clip: &Arc<Vec<u8>>, wires: &Wires) -> String {
    let to = format!("127.0.0.1:{}", free_port());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (clip, mut wires, target) = (Arc::clone(clip), wires.clone(), to.clone());
    tokio::spawn(async move {
        loop {
            carried(&mut wires).await;
            let mut reel = Reel::new(&clip, &wires);
            while let Some(piece) = reel.next().await {
                // reason: nobody may listen yet
                socket.send_to(piece, &target).await.ok();
            }
        }
    });
    format!("udp://{to}")
}

/// ffmpeg as a listener for SRT; it ends with every caller and is started again.
#[expect(clippy::disallowed_methods, reason = "the source lasts as long as the test")]
fn srt(clip: &Path, wires: &Wires) -> String {
    let address = format!("srt://127.0.0.1:{}", free_port());
    let listens = format!("{address}?mode=listener");
    let (clip, mut wires) = (clip.to_owned(), wires.clone());
    tokio::spawn(async move {
        loop {
            carried(&mut wires).await;
            let mut child = tokio::process::Command::new("ffmpeg")
                .args(["-v", "quiet", "-nostdin", "-re", "-i"])
                .arg(&clip)
                .args(["-c", "copy", "-f", "mpegts", &listens])
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            tokio::select! {
                _ = child.wait() => tokio::time::sleep(Duration::from_millis(100)).await,
                () = cut(&mut wires) => child.kill().await.unwrap(),
            }
        }
    });
    address
}

/// Runs a program that must succeed.
#[track_caller]
fn program(name: &str, args: &str) {
    let output = programs::run(name, &args.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{name} {args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A port for datagrams that nobody has just now.
fn free_port() -> u16 {
    Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whoever has the key of a certificate for `localhost`, signed by an authority of the test's.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let extension = at("extension");
        std::fs::write(&extension, "subjectAltName=DNS:localhost\n").unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout";
        let [ca, ca_key, cert, cert_key, wish] =
            ["ca.pem", "ca.key", "cert.pem", "key.pem", "wish.pem"].map(at);
        program("openssl", &format!("req -x509 {key} {ca_key} -out {ca} -days 2 -subj /CN=Test"));
        program("openssl", &format!("req {key} {cert_key} -out {wish} -subj /CN=localhost"));
        program(
            "openssl",
            &format!(
                "x509 -req -in {wish} -CA {ca} -CAkey {ca_key} -CAcreateserial -out {cert} \
                 -days 2 -extfile {extension}"
            ),
        );
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Serves `/list.m3u` and, at its own pace, the clip; gives the port.
    async fn serve(&self, clip: &Arc<Vec<u8>>, wires: &Wires) -> u16 {
        let chain = CertificateDer::pem_file_iter(self.folder.path().join("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.folder.path().join("key.pem")).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let clip = Arc::clone(clip);
        let serve = move |near: TcpStream, wires: Wires| {
            let (acceptor, reel) = (acceptor.clone(), Reel::new(&clip, &wires));
            async move {
                if let Ok(near) = acceptor.accept(near).await {
                    answer(near, reel).await;
                }
            }
        };
        listen(wires, serve).await
    }
}

/// Answers one request for a playlist or the clip.
async fn answer(mut near: impl AsyncRead + AsyncWrite + Unpin, mut reel: Reel) {
    let Some(head) = head(&mut near).await else { return };
    let said = if head.starts_with("GET /list.m3u ") {
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n#EXTM3U\n#EXTINF:-1,One\nhttp://h/1\n"
    } else {
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n"
    };
    if near.write_all(said.as_bytes()).await.is_ok() && !head.starts_with("GET /list.m3u ") {
        reel.began = Instant::now();
        while let Some(piece) = reel.next().await {
            if near.write_all(piece).await.is_err() || near.flush().await.is_err() {
                return;
            }
        }
    }
    // reason: who has gone does not care how it ends
    near.shutdown().await.ok();
}

/// Watches until told that it is enough.
async fn watch_until(
    app: &App,
    number: &ChannelNumber,
    mut enough: watch::Receiver<bool>,
) -> Vec<u8> {
    let answer = app.viewer().get(&format!("/iptv/channel/{number}.ts")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut bytes, mut body) = (Vec::new(), answer.bytes_stream());
    loop {
        tokio::select! {
            block = body.next() => bytes.extend_from_slice(&block.unwrap().unwrap()),
            _ = enough.wait_for(|enough| *enough) => return bytes,
        }
    }
}

#[test]
fn every_kind_of_source_is_relayed_and_comes_back_after_a_break() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = clip(folder.path());
        let clip = Arc::new(bytes);
        let (switch, wires) = watch::channel(true);
        let authority = Authority::new();
        let tls = authority.serve(&clip, &wires).await;
        let sources = [
            ("HLS", hls(folder.path(), &wires).await),
            ("UDP", udp(&clip, &wires).await),
            ("SRT", srt(&path, &wires)),
            ("RTSP", rtsp(&clip, &wires).await),
            ("HTTPS", format!("https://localhost:{tls}/live.ts")),
        ];
        let list: String =
            sources.iter().map(|(name, url)| format!("#EXTINF:-1,{name}\n{url}\n")).collect();
        let file = folder.path().join("list.m3u");
        std::fs::write(&file, format!("#EXTM3U\n{list}")).unwrap();
        let app = App::with(&[], |config| {
            config.library.own_machine = true;
            config.library.ca_file = Some(authority.file());
            config.streaming.default_profile = Profile::named("360p25");
        })
        .await;
        let library = json!({"name": "Provider", "path": file, "library_type": "live"});
        let add = app.operator().request(Method::POST, "/api/libraries/local").json(&library);
        let added: serde_json::Value = add.send().await.unwrap().json().await.unwrap();
        let scan = format!("/api/libraries/local/{}/scan", added["id"]);
        app.operator().request(Method::POST, &scan).send().await.unwrap();
        app.until("a channel for each source", async || {
            app.channels().await.len() == sources.len()
                && app.control().lineup().is_ok_and(|lineup| lineup.len() == sources.len())
        })
        .await;
        let channels = app.channels().await;
        let all = {
            let (app, channels) = (&app, &channels);
            move || {
                channels.iter().all(|channel| {
                    let state = app.control().tuning().state(channel.id);
                    state.is_some_and(|state| !state.on_slate && state.headroom_ms > 0)
                })
            }
        };
        let now_ms = app.now_ms();
        let (finish, enough) = watch::channel(false);
        let watching =
            channels.iter().map(|channel| watch_until(&app, &channel.number, enough.clone()));
        let meanwhile = async {
            // The slate is there at once, so that is what a channel shows first.
            app.until("all pictures", async || all()).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            app.until("all pictures, and lasting", async || all()).await;
            switch.send_replace(false);
            // Each at its time: who has something ahead shows that first.
            let mut slates: Vec<&str> = Vec::new();
            app.until("the slate on all of them", async || {
                for channel in &channels {
                    let state = app.control().tuning().state(channel.id);
                    let name = channel.name.as_str();
                    if state.is_some_and(|state| state.on_slate) && !slates.contains(&name) {
                        println!("{name} shows the slate");
                        slates.push(name);
                    }
                }
                slates.len() == channels.len()
            })
            .await;
            switch.send_replace(true);
            app.until("all pictures again", async || all()).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            finish.send_replace(true);
        };
        let (seen, ()) = tokio::join!(futures_util::future::join_all(watching), meanwhile);
        for (channel, ts) in channels.iter().zip(seen) {
            let report = judge(&ts, now_ms);
            assert_eq!(report.faults, [], "{}", channel.name);
            assert!(report.pictures.len() > 100, "{}", channel.name);
        }
        app.stop().await;
    });
}

#[test]
fn a_playlist_over_tls_needs_a_certificate_that_is_trusted() {
    run(async {
        let (_switch, wires) = watch::channel(true);
        let authority = Authority::new();
        let port = authority.serve(&Arc::new(Vec::new()), &wires).await;
        let read = async |host: &str, authorities: Option<PathBuf>| {
            let library = Library {
                id: LibraryId(1),
                name: "Provider".to_owned(),
                path: format!("https://{host}:{port}/list.m3u"),
                kind: LibraryKind::Live,
                connections: None,
                last_scan: None,
            };
            let outside = Outside { own_machine: true, authorities };
            let told = |error: broadcasts::BroadcastError| {
                println!("{error:?}");
                error.to_string()
            };
            broadcasts::read(&library, &outside).await.map_err(told)
        };
        let own = || Some(authority.file());
        assert_eq!(read("localhost", own()).await.unwrap().len(), 1);
        let refused = "SRC_TLS: the secure connection to https://";
        let stranger = read("localhost", None).await.unwrap_err();
        assert!(
            stranger.starts_with(refused) && stranger.contains("nobody who is trusted"),
            "{stranger}"
        );
        let other = read("127.0.0.1", own()).await.unwrap_err();
        assert!(other.starts_with(refused) && other.contains("for another name"), "{other}");
        let none = read("localhost", Some("/does/not/exist.pem".into())).await.unwrap_err();
        assert!(none.starts_with("library.ca_file cannot be used"), "{none}");
    });
}
