//! HLS as players and caches meet it: the same bytes under the same names, from every server.

use exstreamtv::domain::Channel;
use reqwest::{Method, StatusCode};

use crate::support::app::{App, run};
use crate::support::nginx::Nginx;
use crate::support::picture::judge;
use crate::support::programs;

#[test]
fn two_servers_with_one_store_and_a_restarted_one_give_the_same_segments() {
    run(async {
        let one = App::prepared_demo().await;
        let channels = one.channels().await;
        let two = one.twin().await;
        let before = same_segments(one, &two, &channels).await;
        let again = two.restarted(one).await;
        same_segments(one, &again, &channels).await;
        // What was listed before is still to be had, also from the other server.
        for (channel, name) in before.iter().rev().take(3) {
            let old = bytes(&again, channel, name).await.expect("no other name");
            assert_eq!(Some(old), bytes(one, channel, name).await, "{name}");
        }
        again.stop().await;
    });
}

#[test]
fn a_segment_is_made_to_be_cached() {
    run(async {
        let app = App::prepared_demo().await;
        let channel = app.channel("Everything").await;
        let (_, name) = listed(app, std::slice::from_ref(&channel)).await.remove(0);
        let path = format!("/iptv/hls/{}/{name}", channel.number);
        let whole = app.viewer().get(&path).await;
        let header = |answer: &reqwest::Response, name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(whole.status(), StatusCode::OK);
        let caching = header(&whole, "cache-control").unwrap();
        assert_eq!(caching, "public, max-age=31536000, immutable");
        assert_eq!(header(&whole, "access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(header(&whole, "x-accel-buffering"), None, "or a proxy would not keep it");
        let tag = header(&whole, "etag").unwrap();
        let length: usize = header(&whole, "content-length").unwrap().parse().unwrap();
        let whole = whole.bytes().await.unwrap();
        assert_eq!(whole.len(), length);
        assert!(judge(&whole, app.now_ms()).is_clean());

        let get = |name: &'static str, value: String| {
            app.viewer().request(Method::GET, &path).header(name, value).send()
        };
        let known = get("if-none-match", tag).await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        let part = get("range", "bytes=188-375".to_owned()).await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(header(&part, "content-range"), Some(format!("bytes 188-375/{length}")));
        assert_eq!(part.bytes().await.unwrap(), whole.slice(188..376));
        let beyond = get("range", format!("bytes={length}-")).await.unwrap();
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);

        let head = app.viewer().request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(
            (head.status(), header(&head, "content-type")),
            (StatusCode::OK, Some("video/mp2t".into()))
        );
        let ask = app.viewer().request(Method::OPTIONS, &path).send().await.unwrap();
        assert_eq!(ask.status(), StatusCode::OK);
        assert!(header(&ask, "access-control-allow-headers").unwrap().contains("Range"));

        // A number alone, and a name that is out of date, lead to the present one.
        let (n, _) = name.split_once('-').unwrap();
        for other in [format!("{n}.ts"), format!("{n}-0123456789abcdef.ts")] {
            let found = app.viewer().get(&format!("/iptv/hls/{}/{other}", channel.number)).await;
            assert_eq!(found.url().path(), path, "{other}");
            assert_eq!(found.bytes().await.unwrap(), whole);
        }
    });
}

#[test]
fn a_playlist_is_good_for_a_second_and_known_again() {
    run(async {
        let app = App::prepared_demo().await;
        let number = app.channel("Everything").await.number;
        let path = format!("/iptv/hls/{number}/live.m3u8");
        // It may change between two requests.
        for _ in 0..5 {
            let first = app.viewer().get(&path).await;
            assert_eq!(first.headers()["cache-control"], "public, max-age=1");
            assert_eq!(first.headers()["content-type"], "application/vnd.apple.mpegurl");
            let again = app.viewer().request(Method::GET, &path);
            let again = again.header("if-none-match", &first.headers()["etag"]);
            if again.send().await.unwrap().status() == StatusCode::NOT_MODIFIED {
                return;
            }
        }
        panic!("the playlist was never known again");
    });
}

#[test]
fn the_master_playlist_says_what_a_decoder_finds() {
    run(async {
        let app = App::prepared_demo().await;
        let number = app.channel("Everything").await.number;
        let path = format!("/iptv/hls/{number}/master.m3u8");
        let text = app.viewer().text(&path).await;
        assert!(text.contains(",RESOLUTION=1280x720,FRAME-RATE=25.000\nlive.m3u8\n"), "{text}");
        let url = format!("{}{path}", app.base);
        let probe = move || {
            let entries = "stream=codec_name,profile,level,width,height";
            let args = ["-v", "error", "-show_entries", entries, "-of", "compact=p=0", &url];
            String::from_utf8(programs::run("ffprobe", &args).stdout).unwrap()
        };
        let told = tokio::task::spawn_blocking(probe).await.unwrap();
        assert!(told.contains("codec_name=h264|profile=High|width=1280|height=720"), "{told}");
        assert!(told.contains("codec_name=aac"), "{told}");
        let codecs = text.split("CODECS=\"").nth(1).unwrap().split('"').next().unwrap();
        let (picture, sound) = codecs.split_once(',').unwrap();
        assert_eq!(sound, "mp4a.40.2");
        let level = u32::from_str_radix(picture.strip_prefix("avc1.6400").unwrap(), 16).unwrap();
        assert!(told.contains(&format!("level={level}")) || level > 30, "{codecs}: {told}");
    });
}

#[test]
fn a_playlist_that_is_waited_for_comes_when_it_has_grown() {
    run(async {
        let app = App::prepared_demo().await;
        let number = app.channel("Everything").await.number;
        let number_of = |text: &str| -> i64 {
            let name = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
            name.split('-').next().unwrap().rsplit('/').next().unwrap().parse().unwrap()
        };
        for file in ["live", "low"] {
            let path = format!("/iptv/hls/{number}/{file}.m3u8");
            let last = number_of(&app.viewer().text(&path).await);
            let next = app.viewer().text(&format!("{path}?_HLS_msn={}", last + 1)).await;
            assert!(number_of(&next) > last, "{next}");
            let far = app.viewer().get(&format!("{path}?_HLS_msn={}", last + 100)).await;
            assert_eq!(far.status(), StatusCode::BAD_REQUEST);
        }
    });
}

#[test]
fn behind_a_cache_each_segment_is_asked_for_once_however_many_watch() {
    run(async {
        const VIEWERS: usize = 40;
        let app = App::prepared_demo().await;
        let two = app.twin().await;
        let nginx = Nginx::before(&two).await;
        let number = two.channel("Everything").await.number;
        let folder = format!("{}/iptv/hls/{number}", nginx.base);
        let http = reqwest::Client::new();
        let watch = || async {
            let get = async |url: &str| {
                let answer = http.get(url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{url}");
                answer.bytes().await.unwrap()
            };
            let playlist = get(&format!("{folder}/live.m3u8")).await;
            let playlist = String::from_utf8(playlist.to_vec()).unwrap();
            let mut names = Vec::new();
            for name in playlist.lines().filter(|line| !line.starts_with('#')) {
                let bytes = get(&format!("{folder}/{name}")).await;
                assert_eq!(bytes.len() % 188, 0);
                names.push(name.to_owned());
            }
            names
        };
        let before = two.control().tuning().counters();
        let watched = futures_util::future::join_all((0..VIEWERS).map(|_| watch())).await;
        let after = two.control().tuning().counters();
        let different: std::collections::BTreeSet<&String> = watched.iter().flatten().collect();
        let fetched: usize = watched.iter().map(Vec::len).sum();
        assert!(fetched >= VIEWERS * 2, "{fetched} segments");
        let asked = usize::try_from(after.segments - before.segments).unwrap();
        println!("{VIEWERS} viewers, {fetched} segments, {asked} asked of the server");
        assert_eq!(asked, different.len(), "{}", nginx.complaints());
        assert_eq!(two.control().tuning().viewers().len(), 1, "the cache is the viewer");
        assert_eq!(nginx.complaints(), "");
        drop(nginx);
        two.stop().await;
    });
}

/// The segments that the playlists of `channels` name, with their channel's number.
async fn listed(app: &App, channels: &[Channel]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for channel in channels {
        let number = channel.number.to_string();
        let playlist = app.viewer().text(&format!("/iptv/channel/{number}.m3u8")).await;
        let names = playlist.lines().filter(|line| !line.starts_with('#'));
        let names = names.map(|line| line.rsplit('/').next().unwrap().to_owned());
        all.extend(names.map(|name| (number.clone(), name)));
    }
    assert!(!all.is_empty());
    all
}

/// Waits until both servers list the same names and have them, and gives what `one` lists.
///
/// A busy machine shows a slate where a channel begins; a segment with one is composed anew later.
async fn same_segments(one: &App, two: &App, channels: &[Channel]) -> Vec<(String, String)> {
    let began = std::time::Instant::now();
    loop {
        let theirs = listed(two, channels).await;
        let its = listed(one, channels).await;
        let shared = check_same(one, &its, two, &theirs).await;
        if shared.is_some_and(|shared| shared > 5 * channels.len()) {
            return its;
        }
        let waited = began.elapsed();
        assert!(waited.as_secs() < 300, "{shared:?} in common: {its:?} and {theirs:?}");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// Fetches what both list, and gives how many segments that were; `None` when a name differs.
async fn check_same(
    one: &App,
    its: &[(String, String)],
    two: &App,
    theirs: &[(String, String)],
) -> Option<usize> {
    let number = |name: &str| name.split('-').next().unwrap().to_owned();
    let mut shared = 0;
    for (channel, name) in its {
        let same = theirs.iter().find(|(c, n)| c == channel && number(n) == number(name));
        let Some((_, other)) = same else { continue };
        if name != other {
            return None;
        }
        let (its, theirs) = (bytes(one, channel, name).await?, bytes(two, channel, name).await?);
        assert_eq!(its, theirs, "{channel}: {name} has two contents");
        shared += 1;
    }
    Some(shared)
}

/// What is had under exactly this name; `None` when the segment has got another one.
///
/// A name never has two contents. Two servers may name a segment differently where one of them had
/// to show a slate.
async fn bytes(app: &App, channel: &str, name: &str) -> Option<bytes::Bytes> {
    let path = format!("/iptv/hls/{channel}/{name}");
    let answer = app.viewer().get(&path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    if answer.url().path() != path {
        return None;
    }
    Some(answer.bytes().await.unwrap())
}
