//! `WebVTT`: reads the cues of a file, and writes a segment of a stream. PURE.
//!
//! What is read was written by ffmpeg from somebody's file: every line may be hostile, and what
//! does not parse is left out. Styles, regions and notes are dropped; the settings of a cue stay.

use std::fmt::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A text and when it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cue {
    /// From when on, in milliseconds.
    pub start_ms: i64,
    /// Until when.
    pub end_ms: i64,
    /// Where on the screen, as written; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub settings: String,
    /// Its lines, none of them empty.
    pub text: String,
}

/// Most cues of a file; a long film has two thousand.
const MOST_CUES: usize = 50_000;
/// Longest text of a cue, in bytes.
const LONGEST_TEXT: usize = 4_096;

/// Reads the cues of a file, in the order in which they begin.
pub fn read(text: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut lines = text.lines().map(|line| line.trim_end_matches(['\r', '\0']));
    while let Some(line) = lines.next() {
        let Some((shown, settings)) = timing(line) else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.trim().is_empty()).collect();
        let body: Vec<&str> = body.into_iter().filter(|line| !line.contains("-->")).collect();
        let text = body.join("\n").replace('\0', "");
        if text.is_empty() || text.len() > LONGEST_TEXT || cues.len() >= MOST_CUES {
            continue;
        }
        let settings = settings.to_owned();
        cues.push(Cue { start_ms: shown.start, end_ms: shown.end, settings, text });
    }
    cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
    cues
}

/// Writes a segment of `cues`, whose times count from the tick `zero` on (90 kHz, not wrapped).
pub fn write(cues: &[Cue], zero: i64) -> String {
    let mut text = format!(
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n",
        zero.rem_euclid(crate::mpegts::packet::WRAP)
    );
    for Cue { start_ms, end_ms, settings, text: words } in cues {
        let (start, end) = (Clock(*start_ms), Clock(*end_ms));
        let gap = if settings.is_empty() { "" } else { " " };
        let written = write!(text, "\n{start} --> {end}{gap}{settings}\n{words}\n");
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text
}

/// `00:00:01.000 --> 00:00:02.500 line:90%`
fn timing(line: &str) -> Option<(Range<i64>, &str)> {
    let (start, rest) = line.split_once("-->")?;
    let rest = rest.trim();
    let (end, settings) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let shown = clock(start.trim())?..clock(end)?;
    (shown.start < shown.end).then_some((shown, settings.trim()))
}

/// `01:02:03.456`, or without the hours.
fn clock(text: &str) -> Option<i64> {
    let (whole, ms) = text.split_once('.')?;
    let number = |text: &str| -> Option<i64> {
        let digits =
            !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits) // reason: what is no number is no time
    };
    let mut seconds = 0;
    for part in whole.split(':') {
        seconds = seconds * 60 + number(part)?;
    }
    let ms = number(ms).filter(|_| ms.len() == 3)?;
    (seconds < 360_000).then_some(seconds * 1_000 + ms)
}

/// Milliseconds (not negative) as `WebVTT` writes them.
struct Clock(i64);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, ms) = (self.0 / 1_000, self.0 % 1_000);
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{ms:03}", seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cues_are_read_and_the_rest_is_left_out() {
        let text = "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE 1\n\n\
            00:01.000 --> 00:02.500 line:90%\nOne\nand a half\n\n\
            7\n01:00:00.000 --> 01:00:01.000\nHour\n\n\
            00:05.000 --> 00:04.000\nbackwards\n\n00:06.000 --> x\nnever\n\n\
            00:00.500 --> 00:00.600\n--> not this\nfirst\n\n00:08.000 --> 00:09.000\n\n";
        let cue = |start_ms, end_ms, settings: &str, text: &str| {
            let (settings, text) = (settings.to_owned(), text.to_owned());
            Cue { start_ms, end_ms, settings, text }
        };
        let expected = [
            cue(500, 600, "", "first"),
            cue(1_000, 2_500, "line:90%", "One\nand a half"),
            cue(3_600_000, 3_601_000, "", "Hour"),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_segment_says_where_its_clock_is() {
        let cue = Cue {
            start_ms: 3_723_004,
            end_ms: 3_724_000,
            settings: String::new(),
            text: "Hi".into(),
        };
        let expected = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:5,LOCAL:00:00:00.000\n\n\
            01:02:03.004 --> 01:02:04.000\nHi\n";
        assert_eq!(write(&[cue], (7 << 33) + 5), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            cues in proptest::collection::vec((0_i64..9_999_999, 1_i64..9_999, "[a-z]{1,9}(\n[a-z]{1,9})?"), 0..20),
        ) {
            let mut cues: Vec<Cue> = cues
                .into_iter()
                .map(|(start_ms, length, text)| Cue {
                    start_ms, end_ms: start_ms + length, settings: String::new(), text,
                })
                .collect();
            cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
            prop_assert_eq!(read(&write(&cues, 0)), cues);
        }

        #[test]
        fn nothing_makes_it_panic(text in "([0-9:.\\->a\n ]|-->){0,200}") {
            read(&text);
        }
    }
}
