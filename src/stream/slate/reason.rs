//! Why a channel shows a slate, as its operators are told. Viewers never are.

use super::id_of;
use crate::domain::{ConformEnd, SlateKind, SlateReason};
use crate::stream::compose::{Shows, UnitPlan};
use crate::stream::rendition::Conforming;
use crate::stream::{ChannelState, OnAir};

/// Why `unit` is a slate; `None` when it shows media.
pub(in crate::stream) fn reason(
    unit: &UnitPlan,
    on_air: &OnAir,
    conforming: &dyn Conforming,
    state: &ChannelState,
) -> Option<SlateReason> {
    let id = unit.clip.key.media;
    let kind = SlateKind::ALL.into_iter().find(|kind| {
        id == id_of(*kind) || on_air.slates.of(*kind).is_some_and(|own| own.media().id == id)
    });
    let media = match unit.shows {
        Shows::Media(_) => return None,
        Shows::NoProgramming | Shows::Interim => {
            let kind = kind.unwrap_or(SlateKind::NoProgramming);
            let cause = match kind {
                SlateKind::Offline => "not_planned",
                SlateKind::Starting | SlateKind::Technical | SlateKind::NoProgramming => {
                    "nothing_to_play"
                }
            };
            return Some(SlateReason { kind, cause, media: None, detail: None });
        }
        Shows::Standby(media) => media,
    };
    let kind = kind.unwrap_or(SlateKind::Starting);
    let known = on_air.media.get(&media);
    let failure =
        known.and_then(|known| conforming.failure(on_air.channel.id, known, &on_air.profile));
    let (cause, detail) = match failure {
        Some(end) => told(end),
        None if known.is_none() => ("media_removed", None),
        None if state.job.is_some() && kind == SlateKind::Technical => ("preparing_slowly", None),
        None if state.job.is_some() => ("preparing", None),
        None => ("waiting", None),
    };
    Some(SlateReason { kind, cause, media: Some(media), detail })
}

/// A failure in a word, and in a few more.
fn told(end: ConformEnd) -> (&'static str, Option<String>) {
    match end {
        ConformEnd::Completed | ConformEnd::Cancelled => ("waiting", None),
        ConformEnd::Truncated { got_ms, wanted_ms } => {
            let detail = format!("it ends after {got_ms} of {wanted_ms} ms");
            ("media_truncated", Some(detail))
        }
        ConformEnd::Exited { code, signal } => {
            let detail = match (signal, code) {
                (Some(signal), _) => format!("the converter was ended by signal {signal}"),
                (None, Some(code)) => format!("the converter ended with code {code}"),
                (None, None) => "the converter ended".to_owned(),
            };
            ("converter_failed", Some(detail))
        }
        ConformEnd::Missing => ("media_missing", None),
        ConformEnd::Unusable { reason } => ("media_unusable", Some(reason)),
        ConformEnd::NotStored { reason } => ("not_stored", Some(reason)),
        ConformEnd::SourceLost { cause: _, reason } => ("source_lost", Some(reason)),
        ConformEnd::NotStarted { reason } => ("no_process", Some(reason)),
    }
}
