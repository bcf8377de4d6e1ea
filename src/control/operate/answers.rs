//! Answers to questions: measured now, changing nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{Operator, failed};
use crate::control::guard;
use crate::control::ledger as counting;
use crate::control::operations::{OperationError, Query};
use crate::domain::{
    Cause, ChannelId, ChannelReading, IncidentId, MediaId, MediaReading, PlayState, Subject,
};
use crate::foundation::process::{Command, ProcessError};
use crate::storage::{incidents, ledger};

/// How long ffprobe may take on one file, and how long it may wait for a place in the pool.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const PROBE_PATIENCE: Duration = Duration::from_secs(3);
/// How much of a file is looked at when no process may be started.
const HEAD_BYTES: usize = 4_096;
/// How far ahead channels are looked for that will play an item.
const AHEAD_MS: i64 = 6 * 3_600_000;

impl Operator {
    pub(super) async fn answer(&self, query: Query) -> Result<Value, OperationError> {
        match query {
            Query::Incident { incident } => self.answer_incident(incident).await,
            Query::ChannelState { channel } => as_value(&self.channel_reading(channel)?),
            Query::ProbeOutput { channel } => {
                self.channel_reading(channel)?;
                let probed = self.parts.streams.probe_output(channel).await;
                let reading = probed.map_err(|reason| OperationError::Failed {
                    what: "probe the output".to_owned(),
                    reason,
                })?;
                as_value(&reading)
            }
            Query::ProbeMedia { media } => as_value(&self.probe_media(media).await?),
            Query::History { channel } => self.answer_history(channel).await,
            Query::Host => {
                let host = self.host().ok_or_else(|| OperationError::Failed {
                    what: "read the machine's state".to_owned(),
                    reason: "the pool does not answer".to_owned(),
                })?;
                let mut body = as_value(&host)?;
                body["unhealthy_channels"] = json!(self.unhealthy());
                Ok(body)
            }
            Query::ScheduleNow { channel } => {
                let slots = self.parts.timelines.now_and_next(channel, self.now());
                Ok(json!({"now": slots.first(), "next": slots.get(1)}))
            }
            Query::Guard => self.answer_guard().await,
            Query::Tools => Ok(self.answer_tools()),
        }
    }

    /// The state of a channel; one without a task is idle.
    fn channel_reading(&self, channel: ChannelId) -> Result<ChannelReading, OperationError> {
        if let Some(reading) = self.parts.streams.channel(channel) {
            return Ok(reading);
        }
        if !self.parts.timelines.has_channel(channel) {
            return Err(OperationError::NotFound { what: format!("channel {channel}") });
        }
        let now = self.now();
        let slots = self.parts.timelines.now_and_next(channel, now);
        Ok(ChannelReading {
            channel,
            state: PlayState::Idle,
            headroom_ms: 0,
            viewers: 0,
            media: slots.first().and_then(|slot| slot.media),
            job_silent_ms: None,
        })
    }

    async fn answer_incident(&self, id: IncidentId) -> Result<Value, OperationError> {
        let read = self.parts.db.read("read an incident", move |db| {
            let found = incidents::find(db, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            Ok((found, ledger::of_incident(db, id)?))
        });
        let ((incident, evidence), actions) =
            read.await.map_err(|error| failed(&format!("incident {id}"), &error))?;
        let channels = match incident.subject {
            Subject::Channel(channel) => vec![channel],
            Subject::Media(media) => {
                let now = self.now();
                self.parts.timelines.channels_with(media, now, now.plus_ms(AHEAD_MS))
            }
            Subject::Host => Vec::new(),
        };
        Ok(json!({
            "incident": incident,
            "evidence": evidence,
            "actions": actions,
            "channels": channels,
        }))
    }

    async fn answer_history(&self, channel: ChannelId) -> Result<Value, OperationError> {
        let now = self.now();
        let from = now.plus_ms(-counting::HORIZON_MS);
        let read = self.parts.db.read("read the ledger", move |db| ledger::since(db, from)).await;
        let all = read.map_err(|error| failed("read the ledger", &error))?;
        let breaker = counting::breaker(&all, channel, now);
        let of_channel: Vec<_> =
            all.into_iter().filter(|entry| entry.channel == Some(channel)).collect();
        Ok(json!({"entries": of_channel, "breaker_open": !breaker.lets_through()}))
    }

    async fn answer_guard(&self) -> Result<Value, OperationError> {
        let now = self.now();
        let from = now.plus_ms(-counting::HORIZON_MS);
        let read = self.parts.db.read("read the guard's state", move |db| {
            let switch = incidents::read_switch(db, super::permits::KILL_SWITCH)?;
            Ok((ledger::since(db, from)?, switch))
        });
        let (ledger, switch) = read.await.map_err(|e| failed("read the guard's state", &e))?;
        let chain = self.audit.chain_fault();
        let host = self.host();
        let reasons = guard::containment(host.as_ref(), chain.as_deref(), &ledger, now);
        Ok(json!({
            "kill_switch": switch.is_some_and(|state| state != "off"),
            "containment": reasons,
            "restarts_in_60_s": counting::recent_restarts(&ledger, now),
            "audit_writable": self.audit.write_fault().is_none(),
            "modes": self.parts.settings.modes,
        }))
    }

    fn answer_tools(&self) -> Value {
        let tool = |manifest: &guard::Manifest| {
            json!({
                "name": manifest.name,
                "version": manifest.version,
                "title": manifest.title,
                "description": manifest.description,
                "risk": manifest.risk,
                "applies_to_causes": manifest.applies_to_causes,
                "forbidden_causes": manifest.forbidden_causes,
                "required_confidence": manifest.required_confidence,
                "verification": manifest.verification_plan(),
            })
        };
        let tools: Vec<Value> = self.tools.all().map(tool).collect();
        json!({"tools": tools, "sha256": self.tools.sha256()})
    }

    /// Opens the file as a player would: is it there, and does ffprobe find a stream?
    async fn probe_media(&self, id: MediaId) -> Result<MediaReading, OperationError> {
        let Some(media) = self.parts.timelines.media(id) else {
            return Err(OperationError::NotFound { what: format!("media {id}") });
        };
        let reading = |exists, readable, fault| MediaReading { media: id, exists, readable, fault };
        match tokio::fs::metadata(&media.path).await {
            Ok(file) if file.is_file() && file.len() > 0 => {}
            Ok(_) => return Ok(reading(true, false, Some(Cause::MediaCorrupt))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(reading(false, false, Some(Cause::MediaMissing)));
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Ok(reading(true, false, Some(Cause::Permission)));
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(OperationError::Failed { what: format!("open media {id}"), reason });
            }
        }
        let args = [
            "-v",
            "error",
            "-protocol_whitelist",
            "file,pipe",
            "-show_entries",
            "stream=codec_type",
            "-of",
            "csv=p=0",
            "-i",
        ];
        let mut args: Vec<std::ffi::OsString> = args.into_iter().map(Into::into).collect();
        args.push(format!("file:{}", media.path).into());
        let command = Command {
            program: self.parts.ffprobe.clone(),
            args,
            timeout: PROBE_TIMEOUT,
            max_output: 64 * 1024,
        };
        let run = self.parts.processes.run(command);
        match tokio::time::timeout(PROBE_PATIENCE, run).await {
            Ok(Ok(finished)) => {
                let streams = String::from_utf8_lossy(&finished.stdout).into_owned();
                let usable = streams.contains("video") || streams.contains("audio");
                let fault = match (finished.code, usable) {
                    (Some(0), true) => None,
                    (Some(0), false) => Some(Cause::MediaNoStream),
                    _ => Some(Cause::MediaCorrupt),
                };
                Ok(reading(true, fault.is_none(), fault))
            }
            Ok(Err(ProcessError::TooMuchOutput { .. })) => {
                Ok(reading(true, false, Some(Cause::MediaCorrupt)))
            }
            // A wedged process may hold the last place of the pool. Whether the file opens and
            // begins like media must be known all the same, or nobody could end that process.
            Ok(Err(_)) | Err(_) => {
                let head = read_head(&media.path).await.map_err(|error| {
                    let reason = error.to_string();
                    OperationError::Failed { what: format!("read media {id}"), reason }
                })?;
                if begins_like_media(&head) {
                    return Ok(reading(true, true, None));
                }
                Err(OperationError::Failed {
                    what: format!("probe media {id}"),
                    reason: "no process may be started, and its beginning says nothing".to_owned(),
                })
            }
        }
    }
}

async fn read_head(path: &str) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).await?;
    Ok(head)
}

/// Whether a file begins as a container does that holds what one can play.
fn begins_like_media(head: &[u8]) -> bool {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    let matroska = at(0, &[0x1A, 0x45, 0xDF, 0xA3]);
    let mp4 = [b"ftyp", b"moov", b"mdat", b"wide"].iter().any(|kind| at(4, *kind));
    let ts = at(0, &[0x47]) && at(188, &[0x47]) && at(376, &[0x47]);
    let program_stream = at(0, &[0, 0, 1, 0xBA]);
    let avi = at(0, b"RIFF");
    let sound = at(0, b"ID3") || at(0, b"OggS") || at(0, b"fLaC");
    matroska || mp4 || ts || program_stream || avi || sound || at(0, b"FLV")
}

fn as_value<T: serde::Serialize>(thing: &T) -> Result<Value, OperationError> {
    serde_json::to_value(thing).map_err(|error| OperationError::Failed {
        what: "write the answer".to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_first_bytes() {
        assert!(begins_like_media(&[0x1A, 0x45, 0xDF, 0xA3, 0]));
        assert!(begins_like_media(b"\0\0\0\x20ftypisom"));
        let mut ts = vec![0; 400];
        for packet in [0, 188, 376] {
            ts[packet] = 0x47;
        }
        assert!(begins_like_media(&ts));
        ts[188] = 0;
        assert!(!begins_like_media(&ts));
        assert!(!begins_like_media(b"<html><body>log in</body></html>"));
        assert!(!begins_like_media(b""));
    }
}
