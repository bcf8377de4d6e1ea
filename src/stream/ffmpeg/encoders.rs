//! What ffmpeg says about its encoders, read. PURE.
//!
//! Reasons and advice are our own words: what ffmpeg wrote is only ever looked at, and handed on as
//! one line of foreign text beside them. The lines that decide come from ffmpeg's sources, from
//! reports of their users and from runs without devices; the kinds themselves were not at hand.

use std::collections::BTreeSet;

use crate::domain::Accelerator;

/// Why an encoder does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Why, in our words.
    pub reason: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The line that says so. Text from outside, at most 300 characters.
    pub said: Option<String>,
    /// Whether it is about the device or its driver for certain, rather than the source.
    pub certain: bool,
}

/// The version in the answer to `-version`.
pub fn version(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("ffmpeg version "))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// The names of the video encoders in the answer to `-encoders`.
pub fn encoder_names(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let flags = words.next().filter(|flags| flags.len() == 6 && flags.starts_with('V'))?;
        let name = words.next().filter(|name| *name != "=")?;
        flags.chars().all(|c| c == '.' || c.is_ascii_uppercase()).then(|| name.to_owned())
    });
    rows.collect()
}

/// Whether a line says that decoding on the device was given up for the processor.
pub fn decodes_in_software(line: &str) -> bool {
    [
        "hwaccel initialisation returned error",
        "No device available for decoder",
        "Failed setup for format",
    ]
    .iter()
    .any(|words| line.contains(words))
}

/// How many frames came by the last report of `-progress`.
pub fn frames(progress: &str) -> u64 {
    let last = progress.lines().rev().find_map(|line| line.strip_prefix("frame="));
    last.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// One kind of line and what it means.
struct Meaning {
    /// What the line holds.
    holds: &'static str,
    /// Only for these kinds; empty for all.
    kinds: &'static [Accelerator],
    reason: &'static str,
    fix: &'static str,
}

const DRI: &[Accelerator] = &[Accelerator::Vaapi, Accelerator::Qsv];
const NVIDIA: &[Accelerator] = &[Accelerator::Nvenc];

/// From the most telling line to the least.
const MEANINGS: &[Meaning] = &[
    Meaning {
        holds: "Unknown encoder",
        kinds: &[],
        reason: "this ffmpeg was built without the encoder",
        fix: "install an ffmpeg that has it, and name that one in ffmpeg.path",
    },
    Meaning {
        holds: "Cannot load libcuda",
        kinds: NVIDIA,
        reason: "the NVIDIA driver is not installed or cannot be seen from here",
        fix: "install the NVIDIA driver; in a container, pass the card in (--gpus all)",
    },
    Meaning {
        holds: "Cannot load nvcuda",
        kinds: NVIDIA,
        reason: "the NVIDIA driver is not installed",
        fix: "install the NVIDIA driver",
    },
    Meaning {
        holds: "Cannot load libnvidia-encode",
        kinds: NVIDIA,
        reason: "the encoding part of the NVIDIA driver is missing",
        fix: "install libnvidia-encode; in a container, set NVIDIA_DRIVER_CAPABILITIES to \
              compute,video,utility",
    },
    Meaning {
        holds: "Driver does not support the required nvenc API version",
        kinds: NVIDIA,
        reason: "the NVIDIA driver is older than this ffmpeg wants",
        fix: "update the NVIDIA driver, or use an older ffmpeg",
    },
    Meaning {
        holds: "OpenEncodeSessionEx failed: out of memory",
        kinds: NVIDIA,
        reason: "the card has no encoding session left",
        fix: "end other programs that encode on this card, then test again; consumer cards allow \
              only a few sessions at a time",
    },
    Meaning {
        holds: "OpenEncodeSessionEx failed: incompatible client key",
        kinds: NVIDIA,
        reason: "the NVIDIA driver refuses encoding sessions",
        fix: "install the driver anew without changes to its libraries",
    },
    Meaning {
        holds: "OpenEncodeSessionEx failed: unsupported device",
        kinds: NVIDIA,
        reason: "the card has no encoder",
        fix: "choose another card with ffmpeg.hwaccel_device, or another kind",
    },
    Meaning {
        holds: "OpenEncodeSessionEx failed",
        kinds: NVIDIA,
        reason: "the NVIDIA driver gives no encoding session",
        fix: "look at the driver with nvidia-smi, then test again",
    },
    Meaning {
        holds: "capable devices found",
        kinds: NVIDIA,
        reason: "the card cannot encode this",
        fix: "choose another card with ffmpeg.hwaccel_device, or another kind",
    },
    Meaning {
        holds: "CUDA_ERROR_NO_DEVICE",
        kinds: NVIDIA,
        reason: "no NVIDIA card can be seen from here",
        fix: "look at nvidia-smi; in a container, pass the card in (--gpus all)",
    },
    Meaning {
        holds: "CUDA_ERROR",
        kinds: NVIDIA,
        reason: "the NVIDIA driver reports an error",
        fix: "look at the driver with nvidia-smi; after an update of it, restart the machine",
    },
    Meaning {
        holds: "No usable encoding profile found",
        kinds: DRI,
        reason: "the device cannot encode this",
        fix: "install the driver that can (intel-media-va-driver-non-free or mesa-va-drivers), or \
              choose another device with ffmpeg.hwaccel_device",
    },
    Meaning {
        holds: "No usable encoding entrypoint found",
        kinds: DRI,
        reason: "the device's driver cannot encode this",
        fix: "install the driver that can (intel-media-va-driver-non-free or mesa-va-drivers), or \
              choose another device with ffmpeg.hwaccel_device",
    },
    Meaning {
        holds: "Failed to initialise VAAPI connection",
        kinds: DRI,
        reason: "there is no VA-API driver for the device",
        fix: "install intel-media-va-driver or mesa-va-drivers and try vainfo",
    },
    Meaning {
        holds: "No VA display found",
        kinds: DRI,
        reason: "the device cannot be opened",
        fix: "give the server's user the groups video and render; in a container, pass /dev/dri \
              in; name another device in ffmpeg.hwaccel_device",
    },
    Meaning {
        holds: "MFX session",
        kinds: &[Accelerator::Qsv],
        reason: "Intel's media runtime is missing or does not know this processor",
        fix: "install libmfx-gen1.2 (or libmfx1 for older processors) and \
              intel-media-va-driver-non-free, or use vaapi",
    },
    Meaning {
        holds: "Failed to create a QSV device",
        kinds: &[Accelerator::Qsv],
        reason: "Quick Sync cannot be opened",
        fix: "check that the processor has Quick Sync and that it is not switched off in the BIOS",
    },
    Meaning {
        holds: "Could not find a valid device",
        kinds: &[Accelerator::V4l2m2m],
        reason: "no V4L2 device can encode this",
        fix: "load the encoder's kernel module and give the server's user the group video",
    },
    Meaning {
        holds: "amfrt64",
        kinds: &[Accelerator::Amf],
        reason: "AMD's AMF runtime is missing",
        fix: "install AMD's driver with AMF (amf-amdgpu-pro), or use vaapi",
    },
    Meaning {
        holds: "compression session",
        kinds: &[Accelerator::VideoToolbox],
        reason: "VideoToolbox gives no encoding session",
        fix: "run the server in a user's session; virtual machines have no encoder",
    },
    Meaning {
        holds: "Device creation failed",
        kinds: &[],
        reason: "the device cannot be opened",
        fix: "check that its driver is installed and that the server's user may open it",
    },
    Meaning {
        holds: "Impossible to convert between the formats",
        kinds: &[],
        reason: "pictures cannot be handed over to the device",
        fix: "update ffmpeg, or choose another kind",
    },
    Meaning {
        holds: "Error while opening encoder",
        kinds: &[],
        reason: "the encoder refuses to start",
        fix: "update ffmpeg and the driver, or choose another kind",
    },
];

/// Says why an encoder of `kind` came to nothing, from what ffmpeg wrote.
pub fn explain(kind: Accelerator, stderr: &str) -> Explained {
    for meaning in MEANINGS {
        if !meaning.kinds.is_empty() && !meaning.kinds.contains(&kind) {
            continue;
        }
        let Some(line) = stderr.lines().find(|line| line.contains(meaning.holds)) else { continue };
        let Meaning { reason, fix, .. } = *meaning;
        return Explained { reason, fix, said: Some(one_line(line)), certain: true };
    }
    Explained {
        reason: "the test encode failed",
        fix: "run ffmpeg by hand with this encoder to see why",
        said: stderr.lines().find(|line| !line.trim().is_empty()).map(one_line),
        certain: false,
    }
}

/// A line without control characters, cut to a sane length.
fn one_line(line: &str) -> String {
    line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Accelerator::{Amf, Nvenc, Qsv, Software, V4l2m2m, Vaapi, VideoToolbox};
    use super::*;

    const LISTED: &str = "Encoders:\n V..... = Video\n A..... = Audio\n .F.... = Frame-level multithreading\n ------\n V....D libx264              libx264 H.264 / AVC (codec h264)\n V..... h264_v4l2m2m         V4L2 mem2mem H.264 encoder wrapper (codec h264)\n A....D aac                  AAC (Advanced Audio Coding)\n";

    #[test]
    fn the_list_of_encoders_is_read() {
        let names: Vec<String> = encoder_names(LISTED).into_iter().collect();
        assert_eq!(names, ["h264_v4l2m2m", "libx264"]);
        assert_eq!(encoder_names(""), BTreeSet::new());
    }

    #[test]
    fn the_version_is_read() {
        let debian = "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers";
        assert_eq!(version(debian).unwrap(), "5.1.9-0+deb12u1");
        assert_eq!(
            version("ffmpeg version N-107058-g38df63f967 x").unwrap(),
            "N-107058-g38df63f967"
        );
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn the_last_report_counts() {
        assert_eq!(frames("frame=1\nspeed=N/A\nframe=50\nprogress=end\n"), 50);
        assert_eq!(frames("frame=  x\n"), 0);
    }

    #[test]
    fn real_lines_have_their_reasons() {
        // From ffmpeg 5.1 without the device, except where said.
        check(
            Nvenc,
            "[h264_nvenc @ 0x55] Cannot load libcuda.so.1\nError initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
            "the NVIDIA driver is not installed or cannot be seen from here",
        );
        check(
            V4l2m2m,
            "[h264_v4l2m2m @ 0x56] Could not find a valid device\n[h264_v4l2m2m @ 0x56] can't configure encoder",
            "no V4L2 device can encode this",
        );
        check(Amf, "Unknown encoder 'h264_amf'", "this ffmpeg was built without the encoder");
        check(
            Vaapi,
            "[AVHWDeviceContext @ 0x5] No VA display found for device /dev/dri/renderD128.\nDevice creation failed: -22.\nFailed to set value 'vaapi=hw:/dev/dri/renderD128' for option 'init_hw_device': Invalid argument",
            "the device cannot be opened",
        );
        check(
            Qsv,
            "Device creation failed: -542398533.\nFailed to set value 'qsv=hw' for option 'init_hw_device': Generic error in an external library",
            "the device cannot be opened",
        );
        // From reports of users.
        check(
            Nvenc,
            "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: out of memory (10): (no details)\n[h264_nvenc @ 0x1] No capable devices found",
            "the card has no encoding session left",
        );
        check(
            Nvenc,
            "[h264_nvenc @ 0001] OpenEncodeSessionEx failed: incompatible client key (21): (no details)",
            "the NVIDIA driver refuses encoding sessions",
        );
        check(
            Nvenc,
            "[h264_nvenc @ 0x1] Driver does not support the required nvenc API version. Required: 12.1 Found: 11.1",
            "the NVIDIA driver is older than this ffmpeg wants",
        );
        check(
            Vaapi,
            "[h264_vaapi @ 0x55e5d0ccca40] No usable encoding entrypoint found for profile VAProfileH264High (7).",
            "the device's driver cannot encode this",
        );
        check(
            Qsv,
            "[h264_qsv @ 0xf05660] Error initializing an MFX session",
            "Intel's media runtime is missing or does not know this processor",
        );
        check(
            Qsv,
            "[h264_qsv @ 0x2] Error initializing an internal MFX session",
            "Intel's media runtime is missing or does not know this processor",
        );
        check(
            Amf,
            "[AMF @ 0000026d7c4bbb00] DLL amfrt64.dll failed to open",
            "AMD's AMF runtime is missing",
        );
        check(
            VideoToolbox,
            "[h264_videotoolbox @ 0x7f] Error: cannot create compression session: -12908",
            "VideoToolbox gives no encoding session",
        );
        // Another kind's line says nothing about this one.
        check(Software, "[h264_nvenc @ 0x55] Cannot load libcuda.so.1", "the test encode failed");
    }

    #[track_caller]
    fn check(kind: Accelerator, stderr: &str, reason: &str) {
        let explained = explain(kind, stderr);
        assert_eq!(explained.reason, reason);
        assert!(!explained.fix.is_empty());
        assert!(stderr.contains(&explained.said.unwrap()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_none_of_it_gets_into_our_words(text in "[ -~\n\u{0}-\u{1f}äß\u{202e}]{0,2000}") {
            version(&text);
            encoder_names(&text);
            frames(&text);
            for kind in Accelerator::ALL {
                let explained = explain(kind, &text);
                let ours = MEANINGS.iter().any(|m| m.reason == explained.reason)
                    || explained.reason == "the test encode failed";
                prop_assert!(ours);
                let said = explained.said.unwrap_or_default();
                prop_assert!(said.chars().count() <= 300 && !said.chars().any(char::is_control));
            }
        }
    }
}
