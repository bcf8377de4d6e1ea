//! Programmes and the line-up: what clients see of timelines and channels.

mod listing;
mod wording;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::listing::{Entry, entries, entries_between, shown_before};
pub use self::wording::{Wording, WordingChoice};
use super::{
    AudioCodec, AudioLayout, Channel, ChannelId, ChannelNumber, Details, FrameRate, Media, MediaId,
    MediaKind, Profile, Slot, SlotKind, UtcMillis, VideoCodec,
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
    /// When this channel showed it before, as far as the guide reaches back.
    pub shown_before: Option<UtcMillis>,
    /// Who made it and who is in it.
    #[serde(skip)]
    pub details: Arc<Details>,
}

/// Whether a programme was shown before. Clients take what says neither for new, so it is always
/// one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Showing {
    /// The first showing on its channel of what is at most two weeks old.
    New,
    /// Anything else.
    Repeat,
}

impl Programme {
    /// A programme without words; they have to be filled in.
    pub(crate) fn untitled(start: UtcMillis, stop: UtcMillis) -> Self {
        Self {
            start,
            stop,
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
            media: None,
            showing: Showing::Repeat,
            shown_before: None,
            details: Arc::default(),
        }
    }

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
    /// Stereo or surround.
    pub audio_layout: AudioLayout,
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
            audio_layout: profile.audio_layout,
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
    let mut programme = Programme::untitled(slot.start, slot.stop);
    programme.media = slot.media;
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
        usable(channel_name).unwrap_or("On air").clone_into(&mut programme.title);
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
    programme.showing = if is_fresh(media, slot.start) { Showing::New } else { Showing::Repeat };
    programme.details = Arc::clone(&media.details);
}

/// The guide's entry for slots that it shows as one.
///
/// `shown_before` is when the channel showed the same before, `was_shown` whether it did so longer
/// ago than is known exactly.
pub fn listed(
    entry: &Entry,
    slots: &[Slot],
    media: Option<&Media>,
    channel_name: &str,
    shown_before: Option<UtcMillis>,
    was_shown: bool,
) -> Programme {
    let main = &slots[entry.main];
    let mut programme = programme(main, media, channel_name);
    // What only hides in the programme before it has no title in common with it.
    let titled =
        |slot: &&Slot| main.custom_title.is_some() && slot.custom_title == main.custom_title;
    let programmes = || {
        let all = slots[entry.slots.clone()].iter().filter(|s| s.kind == SlotKind::Programme);
        all.filter(titled)
    };
    if programmes().any(|slot| slot.media != main.media) {
        several(&mut programme, programmes());
    }
    (programme.start, programme.stop) = (entry.start, entry.stop);
    programme.shown_before = shown_before;
    if shown_before.is_some() || was_shown {
        programme.showing = Showing::Repeat;
    }
    programme
}

/// Several items under one title are no single episode, and its description names them.
fn several<'a>(programme: &mut Programme, slots: impl Iterator<Item = &'a Slot>) {
    let mut titles: Vec<&str> = slots.filter_map(|slot| usable(&slot.title)).collect();
    titles.dedup();
    programme.sub_title = None;
    (programme.season, programme.episode, programme.episode_end) = (None, None, None);
    (programme.aired, programme.year) = (None, None);
    if !titles.is_empty() {
        programme.description = titles.join(" · ");
    }
}

/// The title, unless it says nothing: empty, or a placeholder such as `Item 123`.
pub fn usable(title: &str) -> Option<&str> {
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

/// Whether media is so new at `start` that its first showing here counts as new.
///
/// It was first shown anywhere in the two weeks before or, where nobody knows that, was first seen
/// here in them. A broadcast of somebody else never is: what it shows is not known.
pub fn is_fresh(media: &Media, start: UtcMillis) -> bool {
    const FRESH_DAYS: i32 = 14;
    // reason: an instant that has no date is in no two weeks.
    let Ok(at) = jiff::Timestamp::from_millisecond(start.0) else { return false };
    if media.is_live() {
        return false;
    }
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let aired = media.aired.as_deref().and_then(|date| date.parse::<jiff::civil::Date>().ok());
    if let Some(aired) = aired {
        return (today - aired).get_days() <= FRESH_DAYS;
    }
    let year = media.year.and_then(|year| i32::try_from(year).ok());
    if year.is_some_and(|year| year < i32::from(today.year()) - 1) {
        return false;
    }
    let age_ms = start.since(media.added);
    age_ms <= i64::from(FRESH_DAYS) * 86_400_000
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
