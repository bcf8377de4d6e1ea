//! Asks a running server what a client asks it: device, line-up, guide, picture.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;

use super::Finding;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the first bytes of a channel must hold to count as a picture: a second of video or so.
const ENOUGH: usize = 128 * 1024;

/// Asks the server at `url`, step by step; what cannot be asked after a failure is left out.
pub(super) async fn examine(url: &str) -> Vec<Finding> {
    let base = url.trim_end_matches('/');
    let client = match reqwest::Client::builder().timeout(PATIENCE).no_proxy().build() {
        Ok(client) => client,
        Err(error) => return vec![Finding::bad("client", error.to_string(), "please report this")],
    };
    let device = match json(&client, &format!("{base}/discover.json")).await {
        Ok(device) => device,
        Err(problem) => {
            return vec![Finding::bad(
                "tuner",
                problem,
                format!(
                    "start the server, or check that {base} is its address and no firewall is between"
                ),
            )];
        }
    };
    let mut findings = vec![Finding::good(
        "tuner",
        format!("{} answers as {}; type {base} into Plex", base, text(&device, "DeviceID")),
    )];
    let lineup = match json(&client, &format!("{base}/lineup.json")).await {
        Ok(Value::Array(lineup)) if !lineup.is_empty() => {
            findings.push(Finding::good("lineup", format!("{} channels", lineup.len())));
            lineup
        }
        Ok(_) => {
            let fix = "add a library or create a channel on the channels page";
            findings.push(Finding::bad("lineup", "no channels", fix));
            return findings;
        }
        Err(problem) => {
            findings.push(Finding::bad("lineup", problem, "see the server's log"));
            return findings;
        }
    };
    findings.push(guide(&client, base).await);
    let first = &lineup[0];
    findings.push(picture(&client, &text(first, "GuideNumber"), &text(first, "URL")).await);
    findings
}

async fn guide(client: &reqwest::Client, base: &str) -> Finding {
    let url = format!("{base}/iptv/xmltv.xml");
    let answer = client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
    let body = match answer {
        Ok(answer) => answer.text().await,
        Err(error) => Err(error),
    };
    match body {
        Ok(body) if body.contains("<programme ") => {
            let count = body.matches("<programme ").count();
            Finding::good("guide", format!("{count} programmes; type {url} as the XMLTV guide"))
        }
        Ok(_) => Finding::bad("guide", "it holds no programmes", "see the server's log"),
        Err(error) => Finding::bad("guide", error.to_string(), "see the server's log"),
    }
}

async fn picture(client: &reqwest::Client, number: &str, url: &str) -> Finding {
    let asked = Instant::now();
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut bytes = match answer {
        Ok(answer) => answer.bytes_stream(),
        Err(error) => return Finding::bad("picture", error.to_string(), "see the server's log"),
    };
    let (mut got, mut first_byte) = (0, None);
    while let Some(chunk) = bytes.next().await {
        match chunk {
            Ok(chunk) => {
                if first_byte.is_none() && chunk.first() != Some(&0x47) {
                    let fix = "something between changes the stream; ask the server directly";
                    return Finding::bad("picture", "it is no transport stream", fix);
                }
                first_byte.get_or_insert(asked.elapsed());
                got += chunk.len();
            }
            Err(error) => {
                return Finding::bad("picture", error.to_string(), "see the server's log");
            }
        }
        if got >= ENOUGH {
            break;
        }
    }
    match first_byte {
        Some(after) if got >= ENOUGH => Finding::good(
            "picture",
            format!("channel {number} sends its first byte after {} ms", after.as_millis()),
        ),
        _ => Finding::bad(
            "picture",
            format!("channel {number} sent {got} bytes"),
            "see its incidents",
        ),
    }
}

async fn json(client: &reqwest::Client, url: &str) -> Result<Value, String> {
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| error.to_string())?;
    answer.json().await.map_err(|error| error.to_string())
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or("?").to_owned()
}
