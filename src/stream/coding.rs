//! How the streams of a profile are coded, in the words of the transport stream. PURE.

use crate::domain::{AudioCodec, AudioLayout, Profile, VideoCodec};
use crate::mpegts::coding::{Coding, PictureCoding, SoundCodec, SoundCoding};

/// The coding of every rendition and every stream of `profile`.
pub(in crate::stream) fn coding(profile: &Profile) -> Coding {
    let picture = match profile.video_codec {
        VideoCodec::H264 => PictureCoding::H264,
        VideoCodec::Hevc => PictureCoding::Hevc,
    };
    let codec = match profile.audio_codec {
        AudioCodec::Aac => SoundCodec::Aac,
        AudioCodec::Ac3 => SoundCodec::Ac3,
    };
    let surround = profile.audio_layout == AudioLayout::Surround;
    Coding { picture, sound: SoundCoding { codec, surround, kbps: profile.audio_kbps } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_agree_on_the_grid_of_sound() {
        let plain = Profile::named("720p25").unwrap();
        assert_eq!(coding(&plain), Coding::PLAIN);
        for word in AudioCodec::WORDS {
            let audio_codec = AudioCodec::read(word).unwrap();
            let profile = Profile { audio_codec, ..plain.clone() };
            assert_eq!(coding(&profile).sound.codec.ticks(), profile.audio_ticks());
        }
    }
}
