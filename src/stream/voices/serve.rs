//! Gives segments of voices.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::{key, offered, packed, plan, speaks};
use crate::domain::{ChannelId, Language, MediaId};
use crate::stream::channel::DiskReader;
use crate::stream::compose::{self, AudioRun, UnitPlan};
use crate::stream::core::Core;
use crate::stream::rendition::RenditionIndex;
use crate::stream::segments::Strict;
use crate::stream::texts::{Language as Tongue, TextError, TextName};
use crate::stream::{OnAir, SegmentError, hls};

/// How often is looked again for what cannot be read.
const LOOKS: u32 = 15;
/// Time between two looks.
const BETWEEN: Duration = Duration::from_millis(200);

impl Core {
    /// What sounds in segment `n` in `language`, as timeline and store have it now; as it is kept.
    pub(in crate::stream) fn voice_of(
        &self,
        on_air: &OnAir,
        units: &[Arc<UnitPlan>],
        language: &Language,
        n: i64,
    ) -> String {
        let Some(segment) = hls::segment(&on_air.profile, units, n) else { return String::new() };
        let voice = on_air.profile.voice(language);
        let index = |media: MediaId| -> Option<Arc<RenditionIndex>> {
            let media = on_air.media.get(&media)?;
            speaks(media, &on_air.profile, language)
                .then(|| self.renditions.index(media, &voice))
                .flatten()
        };
        let before =
            units.iter().rfind(|unit| segment.first().is_some_and(|s| unit.end == s.first));
        let before = before.map(Arc::as_ref);
        let runs = plan::sounding(&on_air.profile, before, &segment, &index);
        // What is made of numbers and names can always be written.
        serde_json::to_string(&runs).unwrap_or_default()
    }

    /// A segment of sound as it was listed, else as it is now.
    pub(in crate::stream) async fn voice_segment(
        &self,
        channel: ChannelId,
        name: &TextName,
    ) -> Result<Bytes, TextError> {
        let Tongue(Some(language)) = &name.language else { return Err(TextError::NoTexts) };
        let (on_air, units) = self.window(channel, name.n)?;
        let row = self.decisions.row(channel, &on_air.profile);
        let listed = row.text(name.n, &key(language));
        let body = match &listed {
            Some(text) => text.body.clone(),
            None if offered(&on_air).contains(language) => {
                let units = self.units_up_to(&on_air, &units, name.n);
                self.voice_of(&on_air, &units, language, name.n)
            }
            None => return Err(TextError::NoTexts),
        };
        let now = packed::name(&on_air.profile, language, name.n, &body);
        if now != *name {
            return Err(TextError::Renamed(now));
        }
        // reason: what was kept and cannot be read is no segment.
        let runs: Vec<AudioRun> =
            serde_json::from_str(&body).map_err(|_| TextError::Segment(SegmentError::NotReady))?;
        self.counts.segments.fetch_add(1, Ordering::Relaxed);
        for _ in 0..LOOKS {
            if let Some(bytes) = self.voice_bytes(&on_air, runs.clone()).await {
                return Ok(bytes);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        self.counts.read_errors.fetch_add(1, Ordering::Relaxed);
        Err(TextError::Segment(SegmentError::NotReady))
    }

    /// The bytes of what sounds; `None` when something of it cannot be read.
    async fn voice_bytes(&self, on_air: &Arc<OnAir>, runs: Vec<AudioRun>) -> Option<Bytes> {
        let _permit = self.makers.acquire().await.ok()?; // reason: the core never closes it
        let mut reader = Strict::new(DiskReader::new(Arc::clone(&self.renditions)));
        let on_air = Arc::clone(on_air);
        let made = tokio::task::spawn_blocking(move || {
            let sounds = compose::sounds(&runs, &on_air.profile, &mut reader);
            (!reader.is_silenced()).then(|| packed::write(&sounds))
        });
        let bytes = made.await.ok().flatten()?; // reason: what broke is told as not ready
        self.counts.segments_made.fetch_add(1, Ordering::Relaxed);
        Some(bytes.into())
    }
}
