//! The starter line-up: channels for a library that nobody has made channels for yet.
//!
//! One channel for each show or folder that is large enough, one for films, one for music videos,
//! and one that mixes everything, so that pointing the server at a folder ends with something to
//! tune. Everything in it is ordinary and can be edited.
//!
//! Deterministic: the same media gives the same channels, whatever its order.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    ChannelNumber, CollectionId, FrameRate, LibraryId, Media, MediaKind, MediaState, Mode,
    NewChannel, Order, Profile, Rules, ScheduleItem, Selector, VideoStream,
};

/// Most channels of a line-up; the largest shows and folders win.
const MOST_CHANNELS: usize = 20;
/// A show or folder gets a channel with this many items …
const ENOUGH_ITEMS: usize = 3;
/// … or with this much to show.
const ENOUGH_MS: i64 = 30 * 60 * 1000;
/// Without any picture to go by.
const PLAIN_PROFILE: &str = "720p25";
/// Largest height to encode to when nothing can be copied: more costs too much for a guess.
const ENCODED_HEIGHT: u32 = 720;

/// A channel to be made, with the collection it plays.
#[derive(Debug, Clone, PartialEq)]
pub struct StarterChannel {
    /// A free number.
    pub number: ChannelNumber,
    /// Name of the channel and of its collection; no two are the same.
    pub name: String,
    /// The group shown by players.
    pub group: Option<String>,
    /// Profile that lets most of its media be copied.
    pub profile: String,
    /// What it plays.
    pub selector: Selector,
    /// In which order.
    pub order: Order,
}

impl StarterChannel {
    /// The channel to be stored once its collection is.
    pub fn channel(&self, collection: CollectionId) -> NewChannel {
        let item = ScheduleItem::new(collection, self.order, Mode::Flood);
        NewChannel {
            number: Some(self.number.clone()),
            name: self.name.clone(),
            group: self.group.clone(),
            logo: None,
            enabled: true,
            profile: Some(self.profile.clone()),
            rules: Rules::of_items(seed(&self.name), vec![item]),
        }
    }
}

/// Plans a line-up for `media`, on numbers that are not `taken`.
///
/// At least one channel when anything is playable, none otherwise.
pub fn starter<'a>(
    media: impl IntoIterator<Item = &'a Media>,
    taken: &BTreeSet<ChannelNumber>,
) -> Vec<StarterChannel> {
    let mut playable: Vec<&Media> = media.into_iter().filter(|item| is_playable(item)).collect();
    playable.sort_by(|a, b| (a.library, &a.path, a.id).cmp(&(b.library, &b.path, b.id)));
    let (broadcasts, playable): (Vec<&Media>, Vec<&Media>) =
        playable.into_iter().partition(|item| item.is_live());
    let mut groups = if playable.is_empty() { Vec::new() } else { of_files(&playable) };
    groups.extend(broadcasts.into_iter().map(Group::of_broadcast));
    groups.truncate(MOST_CHANNELS);

    let mut numbers = (1..=9999)
        .filter_map(|whole| ChannelNumber::whole(whole).ok())
        .filter(|number| !taken.contains(number));
    let mut names = BTreeSet::new();
    let mut channels = Vec::new();
    for group in groups {
        // A full range of numbers ends the line-up; nobody gets there by hand.
        let Some(number) = numbers.next() else { break };
        channels.push(StarterChannel {
            number,
            name: unique(&group.name, &mut names),
            group: group.section.map(str::to_owned),
            profile: profile_for(group.media.iter().copied()),
            selector: group.selector,
            order: group.order,
        });
    }
    channels
}

/// A channel for each large show and folder, and the general ones behind them.
fn of_files<'a>(playable: &[&'a Media]) -> Vec<Group<'a>> {
    let everything = Group::of_all("Everything", None, playable);
    let films = Group::of_all("Films", Some(MediaKind::Movie), playable);
    let music = Group::of_all("Music Videos", Some(MediaKind::MusicVideo), playable);
    let general = [films, music].into_iter().filter(|group| !group.media.is_empty());
    let mut general: Vec<Group<'_>> = general.collect();
    general.push(everything);

    let mut special = shows(playable);
    special.extend(folders(playable));
    special.retain(Group::is_large);
    special.sort_by_key(|group| (std::cmp::Reverse(group.length_ms()), group.name.clone()));
    special.truncate(MOST_CHANNELS - general.len());
    special.sort_by_key(|group| (group.name.to_lowercase(), group.name.clone()));
    special.extend(general);
    special
}

/// The profile on which most of `media` needs the least work.
///
/// What can be copied as it is counts most, then what at least keeps its frame rate. Where nothing
/// can be copied the picture is not made larger than 720 lines, because all of it is work.
pub fn profile_for<'a>(media: impl IntoIterator<Item = &'a Media>) -> String {
    let profiles = Profile::all();
    let mut scores = vec![(0_i64, 0_i64); profiles.len()];
    for item in media {
        let Some(video) = item.probe.as_ref().and_then(|probe| probe.video.as_ref()) else {
            continue;
        };
        let length = item.duration_ms.max(0);
        let rate = nearest_rate(video, &profiles);
        let height = encoded_height(video);
        for (profile, score) in profiles.iter().zip(&mut scores) {
            let copied = i64::from(is_copied(video, profile)) * 4;
            let kept = i64::from(Some(profile.rate) == rate);
            score.0 = score.0.saturating_add(length.saturating_mul(copied + kept));
            score.1 = score.1.saturating_add(length * i64::from(profile.height == height));
        }
    }
    let mut best = None;
    for (profile, score) in profiles.into_iter().zip(scores) {
        if score.0 > 0 && best.as_ref().is_none_or(|(_, most)| score > *most) {
            best = Some((profile.name, score));
        }
    }
    best.map_or_else(|| PLAIN_PROFILE.to_owned(), |(name, _)| name)
}

/// Whether the picture is already what the profile asks for, as far as a probe can tell.
fn is_copied(video: &VideoStream, profile: &Profile) -> bool {
    video.codec == "h264"
        && video.pixel_format == "yuv420p"
        && (video.width, video.height) == (profile.width, profile.height)
        && (video.rate.as_f64() - profile.rate.as_f64()).abs() < 0.001
        && video.constant_rate
        && video.progressive
        && video.square_pixels
        && video.rotation == 0
        && video.gop_ms.is_none_or(|gop| gop <= Profile::MAX_GOP_MS)
}

/// The rate of a profile that is nearest to the picture's.
fn nearest_rate(video: &VideoStream, profiles: &[Profile]) -> Option<FrameRate> {
    let off = |rate: &FrameRate| (rate.as_f64() - video.rate.as_f64()).abs();
    profiles.iter().map(|profile| profile.rate).min_by(|a, b| off(a).total_cmp(&off(b)))
}

/// The height of the profile to encode the picture to.
fn encoded_height(video: &VideoStream) -> u32 {
    let upright = if video.rotation.is_multiple_of(180) { video.height } else { video.width };
    if upright > 400 { ENCODED_HEIGHT } else { 360 }
}

fn is_playable(media: &Media) -> bool {
    media.state == MediaState::Playable && media.duration_ms > 0
}

/// Media that belongs on one channel.
struct Group<'a> {
    name: String,
    section: Option<&'static str>,
    media: Vec<&'a Media>,
    selector: Selector,
    order: Order,
}

impl<'a> Group<'a> {
    /// All media, or all of one kind, mixed.
    fn of_all(name: &str, kind: Option<MediaKind>, playable: &[&'a Media]) -> Self {
        let of_kind = |item: &&Media| kind.is_none_or(|kind| item.kind == kind);
        Self {
            name: name.to_owned(),
            section: match kind {
                Some(MediaKind::Movie) => Some("Films"),
                Some(MediaKind::MusicVideo) => Some("Music"),
                Some(MediaKind::Episode | MediaKind::Live | MediaKind::Other) | None => {
                    Some("Mixed")
                }
            },
            media: playable.iter().copied().filter(of_kind).collect(),
            selector: Selector::Filter { library: None, kind, show: None, folder: None },
            order: Order::Shuffle,
        }
    }

    /// One broadcast, relayed all day.
    fn of_broadcast(item: &'a Media) -> Self {
        Self {
            name: item.title.clone(),
            section: Some("Live"),
            media: vec![item],
            selector: Selector::Manual { media: vec![item.id] },
            order: Order::Chronological,
        }
    }

    fn is_large(&self) -> bool {
        self.media.len() >= ENOUGH_ITEMS || self.length_ms() >= ENOUGH_MS
    }

    fn length_ms(&self) -> i64 {
        self.media.iter().map(|item| item.duration_ms).fold(0, i64::saturating_add)
    }
}

/// Episodes by show; the spelling of the first file names it.
fn shows<'a>(playable: &[&'a Media]) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
    for item in playable.iter().copied().filter(|item| item.kind == MediaKind::Episode) {
        let Some(show) = item.show.as_deref().filter(|show| !show.trim().is_empty()) else {
            continue;
        };
        let group = groups.entry(show.to_lowercase()).or_insert_with(|| Group {
            name: show.to_owned(),
            section: Some("Shows"),
            media: Vec::new(),
            selector: Selector::Filter {
                library: None,
                kind: Some(MediaKind::Episode),
                show: Some(show.to_owned()),
                folder: None,
            },
            order: Order::SeasonEpisode,
        });
        group.media.push(item);
    }
    groups.into_values().collect()
}

/// What is neither film, show nor music, by the topmost folder that tells files of a library apart.
fn folders<'a>(playable: &[&'a Media]) -> Vec<Group<'a>> {
    let mut roots: BTreeMap<LibraryId, &str> = BTreeMap::new();
    for item in playable {
        let folder = parent(&item.path);
        roots.entry(item.library).and_modify(|root| *root = common(root, folder)).or_insert(folder);
    }
    let mut groups: BTreeMap<(LibraryId, &str), Group<'a>> = BTreeMap::new();
    for item in playable.iter().copied().filter(|item| item.kind == MediaKind::Other) {
        let root = roots.get(&item.library).copied().unwrap_or_default();
        let below = item.path[root.len()..].trim_start_matches('/');
        let Some((name, _)) = below.split_once('/') else { continue };
        let end = item.path.len() - below.len() + name.len();
        let folder = &item.path[..end];
        let group = groups.entry((item.library, folder)).or_insert_with(|| Group {
            name: name.to_owned(),
            section: Some("Folders"),
            media: Vec::new(),
            selector: Selector::Filter {
                library: Some(item.library),
                kind: None,
                show: None,
                folder: Some(folder.to_owned()),
            },
            order: Order::Chronological,
        });
        group.media.push(item);
    }
    groups.into_values().collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folder that holds both folders.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let mut end = 0;
    for part in a.split_inclusive('/') {
        let next = end + part.len();
        let whole = a[..next].trim_end_matches('/');
        let holds = b == whole || b.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/'));
        if !holds {
            break;
        }
        end = next;
    }
    a[..end].trim_end_matches('/')
}

/// A name on one line with at most 100 characters that is not in `names` yet.
fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let clean: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean: String = clean.trim().chars().take(90).collect();
    let mut wanted = if clean.is_empty() { "Channel".to_owned() } else { clean.trim().to_owned() };
    let base = wanted.clone();
    let mut count = 2;
    while !names.insert(wanted.to_lowercase()) {
        wanted = format!("{base} {count}");
        count += 1;
    }
    wanted
}

/// A seed for a name: the same on every machine.
fn seed(name: &str) -> u64 {
    // FNV-1a; cut to 53 bits so that the seed survives JSON clients that count in doubles.
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, fold) >> 11
}

#[cfg(test)]
mod tests;
