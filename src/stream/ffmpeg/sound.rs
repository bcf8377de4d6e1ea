//! What is done to sound between decoding and encoding, as a row of filters. PURE.
//!
//! Surround becomes stereo with the centre, which holds the voices, at full level: −3 dB on each
//! side, nothing turned down for fear of clipping. What is narrower than the profile stays where it
//! is: no surround is made of stereo. What would clip then, and what a gain for
//! loudness would lift above full scale, is caught by a limiter.

use std::fmt::Write;

use super::args::{Run, seconds};
use crate::domain::{AudioCodec, AudioLayout, Profile};

/// Full scale of the limiter: −1 dB, because lossy coding overshoots.
const CEILING: &str = "0.891";

/// The filters for sound that is encoded.
///
/// `grid` is the sample that the first frame begins with; `cut` says whether the end of the run
/// is cut as well.
pub(super) fn filters(
    run: &Run<'_>,
    downmix: bool,
    take_phase: bool,
    grid: i64,
    cut: bool,
) -> String {
    let mut filter = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let written = filter.write_fmt(text);
        debug_assert!(written.is_ok());
    };
    if take_phase && run.phase != 0 {
        add(format_args!("asetpts=PTS-({})/TB,", seconds(run.phase)));
    }
    if let Some(mix) = mixed(run.profile, downmix) {
        add(format_args!("{mix},"));
    }
    add(format_args!("aresample=48000"));
    if run.gain != 0 {
        let (sign, gain) = (if run.gain < 0 { "-" } else { "" }, run.gain.unsigned_abs());
        add(format_args!(",volume={sign}{}.{:02}dB", gain / 100, gain % 100));
    }
    if downmix || run.gain > 0 {
        add(format_args!(",alimiter=limit={CEILING}:attack=1:release=50:level=0"));
    }
    // A second step, because `first_pts` counts samples of its own input.
    add(format_args!(",aresample=async=1:min_hard_comp=0.1:first_pts={grid}"));
    add(format_args!(",aformat=sample_fmts=fltp:channel_layouts={}", layout(run.profile)));
    if let Some(until) = run.until_frame.filter(|_| cut) {
        add(format_args!(",atrim=end={}", seconds(run.profile.tick_of(until))));
    }
    filter
}

/// The layout that the encoder gets, in ffmpeg's words: AAC counts the loudspeakers of 5.1 behind,
/// AC-3 those at the sides.
fn layout(profile: &Profile) -> &'static str {
    match (profile.audio_layout, profile.audio_codec) {
        (AudioLayout::Stereo, _) => "stereo",
        (AudioLayout::Surround, AudioCodec::Aac) => "5.1",
        (AudioLayout::Surround, AudioCodec::Ac3) => "5.1(side)",
    }
}

/// The mix of more channels than the profile has; what is fewer is laid out at the end.
///
/// In floating point, where nothing is turned down to make room.
fn mixed(profile: &Profile, downmix: bool) -> Option<String> {
    let stereo = downmix && profile.audio_layout == AudioLayout::Stereo;
    stereo.then(|| {
        "aformat=sample_fmts=fltp,aresample=out_channel_layout=stereo:center_mix_level=0.7071\
     :surround_mix_level=0.5:lfe_mix_level=0:internal_sample_fmt=fltp"
            .to_owned()
    })
}

/// The filters that measure loudness: of what is heard, so after the same mixing.
pub fn measuring(profile: &Profile, downmix: bool) -> String {
    let mix = mixed(profile, downmix).map_or_else(String::new, |mix| format!("{mix},"));
    let layout = layout(profile);
    format!("{mix}aresample=48000,aformat=channel_layouts={layout},ebur128=framelog=verbose")
}

/// The gain in hundredths of a decibel that brings `measured` LUFS to the profile's target.
///
/// At most 20 dB louder and 30 dB quieter: beyond that it is not the loudness that is wrong.
pub fn gain(measured: f64, profile: &Profile) -> i32 {
    let Some(target) = profile.loudness_lufs else { return 0 };
    let gain = ((f64::from(target) - measured) * 100.0).round();
    if !gain.is_finite() {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let gain = gain.clamp(-3_000.0, 2_000.0) as i32;
    // What nobody hears is not worth a filter.
    if gain.abs() < 50 { 0 } else { gain }
}

/// Reads the integrated loudness from what `ebur128` says at its end; `None` for silence.
pub fn loudness(said: &str) -> Option<f64> {
    let summary = said.rsplit_once("Summary:")?.1;
    let line = summary.lines().find_map(|line| line.trim().strip_prefix("I:"))?;
    let lufs: f64 = line.trim().strip_suffix("LUFS")?.trim().parse().ok()?;
    // The gate of the measurement lies at −70: nothing passed it.
    (lufs > -69.0 && lufs < 10.0).then_some(lufs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_brings_what_is_measured_to_the_target() {
        let profile = Profile::named("720p25").unwrap();
        assert_eq!(gain(-23.0, &profile), 700);
        assert_eq!(gain(-9.4, &profile), -660);
        assert_eq!(gain(-16.3, &profile), 0, "nobody hears it");
        assert_eq!(gain(-60.0, &profile), 2_000);
        assert_eq!(gain(f64::NAN, &profile), 0);
        assert_eq!(gain(-23.0, &Profile { loudness_lufs: None, ..profile }), 0);
    }

    #[test]
    fn the_summary_is_read_and_silence_has_no_loudness() {
        let said = "x\n[ebur128] Summary:\n\n  Integrated loudness:\n    I:         -21.8 LUFS\n\
                    Threshold: -31.8 LUFS\n";
        assert_eq!(loudness(said), Some(-21.8));
        assert_eq!(loudness(&said.replace("-21.8", "-70.0")), None);
        assert_eq!(loudness("Conversion failed!"), None);
    }
}
