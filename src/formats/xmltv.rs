//! XMLTV: the guide as players and servers read it.
//!
//! Written piece by piece into an [`Output`], so that a guide of any size needs no copy of itself;
//! element order is the DTD's. Addresses of this server are left open ([`Output::base`]), so that
//! one guide serves every host name.
//!
//! Written for what clients do with it: three display names for Plex's mapping, the category they
//! sort by first, both kinds of episode number, and a `dd_progid` that tells shows apart (without
//! one, Jellyfin takes equal episode numbers of different shows for the same programme). Exactly one
//! of `new` and `previously-shown` is there: Plex takes what says neither for new, and hides "new"
//! where both stand.

pub mod proof;

use std::collections::BTreeMap;
use std::hash::Hasher;

use super::{escape_xml as escape, is_absolute};
use crate::domain::{
    AudioCodec, AudioLayout, Details, LineupChannel, MediaKind, Programme, Showing, UtcMillis,
};

/// Takes the guide as it is written.
pub trait Output {
    /// The next piece of text.
    fn text(&mut self, text: &str);

    /// This server's address goes here, without `/` at its end.
    fn base(&mut self);
}

/// Writes a guide: channels at the start, then programmes, then the end.
#[derive(Debug)]
pub struct Writer<'a, O: Output> {
    out: &'a mut O,
    /// Reused for every element.
    line: String,
}

impl<'a, O: Output> Writer<'a, O> {
    /// Begins a guide with all its channels.
    pub fn begin(out: &'a mut O, channels: &[LineupChannel]) -> Self {
        out.text(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n\
             <tv generator-info-name=\"EXStreamTV\">\n",
        );
        let mut writer = Self { out, line: String::new() };
        for channel in channels {
            writer.channel(channel);
        }
        writer
    }

    /// Goes on in another place with a guide whose channels were written already.
    pub fn resume(out: &'a mut O) -> Self {
        Self { out, line: String::new() }
    }

    fn channel(&mut self, channel: &LineupChannel) {
        let (number, name) = (channel.number.to_string(), one_line(&channel.name));
        self.line.push_str(&format!("  <channel id=\"{}\">\n", channel.id.guide_id()));
        // A channel without a name worth showing is called by its number.
        let names = if name.is_empty() {
            vec![number]
        } else {
            vec![format!("{number} {name}"), number, name]
        };
        for name in names {
            self.element("display-name", "", &name);
        }
        if let Some(logo) = channel.logo.as_deref().map(str::trim).filter(|logo| !logo.is_empty()) {
            self.line.push_str("    <icon src=\"");
            let path = if is_absolute(logo) {
                logo
            } else {
                self.flush();
                self.out.base();
                self.line.push('/');
                logo.trim_start_matches('/')
            };
            escape(&mut self.line, path);
            self.line.push_str("\"/>\n");
        }
        self.line.push_str("  </channel>\n");
        self.flush();
    }

    /// Writes a programme of `channel`, which was among those of [`Self::begin`].
    ///
    /// Times are cut to whole seconds, so a programme of less than a second may be left out.
    pub fn programme(&mut self, channel: &LineupChannel, programme: &Programme) {
        if programme.start.seconds() >= programme.stop.seconds() {
            return;
        }
        self.line.push_str("  <programme start=\"");
        stamp(&mut self.line, programme.start);
        self.line.push_str("\" stop=\"");
        stamp(&mut self.line, programme.stop);
        self.line.push_str("\" channel=\"");
        self.line.push_str(&channel.id.guide_id());
        self.line.push_str("\">\n");
        self.element("title", "", &programme.title);
        if let Some(sub_title) = &programme.sub_title {
            self.element("sub-title", "", sub_title);
        }
        self.element("desc", "", &programme.description);
        self.credits(&programme.details);
        if let Some(date) = date(programme) {
            self.element("date", "", &date);
        }
        self.categories(programme);
        self.episode_numbers(programme);
        if programme.media.is_some() {
            self.picture_and_sound(channel);
        }
        match (programme.showing, programme.shown_before) {
            (Showing::New, _) => self.line.push_str("    <new/>\n"),
            (Showing::Repeat, None) => self.line.push_str("    <previously-shown/>\n"),
            (Showing::Repeat, Some(before)) => {
                self.line.push_str("    <previously-shown start=\"");
                stamp(&mut self.line, before);
                self.line.push_str("\"/>\n");
            }
        }
        if let Some(rating) = programme.rating.as_deref().map(str::trim).filter(|r| !r.is_empty()) {
            self.rating(rating);
        }
        if let Some(stars) = programme.details.stars {
            let stars = format!("{}.{}/10", stars / 10, stars % 10);
            self.line.push_str(&format!("    <star-rating><value>{stars}</value></star-rating>\n"));
        }
        self.line.push_str("  </programme>\n");
        self.flush();
    }

    /// Ends the guide.
    pub fn finish(self) {
        self.out.text("</tv>\n");
    }

    fn credits(&mut self, details: &Details) {
        let is_named = |name: &str| !name.trim().is_empty();
        let makers = [("director", &details.directors), ("writer", &details.writers)];
        let named = makers.iter().any(|(_, names)| names.iter().any(|name| is_named(name)))
            || details.actors.iter().any(|actor| is_named(&actor.name));
        if !named {
            return;
        }
        self.line.push_str("    <credits>\n");
        let mut one = |element: &str, attribute: Option<&str>, name: &str| {
            if !is_named(name) {
                return;
            }
            self.line.push_str("      <");
            self.line.push_str(element);
            if let Some(role) = attribute.filter(|role| is_named(role)) {
                self.line.push_str(" role=\"");
                escape(&mut self.line, role.trim());
                self.line.push('"');
            }
            self.line.push('>');
            escape(&mut self.line, name.trim());
            self.line.push_str("</");
            self.line.push_str(element);
            self.line.push_str(">\n");
        };
        // In the order of the DTD: directors, actors, writers.
        makers[0].1.iter().for_each(|name| one(makers[0].0, None, name));
        details.actors.iter().for_each(|a| one("actor", a.role.as_deref(), &a.name));
        makers[1].1.iter().for_each(|name| one(makers[1].0, None, name));
        self.line.push_str("    </credits>\n");
    }

    fn picture_and_sound(&mut self, channel: &LineupChannel) {
        let (width, height) = (u64::from(channel.width), u64::from(channel.height));
        self.line.push_str("    <video>");
        // Sizes are even, so 16:9 is often missed by a pixel: 854 × 480.
        let near = |across: u64, down: u64| {
            (width * down).abs_diff(height * across) * 100 <= height * across
        };
        let shapes = [(16, 9), (4, 3), (21, 9), (1, 1)];
        if let Some((across, down)) = shapes.into_iter().find(|(a, d)| near(*a, *d)) {
            self.line.push_str(&format!("<aspect>{across}:{down}</aspect>"));
        }
        if channel.is_hd() {
            self.line.push_str("<quality>HDTV</quality>");
        }
        self.line.push_str("</video>\n    <audio><stereo>");
        self.line.push_str(match (channel.audio_layout, channel.audio_codec) {
            (AudioLayout::Stereo, _) => "stereo",
            (AudioLayout::Surround, AudioCodec::Ac3) => "dolby digital",
            (AudioLayout::Surround, AudioCodec::Aac) => "surround",
        });
        self.line.push_str("</stereo></audio>\n");
    }

    fn categories(&mut self, programme: &Programme) {
        let first = match programme.kind {
            Some(MediaKind::Movie) => Some("Movie"),
            Some(MediaKind::Episode) => Some("Series"),
            Some(MediaKind::MusicVideo) => Some("Music"),
            Some(MediaKind::Live | MediaKind::Other) | None => None,
        };
        // Jellyfin takes anything with the category "movie" for a film, and drops its episode.
        let misleading: &[&str] = match programme.kind {
            Some(MediaKind::Movie) => &["series", "episode"],
            Some(MediaKind::Episode | MediaKind::MusicVideo) => &["movie", "film"],
            Some(MediaKind::Live | MediaKind::Other) | None => &[],
        };
        let leads_on =
            |genre: &&str| misleading.iter().any(|word| genre.eq_ignore_ascii_case(word));
        let genres = programme.genres.iter().map(|genre| genre.trim());
        let genres = genres.filter(|genre| !leads_on(genre));
        let mut written: Vec<String> = Vec::new();
        for category in first.into_iter().chain(genres).filter(|category| !category.is_empty()) {
            let folded = category.to_lowercase();
            if !written.contains(&folded) {
                self.element("category", " lang=\"en\"", category);
                written.push(folded);
            }
        }
    }

    fn episode_numbers(&mut self, programme: &Programme) {
        if let Some(episode) = programme.episode.filter(|episode| *episode > 0) {
            let mut shown = String::new();
            let mut counted = String::new();
            if let Some(season) = programme.season {
                shown = format!("S{season:02}");
            }
            // Counted from 0 there, so that specials (season 0) have no number.
            if let Some(season) = programme.season.and_then(|season| season.checked_sub(1)) {
                counted = season.to_string();
            }
            shown.push_str(&format!("E{episode:02}"));
            // Kodi reads no range here; without a season it has nothing else to read.
            let last = programme.episode_end.filter(|last| *last > episode);
            if let Some(last) = last.filter(|_| !counted.is_empty()) {
                shown.push_str(&format!("-E{last:02}"));
            }
            counted.push_str(&format!(".{}.", episode - 1));
            self.element("episode-num", " system=\"xmltv_ns\"", &counted);
            self.element("episode-num", " system=\"onscreen\"", &shown);
        }
        if let Some(id) = programme_id(programme) {
            self.element("episode-num", " system=\"dd_progid\"", &id);
        }
    }

    fn rating(&mut self, rating: &str) {
        // Descriptions have it as `Rated PG-13`, `US:PG-13` or `USA:TV-14 / DE:12`.
        let rating = rating.split('/').next().unwrap_or(rating).trim();
        let rating = rating.strip_prefix("Rated ").unwrap_or(rating);
        let rating = match rating.split_once(':') {
            Some((country, rest)) if country.eq_ignore_ascii_case("us") => rest.trim(),
            Some((country, rest)) if country.eq_ignore_ascii_case("usa") => rest.trim(),
            Some(_) | None => rating,
        };
        if rating.is_empty() {
            return;
        }
        let system = match rating {
            "G" | "PG" | "PG-13" | "R" | "NC-17" => " system=\"MPAA\"",
            rating if rating.starts_with("TV-") => " system=\"VCHIP\"",
            _ => "",
        };
        self.line.push_str(&format!("    <rating{system}><value>"));
        escape(&mut self.line, rating);
        self.line.push_str("</value></rating>\n");
    }

    fn element(&mut self, name: &str, attributes: &str, text: &str) {
        self.line.push_str("    <");
        self.line.push_str(name);
        self.line.push_str(attributes);
        self.line.push('>');
        escape(&mut self.line, text);
        self.line.push_str("</");
        self.line.push_str(name);
        self.line.push_str(">\n");
    }

    fn flush(&mut self) {
        self.out.text(&self.line);
        self.line.clear();
    }
}

/// `YYYYMMDDHHMMSS +0000`; outside the years 0–9999 the nearest instant inside.
fn stamp(line: &mut String, at: UtcMillis) {
    let seconds = at.seconds().clamp(-62_167_219_200, 253_402_207_200);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let at = jiff::tz::Offset::UTC.to_datetime(time);
    let date = u64::from(at.year().unsigned_abs()) * 10_000
        + u64::from(at.month().unsigned_abs()) * 100
        + u64::from(at.day().unsigned_abs());
    let time = u64::from(at.hour().unsigned_abs()) * 10_000
        + u64::from(at.minute().unsigned_abs()) * 100
        + u64::from(at.second().unsigned_abs());
    let mut digits = [b'0'; 14];
    let mut rest = date * 1_000_000 + time;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line.extend(digits.map(char::from));
    line.push_str(" +0000");
}

/// When it was made: the day it was first shown, else the year.
fn date(programme: &Programme) -> Option<String> {
    if let Some(aired) = &programme.aired {
        let digits: String = aired.chars().filter(char::is_ascii_digit).collect();
        if aired.len() == 10 && digits.len() == 8 {
            return Some(digits);
        }
    }
    programme.year.filter(|year| (1..=9999).contains(year)).map(|year| format!("{year:04}"))
}

/// An id in the form of the American listings: the same for every showing of a programme and for
/// no other programme.
fn programme_id(programme: &Programme) -> Option<String> {
    let media = programme.media?;
    let title = programme.title.to_lowercase();
    let number = |parts: &[&str], below: u64| {
        let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
        for part in parts {
            hash.write(part.as_bytes());
            hash.write(&[0]);
        }
        hash.finish() % below
    };
    let show = number(&[&title], 10_000_000_000);
    let id = match (programme.kind?, programme.season, programme.episode) {
        (MediaKind::Episode, Some(season), Some(episode)) if season < 100 && episode < 1000 => {
            format!("EP{show:010}.{season:02}{episode:03}")
        }
        (MediaKind::Movie, _, _) => {
            let year = programme.year.unwrap_or_default().to_string();
            let edition = programme.sub_title.as_deref().unwrap_or_default();
            format!("MV{:010}.00000", number(&[&title, &year, edition], 10_000_000_000))
        }
        // What a broadcast shows at a time is not known, so its hours are not told apart.
        (MediaKind::Episode | MediaKind::MusicVideo | MediaKind::Live | MediaKind::Other, _, _) => {
            format!("EP{:010}.00000", number(&[&title, &media.to_string()], 10_000_000_000))
        }
    };
    Some(id)
}

/// FNV-1a in 64 bits: the same on every machine and in every version, unlike the standard hasher.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_control() || letter.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Programmes wall to wall over `from..to`: holes are filled, overlaps cut, the rest left out.
///
/// What begins before `from` or ends after `to` stays whole. Holes and a channel with nothing at
/// all get `filler` entries of at most `filler_ms`. Clients show `Unknown airing` for a hole and
/// refuse a channel that has no programme.
pub fn wall_to_wall(
    programmes: Vec<Programme>,
    from: UtcMillis,
    to: UtcMillis,
    filler_ms: i64,
    filler: &dyn Fn(UtcMillis, UtcMillis) -> Programme,
) -> Vec<Programme> {
    // Whole seconds first, so that nothing that touches here is apart in the guide.
    let whole = |at: UtcMillis| UtcMillis(at.seconds() * 1000);
    let (from, to) = (whole(from), whole(to));
    let mut by_start: BTreeMap<UtcMillis, Programme> = BTreeMap::new();
    for programme in programmes {
        let (start, stop) = (whole(programme.start), whole(programme.stop));
        if start < stop && stop > from && start < to {
            by_start.insert(start, programme);
        }
    }
    let mut result = Vec::with_capacity(by_start.len() + 1);
    let mut at = by_start.keys().next().map_or(from, |first| from.min(*first));
    let fill = |result: &mut Vec<Programme>, at: UtcMillis, end: UtcMillis| {
        let mut start = at;
        while start < end {
            let stop = start.plus_ms(filler_ms.max(1000)).min(end);
            result.push(filler(start, stop));
            start = stop;
        }
    };
    let mut starts: Vec<UtcMillis> = by_start.keys().copied().skip(1).collect();
    starts.push(UtcMillis(i64::MAX));
    for ((start, programme), next) in by_start.into_iter().zip(starts) {
        fill(&mut result, at, start);
        let stop = whole(programme.stop).min(next);
        result.push(Programme { start, stop, ..programme });
        at = stop;
    }
    fill(&mut result, at, to);
    result
}

#[cfg(test)]
mod tests;
