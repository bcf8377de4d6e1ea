//! The way out for ffmpeg: asks for a name once, and connects to what was checked.
//!
//! Between a check and a second question a name may have come to mean another address, and a
//! redirection or a playlist may name any. So whatever speaks HTTP is sent through a small proxy on
//! this machine's loopback: it asks for the name, refuses addresses where sources are not looked
//! for ([`reach`]), and connects to the very addresses that it was told. TLS passes through it
//! unopened. One connection carries one request.
//!
//! It tells nobody anything that a process on this machine could not find out by itself, and refuses
//! the machine itself unless the configuration allows it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, Semaphore};

use super::Lost;
use crate::domain::{Cause, Upstream};
use crate::foundation::reach::{self, Outside};
use crate::foundation::stop::Stop;
use crate::stream::ffmpeg::Inlet;

/// Longest head of a request.
const HEAD: usize = 32 * 1024;
/// How long a request may take to come, and a source to be connected to.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at a time; more wait.
const AT_ONCE: usize = 512;
/// Troubles remembered.
const TROUBLES: usize = 64;
/// Where systems keep the authorities they trust.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// See the module.
#[derive(Debug)]
pub(in crate::stream::conform) struct Porter {
    outside: Outside,
    stop: Stop,
    /// Where it listens; it begins with the first broadcast.
    at: OnceCell<SocketAddr>,
    troubles: Mutex<Vec<(String, Lost)>>,
}

impl Porter {
    /// One that goes by `outside`, and ends with `stop`.
    pub(in crate::stream::conform) fn new(outside: Outside, stop: &Stop) -> Arc<Self> {
        let (at, troubles) = (OnceCell::new(), Mutex::default());
        Arc::new(Self { outside, stop: stop.child(), at, troubles })
    }

    /// How ffmpeg gets at a place; an error when it may not or cannot.
    pub(super) async fn inlet(self: &Arc<Self>, place: &Upstream) -> Result<Inlet, Lost> {
        let (name, port) = name_and_port(&place.host());
        let addresses = self.addresses(&name, port.unwrap_or(0)).await?;
        self.trouble(place);
        let proxy = if Inlet::speaks_http(place) {
            let at = self.listening().await.map_err(|error| {
                let reason = format!("nothing can be sent: {error}");
                Lost { cause: Cause::Unknown, reason }
            })?;
            Some(format!("http://{at}"))
        } else {
            None
        };
        let place = match addresses.first() {
            Some(address) => Inlet::pinned(place, address.ip()),
            None => place.clone(),
        };
        Ok(Inlet { place, proxy, authorities: authorities(&self.outside) })
    }

    /// What went wrong on the way to a place last; forgets it.
    pub(super) fn trouble(&self, place: &Upstream) -> Option<Lost> {
        let (name, _) = name_and_port(&place.host());
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let at = troubles.iter().rposition(|(of, _)| *of == name)?;
        Some(troubles.remove(at).1)
    }

    /// Remembers what went wrong on the way to a name.
    fn note(&self, name: String, lost: Lost) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() >= TROUBLES {
            troubles.remove(0);
        }
        troubles.push((name, lost));
    }

    /// The addresses of a host, if all of them may be asked.
    async fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Lost> {
        let found = tokio::net::lookup_host((name, port)).await;
        let found: Vec<SocketAddr> = match found {
            Ok(found) => found.collect(),
            Err(problem) => {
                let reason = format!("{name} cannot be found: {problem}");
                return Err(Lost { cause: Cause::SrcDns, reason });
            }
        };
        let refused = |at: &SocketAddr| !reach::is_reachable(at.ip(), self.outside.own_machine);
        if found.iter().any(refused) {
            let reason = format!("{name} is at an address where sources are not looked for");
            return Err(Lost { cause: Cause::SrcRefused, reason });
        }
        Ok(found)
    }

    /// Where it listens, from the first question on.
    async fn listening(self: &Arc<Self>) -> io::Result<SocketAddr> {
        let begin = || async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let at = listener.local_addr()?;
            let porter = Arc::clone(self);
            self.stop.spawn("porter", async move {
                tokio::select! {
                    () = porter.serve(listener) => {}
                    () = porter.stop.requested() => {}
                }
            });
            Ok(at)
        };
        self.at.get_or_try_init(begin).await.copied()
    }

    async fn serve(self: &Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let near = match listener.accept().await {
                Ok((near, _)) => near,
                Err(error) => {
                    tracing::debug!(%error, "a request of ffmpeg was not taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let porter = Arc::clone(self);
            self.stop.spawn("porter request", async move {
                tokio::select! {
                    carried = porter.carry(near) => {
                        if let Err(error) = carried {
                            tracing::debug!(%error, "a request of ffmpeg broke off");
                        }
                    }
                    () = porter.stop.requested() => {}
                }
                drop(place);
            });
        }
    }

    /// Carries one request and its answer.
    async fn carry(&self, mut near: TcpStream) -> io::Result<()> {
        let mut head = Vec::with_capacity(1_024);
        let asked = async {
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                if head.len() > HEAD || near.read_buf(&mut head).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::InvalidData));
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, asked).await??;
        let Some(asked) = Asked::read(&head) else {
            return near.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        };
        let mut far = match self.connect(&asked).await {
            Ok(far) => far,
            Err(lost) => {
                tracing::debug!("a request of ffmpeg was not carried: {}", lost.reason);
                self.note(asked.name, lost);
                return near.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
            }
        };
        match asked.onward {
            Some(onward) => far.write_all(&onward).await?,
            None => near.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?,
        }
        tokio::io::copy_bidirectional(&mut near, &mut far).await?;
        Ok(())
    }

    async fn connect(&self, asked: &Asked) -> Result<TcpStream, Lost> {
        let addresses = self.addresses(&asked.name, asked.port).await?;
        let mut lost =
            Lost { cause: Cause::SrcDns, reason: format!("{} has no address", asked.name) };
        for address in addresses {
            lost = match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(far)) => return Ok(far),
                Ok(Err(error)) => {
                    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                    let cause = if refused { Cause::SrcRefused } else { Cause::SrcTimeout };
                    Lost { cause, reason: format!("{} does not answer: {error}", asked.name) }
                }
                Err(_) => {
                    let reason = format!("{} does not answer", asked.name);
                    Lost { cause: Cause::SrcTimeout, reason }
                }
            };
        }
        Err(lost)
    }
}

/// Whom certificates must be signed by.
fn authorities(outside: &Outside) -> Option<PathBuf> {
    let told = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let known = || SYSTEM.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned);
    outside.authorities.clone().or(told).or_else(known)
}

/// The name and the port in `scheme://name:port`.
fn name_and_port(host: &str) -> (String, Option<u16>) {
    let authority = host.split_once("://").map_or(host, |(_, rest)| rest);
    let authority = authority.trim_start_matches('@');
    let (name, port) = match authority.rsplit_once(':') {
        // A bare IPv6 address has colons of its own.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            // reason: what is no port is part of the name, which is not found then
            (name, port.parse().ok())
        }
        _ => (authority, None),
    };
    (name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(), port)
}

/// What ffmpeg asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    name: String,
    port: u16,
    /// What is sent on; `None` for a tunnel.
    onward: Option<Vec<u8>>,
}

impl Asked {
    /// Reads the head of a request to a proxy, with what came after it; `None` when it is none.
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let (head, body) = (bytes.get(..end)?, bytes.get(end + 4..)?);
        // reason: a head that is no text is no request of ours
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if method == "CONNECT" {
            let (name, port) = name_and_port(target);
            return Some(Self { name, port: port?, onward: None });
        }
        let rest = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let rest = rest.and_then(|_| target.get(7..))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (name, port) = name_and_port(authority);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let mut onward = format!("{method} {slash}{path} {version}\r\n");
        for line in lines {
            let field = line.split(':').next().unwrap_or("").to_ascii_lowercase();
            if field != "connection" && !field.starts_with("proxy-") {
                onward.push_str(line);
                onward.push_str("\r\n");
            }
        }
        onward.push_str("Connection: close\r\n\r\n");
        let mut onward = onward.into_bytes();
        onward.extend_from_slice(body);
        let is_named = !name.is_empty();
        is_named.then_some(Self { name, port: port.unwrap_or(80), onward: Some(onward) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_sent_on_as_the_source_expects_it() {
        let head = b"GET http://u:p@Cam.lan:81/a?b HTTP/1.1\r\nHost: cam.lan:81\r\n\
                     Connection: keep-alive\r\nProxy-Authorization: x\r\nIcy-MetaData: 1\r\n\r\nrest";
        let asked = Asked::read(head).unwrap();
        assert_eq!((asked.name.as_str(), asked.port), ("cam.lan", 81));
        let onward = String::from_utf8(asked.onward.unwrap()).unwrap();
        let expected = "GET /a?b HTTP/1.1\r\nHost: cam.lan:81\r\nIcy-MetaData: 1\r\n\
                        Connection: close\r\n\r\nrest";
        assert_eq!(onward, expected);
        let tunnel = Asked::read(b"CONNECT [fd00::1]:443 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(tunnel, Asked { name: "fd00::1".to_owned(), port: 443, onward: None });
        for bad in ["GET / HTTP/1.1\r\n\r\n", "CONNECT h HTTP/1.1\r\n\r\n", "GET\r\n\r\n"] {
            assert_eq!(Asked::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_place_is_a_name_and_perhaps_a_port() {
        for (host, name, port) in [
            ("http://cam.lan", "cam.lan", None),
            ("http://cam.lan:81", "cam.lan", Some(81)),
            ("udp://@239.0.0.1:5000", "239.0.0.1", Some(5_000)),
            ("rtsp://[fd00::1]:554", "fd00::1", Some(554)),
            ("rtsp://[fd00::1]", "fd00::1", None),
        ] {
            assert_eq!(name_and_port(host), (name.to_owned(), port), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut head = b"GET http://".to_vec();
            head.extend(&bytes);
            head.extend(b"\r\n\r\n");
            Asked::read(&head);
            Asked::read(&bytes);
        }
    }

    /// What a request through a porter is answered, with `own_machine` allowed or not.
    async fn answer(own_machine: bool, to: &str) -> (String, Option<Cause>) {
        let stop = Stop::new();
        let porter = Porter::new(Outside { own_machine, authorities: None }, &stop);
        let at = porter.listening().await.unwrap();
        assert!(at.ip().is_loopback());
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(format!("GET {to} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        let place = Upstream { url: to.to_owned(), user_agent: None, referrer: None };
        let trouble = porter.trouble(&place).map(|lost| lost.cause);
        assert_eq!(stop.drain(Duration::from_secs(5)).await, 0);
        (text, trouble)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_where_it_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let source = async {
            let (mut far, _) = listener.accept().await.unwrap();
            let mut head = [0; 16];
            far.read_exact(&mut head).await.unwrap();
            far.write_all(b"HTTP/1.1 200 OK\r\n\r\npicture").await.unwrap();
            head
        };
        // A name, as a redirection would bring it: nobody has looked at it before.
        let to = format!("http://localhost:{port}/1");
        let (head, (text, trouble)) = tokio::join!(source, answer(true, &to));
        assert_eq!((&head, trouble), (b"GET /1 HTTP/1.1\r", None));
        assert!(text.ends_with("picture"), "{text}");
        let (text, trouble) = answer(false, &to).await;
        assert!(text.starts_with("HTTP/1.1 502"), "{text}");
        assert_eq!(trouble, Some(Cause::SrcRefused));
        drop(listener);
        assert_eq!(answer(true, &to).await.1, Some(Cause::SrcRefused));
    }
}
