//! How a channel looks from outside, and how one is written.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    Channel, ChannelEdit, ChannelNumber, CollectionId, InvalidField, Mode, NewChannel, Order,
    Programme, Rules, ScheduleItem,
};

use super::super::base::Base;
use super::stamp;

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Channel)]
pub struct ChannelView {
    /// Its id, never used again.
    pub id: i64,
    /// What one types on the remote control, such as `7` or `5.1`.
    pub number: String,
    /// Its name.
    pub name: String,
    /// The group shown by players.
    pub group: Option<String>,
    /// Whether it is offered to clients.
    pub enabled: bool,
    /// The logo as stored.
    pub logo_path: Option<String>,
    /// The logo as a whole address.
    pub logo_url: Option<String>,
    /// The profile its media is conformed to.
    pub profile: String,
    /// The same by id.
    pub ffmpeg_profile_id: Option<i64>,
    /// The watermark drawn over its picture, by id.
    pub watermark_id: Option<i64>,
    /// What it plays.
    pub rules: RulesView,
    /// The id that guide and playlist share.
    pub guide_id: String,
    /// The endless stream.
    pub stream_url: String,
    /// The same as HLS.
    pub hls_url: String,
    /// What is on now; `null` when the channel is off or nothing is planned.
    pub now: Option<ProgrammeView>,
    /// What comes next.
    pub next: Option<ProgrammeView>,
    /// Viewers at the moment.
    pub viewers: u32,
    /// Why it shows a slate just now; `null` when it shows its programme or does not run.
    pub slate: Option<SlateReasonView>,
    /// What it has to play; told when asked for with `include_content_status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<super::forms::ContentView>,
}

/// Why a channel shows a slate, for those who run the server. Viewers see the kind only.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = SlateReason)]
pub struct SlateReasonView {
    /// What viewers see: `starting`, `technical_difficulties`, `no_programming` or `offline`.
    pub kind: &'static str,
    /// The cause in a word, such as `preparing`, `media_missing` or `source_lost`.
    pub cause: &'static str,
    /// The media that should be on air.
    pub media_id: Option<i64>,
    /// What that is called.
    pub media: Option<String>,
    /// More about it, in a few words.
    pub detail: Option<String>,
}

impl ChannelView {
    /// The view of `channel` for a client that reaches us at `base`.
    pub fn new(channel: Channel, base: &Base) -> Self {
        let base = base.as_str();
        let logo_url = channel.logo.as_deref().map(|logo| {
            if logo.contains("://") {
                return logo.to_owned();
            }
            format!("{base}/{}", logo.trim_start_matches('/'))
        });
        let number = channel.number.to_string();
        Self {
            id: channel.id.0,
            stream_url: format!("{base}/iptv/channel/{number}.ts"),
            hls_url: format!("{base}/iptv/channel/{number}.m3u8"),
            number,
            name: channel.name,
            group: channel.group,
            enabled: channel.enabled,
            logo_path: channel.logo,
            logo_url,
            profile: channel.profile,
            ffmpeg_profile_id: None,
            watermark_id: None,
            rules: channel.rules.into(),
            guide_id: channel.id.guide_id(),
            now: None,
            next: None,
            viewers: 0,
            slate: None,
            content: None,
        }
    }
}

/// A programme of the guide.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Programme)]
pub struct ProgrammeView {
    /// The media played, `null` when there is nothing to play.
    pub id: Option<i64>,
    /// The film, the show, or what else one looks for.
    pub title: String,
    /// The episode, the artist, the edition.
    pub episode_title: Option<String>,
    /// Some words about it.
    pub description: String,
    /// Season.
    pub season: Option<u32>,
    /// Episode.
    pub episode: Option<u32>,
    /// Year of release.
    pub year: Option<u32>,
    /// When it begins.
    #[schema(format = DateTime)]
    pub start_time: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub finish_time: String,
    /// Its length.
    pub duration_seconds: f64,
}

impl From<Programme> for ProgrammeView {
    fn from(programme: Programme) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a length in milliseconds is far below 2^52"
        )]
        let duration_seconds = programme.stop.since(programme.start) as f64 / 1000.0;
        Self {
            id: programme.media.map(|id| id.0),
            title: programme.title,
            episode_title: programme.sub_title,
            description: programme.description,
            season: programme.season,
            episode: programme.episode,
            year: programme.year,
            start_time: stamp(programme.start),
            finish_time: stamp(programme.stop),
            duration_seconds,
        }
    }
}

/// What a channel plays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rules)]
pub struct RulesView {
    /// Drives every random choice, so that a plan can be made again.
    #[serde(default)]
    pub seed: u64,
    /// The schedule, gone through from the top and again.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub items: Vec<ScheduleItemView>,
}

/// One line of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleItem)]
pub struct ScheduleItemView {
    /// The collection played.
    pub collection: i64,
    /// In which order.
    #[serde(default)]
    #[schema(value_type = OrderName)]
    pub order: Order,
    /// How much of it before the next line has its turn.
    #[serde(default)]
    #[schema(value_type = ModeView)]
    pub mode: Mode,
}

/// In which order a collection is played.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case", as = Order)]
pub enum OrderName {
    /// By first airing or year, then title.
    Chronological,
    /// By show, season and episode.
    SeasonEpisode,
    /// A new permutation each round.
    Shuffle,
}

/// How much of a collection is played at a time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Mode)]
pub enum ModeView {
    /// On and on.
    Flood,
    /// One item.
    One,
    /// So many items.
    Multiple {
        /// How many.
        #[schema(minimum = 1)]
        count: u32,
    },
}

impl From<Rules> for RulesView {
    fn from(rules: Rules) -> Self {
        let items = rules.items.into_iter().map(|item| ScheduleItemView {
            collection: item.collection.0,
            order: item.order,
            mode: item.mode,
        });
        Self { seed: rules.seed, items: items.collect() }
    }
}

impl From<RulesView> for Rules {
    fn from(view: RulesView) -> Self {
        let items = view
            .items
            .into_iter()
            .map(|item| ScheduleItem::new(CollectionId(item.collection), item.order, item.mode));
        Self::of_items(view.seed, items.collect())
    }
}

/// A channel to be created; what is left out takes its default.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelCreate {
    /// Wanted number as text or whole number; left out: the next free one.
    #[serde(default, deserialize_with = "number")]
    #[schema(value_type = Option<String>, pattern = r"^[1-9]\d{0,3}(\.[1-9]\d{0,2})?$")]
    pub number: Option<ChannelNumber>,
    /// Its name, one line.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The group shown by players.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub group: Option<String>,
    /// Address of a logo: `http(s)://…` or a path on this server.
    #[serde(default, alias = "logo_path")]
    #[schema(max_length = 2000)]
    pub logo_url: Option<String>,
    /// Whether it is offered to clients; `true` when left out.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Profile such as `720p25`.
    #[serde(default)]
    pub profile: Option<String>,
    /// The same by id; the name wins.
    #[serde(default)]
    pub ffmpeg_profile_id: Option<i64>,
    /// Watermark by id.
    #[serde(default)]
    pub watermark_id: Option<i64>,
    /// What it plays.
    #[serde(default)]
    pub rules: Option<RulesView>,
}

impl ChannelCreate {
    /// Checks the texts that only people write.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn checked(self) -> Result<NewChannel, Vec<InvalidField>> {
        check_texts(self.group.as_deref(), self.logo_url.as_deref())?;
        Ok(NewChannel {
            number: self.number,
            name: self.name,
            group: self.group,
            logo: self.logo_url,
            enabled: self.enabled.unwrap_or(true),
            profile: self.profile,
            rules: self.rules.unwrap_or_default().into(),
        })
    }
}

/// Changes to a channel; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelUpdate {
    /// A new number, as text or whole number.
    #[serde(default, deserialize_with = "number")]
    #[schema(value_type = Option<String>, pattern = r"^[1-9]\d{0,3}(\.[1-9]\d{0,2})?$")]
    pub number: Option<ChannelNumber>,
    /// A new name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// A new group; the empty text takes it away.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub group: Option<String>,
    /// A new logo; the empty text takes it away.
    #[serde(default, alias = "logo_path")]
    #[schema(max_length = 2000)]
    pub logo_url: Option<String>,
    /// Offer it or not.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Another profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// The same by id; the name wins.
    #[serde(default)]
    pub ffmpeg_profile_id: Option<i64>,
    /// Another watermark by id; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    pub watermark_id: Option<Option<i64>>,
    /// What it plays from now on.
    #[serde(default)]
    pub rules: Option<RulesView>,
}

impl ChannelUpdate {
    /// Checks the texts that only people write.
    ///
    /// # Errors
    /// Every field that cannot be taken.
    pub fn checked(self) -> Result<ChannelEdit, Vec<InvalidField>> {
        check_texts(self.group.as_deref(), self.logo_url.as_deref())?;
        Ok(ChannelEdit {
            number: self.number,
            name: self.name,
            group: self.group,
            logo: self.logo_url,
            enabled: self.enabled,
            profile: self.profile,
            rules: self.rules.map(Rules::from),
        })
    }
}

fn check_texts(group: Option<&str>, logo: Option<&str>) -> Result<(), Vec<InvalidField>> {
    let mut wrong = Vec::new();
    if group.is_some_and(|group| group.chars().count() > 100 || group.chars().any(char::is_control))
    {
        let problem = "the group is too long or holds a line break";
        wrong.push(InvalidField::new("group", problem, "write at most 100 characters on one line"));
    }
    let is_address = |logo: &str| {
        let known = ["http://", "https://", "/"].iter().any(|start| logo.starts_with(start));
        logo.is_empty()
            || (known && !logo.contains(|c: char| c.is_control() || c == ' ' || c == '"'))
    };
    if logo.is_some_and(|logo| logo.len() > 2000 || !is_address(logo.trim())) {
        let problem = "the logo is not an address";
        let fix = "write http://…, https://… or a path that begins with /, at most 2000 bytes";
        wrong.push(InvalidField::new("logo_url", problem, fix));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A field that was sent, `null` included.
fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::<i64>::deserialize(input).map(Some)
}

/// Reads a channel number written as text or as a whole number.
fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<ChannelNumber>, D::Error> {
    use serde::de::Error;
    let text = match serde_json::Value::deserialize(input)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) if number.is_i64() => number.to_string(),
        other => {
            // 5.10 as a JSON number would arrive as 5.1, a different channel.
            let message =
                format!("{other} is not a channel number; write it as text such as \"5.1\"");
            return Err(D::Error::custom(message));
        }
    };
    text.parse().map(Some).map_err(|error: InvalidField| {
        D::Error::custom(format!("{}; {}", error.problem, error.fix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_text_or_a_whole_number() {
        let read = |text: &str| serde_json::from_str::<ChannelUpdate>(text).map(|u| u.number);
        let five: ChannelNumber = "5".parse().unwrap();
        assert_eq!(read(r#"{"number":"5"}"#).unwrap(), Some(five.clone()));
        assert_eq!(read(r#"{"number":5}"#).unwrap(), Some(five));
        assert_eq!(read(r#"{"number":null}"#).unwrap(), None);
        for bad in ["5.1", "-1", "\"05\"", "[]", "true", "10000"] {
            assert!(read(&format!(r#"{{"number":{bad}}}"#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_logo_is_an_address() {
        let check = |logo: &str| {
            let create = ChannelCreate { logo_url: Some(logo.to_owned()), ..Default::default() };
            create.checked().is_ok()
        };
        assert!(check("http://a/b.png") && check("/logos/b.png") && check(""));
        assert!(!check("javascript:alert(1)") && !check("file:///etc/passwd"));
        assert!(!check("http://a/\" onload=\"x") && !check("http://a/b\nc"));
    }

    #[test]
    fn rules_survive_the_way_out_and_in() {
        let text = r#"{"seed":7,"items":[
            {"collection":3,"order":"shuffle","mode":{"type":"multiple","count":2}}]}"#;
        let view: RulesView = serde_json::from_str(text).unwrap();
        assert_eq!(RulesView::from(Rules::from(view.clone())), view);
    }
}
