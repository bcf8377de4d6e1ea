//! The headers of a track.

use super::boxes::{boxed, full};
use super::{AUDIO_SCALE, VIDEO_SCALE, matrix, numbers};

/// What is different in the headers of the two tracks.
pub(super) struct Track {
    id: u32,
    scale: u32,
    handler: &'static [u8; 4],
    volume: u16,
    size: (u16, u16),
}

impl Track {
    pub(super) const SOUND: Self =
        Self { id: 2, scale: AUDIO_SCALE, handler: b"soun", volume: 0x0100, size: (0, 0) };

    pub(super) fn video(size: (u16, u16)) -> Self {
        Self { id: 1, scale: VIDEO_SCALE, handler: b"vide", volume: 0, size }
    }
}

/// Writes what a track is; `entry` writes what its decoder is told.
pub(super) fn track(out: &mut Vec<u8>, track: &Track, entry: impl FnOnce(&mut Vec<u8>)) {
    let Track { id, scale, handler, volume, size: (width, height) } = *track;
    boxed(out, b"trak", |out| {
        full(out, b"tkhd", 0, 3, |out| {
            numbers(out, &[0, 0, id, 0, 0, 0, 0, 0]);
            out.extend(volume.to_be_bytes());
            out.extend([0, 0]);
            matrix(out);
            numbers(out, &[u32::from(width) << 16, u32::from(height) << 16]);
        });
        boxed(out, b"mdia", |out| {
            full(out, b"mdhd", 0, 0, |out| {
                numbers(out, &[0, 0, scale, 0]);
                // The language `und`.
                out.extend([0x55, 0xC4, 0, 0]);
            });
            full(out, b"hdlr", 0, 0, |out| {
                numbers(out, &[0]);
                out.extend(handler);
                numbers(out, &[0; 3]);
                out.push(0);
            });
            boxed(out, b"minf", |out| {
                match handler {
                    b"vide" => full(out, b"vmhd", 0, 1, |out| out.extend([0; 8])),
                    _ => full(out, b"smhd", 0, 0, |out| out.extend([0; 4])),
                }
                boxed(out, b"dinf", |out| {
                    full(out, b"dref", 0, 0, |out| {
                        numbers(out, &[1]);
                        full(out, b"url ", 0, 1, |_| {});
                    });
                });
                boxed(out, b"stbl", |out| {
                    full(out, b"stsd", 0, 0, |out| {
                        numbers(out, &[1]);
                        entry(out);
                    });
                    for table in [b"stts", b"stsc", b"stco"] {
                        full(out, table, 0, 0, |out| numbers(out, &[0]));
                    }
                    full(out, b"stsz", 0, 0, |out| numbers(out, &[0, 0]));
                });
            });
        });
    });
}
