//! A child's stderr as safe lines.

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::sync::mpsc;

/// Longest line in bytes; what follows is cut.
const LINE: usize = 2 * 1024;

/// Reads stderr to its end and passes on its lines.
///
/// A child must never wait for us because it complains, so lines that find the queue full are
/// counted and left out; the count follows as a line of its own.
pub(super) async fn pump(mut stderr: ChildStderr, lines: mpsc::Sender<String>) {
    let mut splitter = Splitter::default();
    let mut block = [0; 4096];
    let mut left_out = 0_u64;
    let mut send = |line: String| {
        if left_out > 0 && lines.try_send(format!("({left_out} lines left out)")).is_ok() {
            left_out = 0;
        }
        if lines.try_send(line).is_err() {
            left_out += 1;
        }
    };
    while let Ok(count) = stderr.read(&mut block).await {
        if count == 0 {
            break;
        }
        splitter.push(&block[..count], &mut send);
    }
    splitter.finish(&mut send);
}

/// Cuts bytes into lines of bounded length without control characters.
#[derive(Debug, Default)]
struct Splitter {
    line: Vec<u8>,
}

impl Splitter {
    fn push(&mut self, bytes: &[u8], send: &mut impl FnMut(String)) {
        for &byte in bytes {
            // ffmpeg's progress lines end in a carriage return.
            if byte == b'\n' || byte == b'\r' {
                self.finish(send);
            } else if self.line.len() < LINE {
                self.line.push(byte);
            }
        }
    }

    fn finish(&mut self, send: &mut impl FnMut(String)) {
        if self.line.is_empty() {
            return;
        }
        send(clean(&String::from_utf8_lossy(&self.line)));
        self.line.clear();
    }
}

/// Replaces control characters and keeps the line within its length.
fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_control() { '\u{fffd}' } else { c };
        if line.len() + c.len_utf8() > LINE {
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_cleaned_and_never_empty() {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        splitter.push(b"one\r\ntw", &mut |line| lines.push(line));
        splitter.push(b"o \x1b[31mred\xff\n", &mut |line| lines.push(line));
        splitter.push(&[b'x'; 5000], &mut |line| lines.push(line));
        splitter.finish(&mut |line| lines.push(line));
        assert_eq!(lines[..2], ["one", "two \u{fffd}[31mred\u{fffd}"]);
        assert_eq!(lines[2].len(), LINE);
        assert_eq!(lines.len(), 3);
    }
}
