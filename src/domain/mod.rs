//! The words of the product as types.
//!
//! Everything here is plain data with its invariants: no clock, no file, no network, no runtime.
//! One word for one thing: a *channel* is what one tunes to, a *slot* is media at a time, a
//! *timeline* is a channel's slots, a *viewer* reads bytes, an *incident* is a fault on record.

mod acceleration;
mod audit;
mod channel;
mod collection;
mod details;
mod fact;
mod ffmpeg;
mod ids;
mod incident;
mod language;
mod library;
mod limits;
mod listing;
mod media;
mod operator;
mod plans;
mod profile;
mod programme;
pub mod query;
mod resolution;
mod rules;
mod schedule_filler;
mod schedule_forms;
mod schedule_time;
mod script;
mod session;
mod slate;
mod text;
mod throttler;
mod time;
mod timeline;

pub use acceleration::{
    Acceleration, AccelerationChoice, Accelerator, ConformRun, EncoderReport, EncoderState,
    EncoderTest, RunsOn,
};
pub use audit::{AuditRecord, RecordKind};
pub(crate) use channel::check_name;
pub use channel::{Channel, ChannelEdit, ChannelNumber, NewChannel};
pub use collection::{Collection, CollectionEdit, Run, Selector};
pub use details::{Actor, Details};
pub use fact::{ChannelBeat, ConformEnd, ConformJob, Fact, JobBeat};
pub use ffmpeg::{ExtraFlags, FfmpegRuns, FfmpegSettings, ForSource, LogLevel};
pub use ids::{
    ChannelId, CollectionId, IncidentId, LibraryId, MediaId, ProfileId, ResolutionId, ViewerId,
    WatermarkId,
};
pub use incident::{Cause, Incident, IncidentState, Subject};
pub use language::Language;
pub use library::{
    KnownFile, Library, LibraryKind, NewLibrary, ScanBatch, ScanProgress, ScanState, ScannedMedia,
};
pub use limits::{Preparing, Watching};
pub use listing::{ForeignIds, ListEntry, ListedKind, Matcher};
pub use media::{
    AudioStream, Media, MediaFilter, MediaKind, MediaSort, MediaState, MediaStateName, Probe,
    SubtitleStream, Upstream, VideoStream,
};
pub use operator::{
    ChannelReading, Evidence, Finding, LedgerEntry, LedgerKind, MediaReading, OutputReading,
    PlayState, RiskClass, Trust, VerificationPlan,
};
pub use plans::{
    BlockLine, ChannelForm, ChannelSnapshot, FillerIds, FillerLine, Kept, KeptBlock,
    KeptBlockGroup, KeptBuild, KeptDeco, KeptDecoGroup, KeptFiller, KeptItem, KeptPlayout,
    KeptSchedule, KeptSkip, KeptTemplate, KeptTemplateGroup, MultipleMode, PlanSnapshot,
    PlayoutClock, PlayoutMode, PlayoutSource, TAKING_WORDS, Taking, TemplateLine, TemplateUse,
};
pub use profile::{
    AudioCodec, AudioLayout, Deinterlace, FrameRate, HlsFormat, ImageKind, ListedProfile, Mark,
    Place, Preset, Profile, Scaling, StoredWatermark, SubtitleChoice, SubtitleMode, SubtitleRule,
    VideoCodec, Watermark, WatermarkMode,
};
pub use programme::{
    Entry, LineupChannel, Programme, Showing, Wording, WordingChoice, entries, entries_between,
    is_fresh, listed, programme, shown_before, usable,
};
pub use query::{Query, QueryError};
pub use resolution::{ListedResolution, Resolution};
pub use rules::{
    FixedStart, GroupBy, GuideMode, Marathon, Mode, Order, Rules, ScheduleItem, ScheduleOptions,
    Start, Tail,
};
pub use schedule_filler::{Breaks, FillerMode, FillerOrder, FillerPreset, FillerSource, Fillers};
pub use schedule_forms::{
    Alternate, Block, BreakContent, BreakPlace, DatedTemplate, Deco, Dress, Flex, Form, Link,
    Padding, Pick, PlacedBlock, RandomSlot, RandomSlots, StopScheduling, TimeSlot, TimeSlots,
};
pub use schedule_time::{Daypart, Days, LocalTime, MonthDay, Season, When, Zone};
pub use script::{
    Billing, Directive, Origin, Script, ScriptContent, ScriptSequence, SkipBy, Stuffing,
};
pub use session::{SessionEnd, SessionRecord, client_name};
pub use slate::{SlateArt, SlateForm, SlateKind, SlateReason, StoredSlate};
pub use text::InvalidField;
pub use throttler::{PaceMode, StreamBuffers, Throttler};
pub use time::UtcMillis;
pub use timeline::{Slot, SlotKind, Timeline, TimelineError};
