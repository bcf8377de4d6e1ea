//! `/iptv/stream/{media_id}`: a file of the library as players that seek ask for it.

use std::io::Write;

use futures_util::StreamExt;
use reqwest::{Method, Response};

use crate::support::app::{App, run};
use crate::support::media::kinds_of_source;

#[test]
fn a_media_file_is_given_whole_and_in_parts() {
    run(async {
        let (app, path, id) = with_one_file().await;
        let file = std::fs::read(&path).unwrap();
        let length = file.len();
        let address = format!("/iptv/stream/{id}");
        let ask = |method: Method, headers: &[(&str, &str)]| {
            let mut request = app.viewer().request(method, &address);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            async move { request.send().await.unwrap() }
        };
        let get = |headers: &'static [(&str, &str)]| ask(Method::GET, headers);

        let whole = get(&[]).await;
        assert_eq!(whole.status(), 200);
        let tag = text(&whole, "etag");
        let date = text(&whole, "last-modified");
        assert_eq!(text(&whole, "content-length"), length.to_string());
        assert_eq!(text(&whole, "accept-ranges"), "bytes");
        assert_eq!(text(&whole, "access-control-allow-origin"), "*");
        assert!(text(&whole, "content-type").starts_with("video/"));
        assert!(whole.bytes().await.unwrap() == file);

        let part = get(&[("range", "bytes=100-299")]).await;
        assert_eq!(part.status(), 206);
        assert_eq!(text(&part, "content-range"), format!("bytes 100-299/{length}"));
        assert_eq!(part.bytes().await.unwrap(), file[100..300]);
        let tail = get(&[("range", "bytes=-10")]).await;
        assert_eq!(tail.bytes().await.unwrap(), file[length - 10..]);
        let all = get(&[("range", "bytes=0-")]).await;
        assert_eq!((all.status().as_u16(), all.bytes().await.unwrap().len()), (206, length));
        let several = get(&[("range", "bytes=0-1,5-6")]).await;
        assert_eq!(
            (several.status().as_u16(), several.bytes().await.unwrap().len()),
            (200, length)
        );
        let beyond = get(&[("range", "bytes=99999999999-")]).await;
        assert_eq!(beyond.status(), 416);
        assert_eq!(text(&beyond, "content-range"), format!("bytes */{length}"));
        let problem: serde_json::Value = beyond.json().await.unwrap();
        assert_eq!(problem["detail"][0]["limit"], length);

        for (condition, status) in [(tag.as_str(), 206), (date.as_str(), 206), ("\"old\"", 200)] {
            let answer = ask(Method::GET, &[("range", "bytes=0-9"), ("if-range", condition)]).await;
            assert_eq!(answer.status(), status, "If-Range: {condition}");
        }
        let known = ask(Method::GET, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), 304);

        let head = ask(Method::HEAD, &[("range", "bytes=5-9")]).await;
        assert_eq!((head.status().as_u16(), text(&head, "content-length")), (206, "5".to_owned()));
        let asked = ask(Method::OPTIONS, &[("origin", "http://elsewhere.example")]).await;
        assert_eq!(asked.status(), 200);
        assert!(text(&asked, "access-control-allow-headers").contains("Range"));

        assert_eq!(app.viewer().get("/iptv/stream/999999").await.status(), 404);
        assert_eq!(app.viewer().get("/iptv/stream/x").await.status(), 422);
        std::fs::remove_file(&path).unwrap();
        let gone = get(&[]).await;
        assert_eq!(gone.status(), 404);
        let problem: serde_json::Value = gone.json().await.unwrap();
        assert_eq!(problem["detail"][0]["type"], "not_found");
        // A link to elsewhere is no file of the library.
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert_eq!(get(&[]).await.status(), 404);
        app.stop().await;
    });
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_sent_ends_the_answer() {
    run(async {
        let (app, path, id) = with_one_file().await;
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.flush().unwrap();
        file.set_len(256 << 20).unwrap();
        let address = format!("/iptv/stream/{id}");
        let answer = app.viewer().get(&address).await;
        assert_eq!(text(&answer, "content-length"), (256 << 20).to_string());
        let mut body = answer.bytes_stream();
        let mut got = body.next().await.unwrap().unwrap().len();
        file.set_len(1 << 20).unwrap();
        let broken = loop {
            match body.next().await {
                Some(Ok(bytes)) => got += bytes.len(),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(broken && got < 256 << 20, "{got} bytes of a file that has no more than 1 MiB");
        // Others are served as before.
        let now = app.viewer().get(&address).await;
        assert_eq!(now.bytes().await.unwrap().len(), 1 << 20);
        app.stop().await;
    });
}

/// A server with one media file, the file's path and the id of the media.
async fn with_one_file() -> (App, std::path::PathBuf, i64) {
    let folder = tempfile::tempdir().unwrap().keep();
    let path = folder.join("one.mp4");
    let kinds = std::fs::read_dir(kinds_of_source()).unwrap();
    let mut kinds: Vec<_> = kinds.map(|entry| entry.unwrap().path()).collect();
    kinds.sort();
    let whole = kinds.iter().find(|path| path.extension().is_some_and(|e| e == "mp4")).unwrap();
    std::fs::copy(whole, &path).unwrap();
    let app = App::with(&[folder], |_| {}).await;
    let mut id = None;
    app.until("the scan", async || {
        let media = app.operator().json("/api/media").await;
        let items = media["items"].as_array().or_else(|| media.as_array()).cloned();
        id = items.and_then(|items| items.first()?["id"].as_i64());
        id.is_some()
    })
    .await;
    (app, path, id.unwrap())
}

fn text(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    value.to_str().unwrap().to_owned()
}
