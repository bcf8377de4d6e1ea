//! Channels watched for a long time: `make soak MINUTES=30`. Without `SOAK_MINUTES` it does nothing.

use std::time::Duration;

use crate::support::app::{App, run};
use crate::support::programs;

/// How much memory may be in use beyond what it was when everything ran.
const GROWTH_BYTES: u64 = 48 << 20;

#[test]
fn every_channel_plays_without_a_seam_and_memory_stays() {
    let Ok(minutes) = std::env::var("SOAK_MINUTES") else {
        println!("skipped: SOAK_MINUTES is not set");
        return;
    };
    let seconds = minutes.parse::<u64>().expect("SOAK_MINUTES is a number") * 60;
    run(async {
        let app = App::prepared_demo().await;
        let watchers: Vec<_> = app
            .channels()
            .await
            .into_iter()
            .flat_map(|channel| ["ts", "m3u8"].map(|form| (channel.number.clone(), form)))
            .map(|(number, form)| {
                let url = format!("{}/iptv/channel/{number}.{form}", app.base);
                tokio::task::spawn_blocking(move || (watch(&url, seconds), url))
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(seconds / 10)).await;
        let early = memory_bytes();
        for watcher in watchers {
            let (said, url) = watcher.await.unwrap();
            assert!(said.is_empty(), "{url}: ffmpeg says\n{said}");
        }
        let late = memory_bytes();
        println!("memory: {} MiB early, {} MiB late", early >> 20, late >> 20);
        assert!(late < early + GROWTH_BYTES);
    });
}

/// What ffmpeg has to say about `seconds` of a channel.
fn watch(url: &str, seconds: u64) -> String {
    let seconds = seconds.to_string();
    let args = ["-nostdin", "-hide_banner", "-nostats", "-v", "warning", "-i", url, "-t", &seconds];
    let copy = ["-map", "0", "-c", "copy", "-f", "null", "-"];
    let output = programs::run("ffmpeg", &[&args[..], &copy].concat());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Memory of this process, the server's included.
fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
