//! Programmes and the line-up: what clients see of timelines and channels.

use serde::{Deserialize, Serialize};

use super::{
    AudioCodec, Channel, ChannelId, ChannelNumber, FrameRate, Media, MediaId, MediaKind, Profile,
    Slot, SlotKind, UtcMillis, VideoCodec,
};

/// An entry of the guide. Its title is never empty and never a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programme {
    /// When it begins.
    pub start: UtcMillis,
    /// When it ends.
    pub stop: UtcMillis,
    /// The film, the show, or what else one looks for.
    pub title: String,
    /// The episode, the artist, the edition or part.
    pub sub_title: Option<String>,
    /// Some words about it; never empty.
    pub description: String,
    /// Season; 0 holds specials.
    pub season: Option<u32>,
    /// First episode.
    pub episode: Option<u32>,
    /// Last episode, when there are several.
    pub episode_end: Option<u32>,
    /// Year of release.
    pub year: Option<u32>,
    /// Genres.
    pub genres: Vec<String>,
    /// Age rating as written (`PG-13`).
    pub rating: Option<String>,
    /// First shown, `YYYY-MM-DD`.
    pub aired: Option<String>,
    /// What the media is; `None` when there is nothing to play.
    pub kind: Option<MediaKind>,
    /// The media; `None` when there is nothing to play.
    pub media: Option<MediaId>,
    /// Whether it was shown before.
    pub showing: Showing,
}

/// Whether a programme was shown before, as far as its dates tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Showing {
    /// First shown in the last two weeks, anywhere.
    New,
    /// Shown before.
    Repeat,
    /// Nothing is known.
    Unknown,
}

impl Programme {
    /// Whether `at` lies in the programme; its first millisecond does, its last does not.
    pub fn contains(&self, at: UtcMillis) -> bool {
        self.start <= at && at < self.stop
    }
}

/// A channel as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineupChannel {
    /// Its id.
    pub id: ChannelId,
    /// What one types on the remote control.
    pub number: ChannelNumber,
    /// Its name.
    pub name: String,
    /// The group shown by players.
    pub group: Option<String>,
    /// Address of a logo, absolute or below this server; `None` for the drawn one.
    pub logo: Option<String>,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Frame rate of the picture.
    pub rate: FrameRate,
    /// How the picture is coded.
    pub video_codec: VideoCodec,
    /// How the sound is coded.
    pub audio_codec: AudioCodec,
}

impl LineupChannel {
    /// What clients see of a channel on its profile.
    pub fn new(channel: &Channel, profile: &Profile) -> Self {
        Self {
            id: channel.id,
            number: channel.number.clone(),
            name: channel.name.clone(),
            group: channel.group.clone(),
            logo: channel.logo.clone(),
            width: profile.width,
            height: profile.height,
            rate: profile.rate,
            video_codec: profile.video_codec,
            audio_codec: profile.audio_codec,
        }
    }

    /// Whether the picture has 720 lines or more.
    pub fn is_hd(&self) -> bool {
        self.height >= 720
    }
}

/// The guide's entry for a slot.
///
/// Without media, or with media that has no title worth showing, the slot's own title stands in,
/// then the file's name, then the channel's.
pub fn programme(slot: &Slot, media: Option<&Media>, channel_name: &str) -> Programme {
    let mut programme = Programme {
        start: slot.start,
        stop: slot.stop,
        title: String::new(),
        sub_title: None,
        description: String::new(),
        season: None,
        episode: None,
        episode_end: None,
        year: None,
        genres: Vec::new(),
        rating: None,
        aired: None,
        kind: None,
        media: slot.media,
        showing: Showing::Unknown,
    };
    match (slot.kind, media) {
        (SlotKind::Programme, Some(media)) => describe(&mut programme, media, slot),
        (kind, Some(media)) if kind.is_filler() => describe(&mut programme, media, slot),
        (SlotKind::Pause, _) => {
            programme.title = usable(&slot.title).unwrap_or(channel_name).to_owned();
            programme.description = format!("{channel_name} pauses until the next programme.");
        }
        (
            SlotKind::Programme
            | SlotKind::PreRoll
            | SlotKind::MidRoll
            | SlotKind::PostRoll
            | SlotKind::Tail
            | SlotKind::Fallback,
            _,
        ) => {
            programme.title = usable(&slot.title).map(str::to_owned).unwrap_or_default();
        }
        (SlotKind::Offline, _) => {
            let title = usable(&slot.title).unwrap_or("No programming");
            programme.title = title.to_owned();
            programme.description = format!("{channel_name} has nothing to show at this time.");
        }
    }
    if let Some(title) = slot.custom_title.as_deref().and_then(usable) {
        title.clone_into(&mut programme.title);
    }
    if programme.title.is_empty() {
        channel_name.clone_into(&mut programme.title);
    }
    if programme.description.is_empty() {
        programme.description = short_description(&programme);
    }
    programme
}

fn describe(programme: &mut Programme, media: &Media, slot: &Slot) {
    let own = usable(&media.title).map(str::to_owned);
    let title = own.clone().or_else(|| file_title(&media.path));
    let show = media.show.as_deref().and_then(usable).map(str::to_owned);
    match (media.kind, show) {
        (MediaKind::Episode, Some(show)) => {
            programme.sub_title = own.filter(|title| *title != show);
            programme.title = show;
        }
        (MediaKind::MusicVideo, Some(artist)) => {
            programme.title = title.unwrap_or_else(|| artist.clone());
            programme.sub_title = Some(artist).filter(|artist| *artist != programme.title);
        }
        (MediaKind::Movie, _) => {
            programme.title = title.unwrap_or_default();
            let part = media.part.map(|part| format!("Part {part}"));
            let extras: Vec<String> = media.edition.clone().into_iter().chain(part).collect();
            programme.sub_title = Some(extras.join(", ")).filter(|extras| !extras.is_empty());
        }
        (MediaKind::Episode | MediaKind::MusicVideo | MediaKind::Live | MediaKind::Other, _) => {
            programme.title = title.unwrap_or_default();
        }
    }
    if programme.title.is_empty() {
        programme.title = usable(&slot.title).map(str::to_owned).unwrap_or_default();
    }
    let plot = media.plot.as_deref().map(str::trim).unwrap_or_default();
    plot.clone_into(&mut programme.description);
    programme.season = media.season;
    programme.episode = media.episode;
    programme.episode_end = media.episode_end;
    programme.year = media.year;
    programme.genres.clone_from(&media.genres);
    programme.rating.clone_from(&media.rating);
    programme.aired.clone_from(&media.aired);
    programme.kind = Some(media.kind);
    programme.showing = showing(media, slot.start);
}

/// The title, unless it says nothing: empty, or a placeholder such as `Item 123`.
fn usable(title: &str) -> Option<&str> {
    let title = title.trim();
    let placeholder = title
        .get(..5)
        .filter(|word| word.eq_ignore_ascii_case("item "))
        .and_then(|_| title.get(5..))
        .is_some_and(|rest| rest.trim_start_matches('#').bytes().all(|b| b.is_ascii_digit()));
    (!title.is_empty() && !placeholder).then_some(title)
}

/// A title made from the file's name: without folder and extension, dots and underscores as spaces.
fn file_title(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words: Vec<&str> = stem.split(['.', '_', ' ']).filter(|word| !word.is_empty()).collect();
    usable(&words.join(" ")).map(str::to_owned)
}

/// New within two weeks of its first airing; a repeat after that, or when its year is long over.
fn showing(media: &Media, start: UtcMillis) -> Showing {
    const NEW_FOR_DAYS: i32 = 14;
    let Ok(at) = jiff::Timestamp::from_millisecond(start.0) else { return Showing::Unknown };
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let aired = media.aired.as_deref().and_then(|date| date.parse::<jiff::civil::Date>().ok());
    if let Some(aired) = aired {
        let days = (today - aired).get_days();
        return if days <= NEW_FOR_DAYS { Showing::New } else { Showing::Repeat };
    }
    match media.year.and_then(|year| i32::try_from(year).ok()) {
        Some(year) if year < i32::from(today.year()) - 1 => Showing::Repeat,
        Some(_) | None => Showing::Unknown,
    }
}

fn short_description(programme: &Programme) -> String {
    let mut text = programme.title.clone();
    if let (Some(season), Some(episode)) = (programme.season, programme.episode) {
        text.push_str(&format!(", season {season}, episode {episode}"));
    }
    if let Some(sub_title) = &programme.sub_title {
        text.push_str(&format!(": {sub_title}"));
    }
    if let (Some(year), None) = (programme.year, programme.season) {
        text.push_str(&format!(" ({year})"));
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests;
