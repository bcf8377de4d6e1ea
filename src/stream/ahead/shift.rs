//! What is being made at the moment, and what comes of it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::library::Whole;
use super::{Job, NO_ROOM};
use crate::domain::{ConformEnd, Media, Profile};

/// Time before something that was cancelled goes on.
const AGAIN: Duration = Duration::from_millis(200);

/// What is being made, and what is not to be tried now.
#[derive(Default)]
pub(super) struct Shift {
    pub(super) active: Vec<Job>,
    pub(super) making: FuturesUnordered<BoxFuture<'static, (Job, ConformEnd)>>,
    /// Nothing is begun before this time.
    pub(super) rest_until_ms: i64,
    /// When the store is told next what is needed when.
    pub(super) tell_at_ms: i64,
    pub(super) whole: Whole,
}

impl Shift {
    pub(super) fn is_active(&self, media: &Media, profile: &Profile) -> bool {
        self.active
            .iter()
            .any(|job| job.media.id == media.id && job.profile.shape() == profile.shape())
    }

    /// Notes how a job ended.
    pub(super) fn ended(&mut self, job: Job, end: &ConformEnd, now_ms: i64) {
        self.active.retain(|active| !active.is_same(&job));
        let rest = |time: Duration| now_ms + i64::try_from(time.as_millis()).unwrap_or(0);
        match end {
            ConformEnd::NotStored { .. } if job.spare => self.whole.is_full(job, now_ms),
            ConformEnd::NotStored { .. } | ConformEnd::NotStarted { .. } => {
                self.rest_until_ms = rest(NO_ROOM);
            }
            ConformEnd::Cancelled => {
                self.rest_until_ms = rest(AGAIN);
                if job.spare {
                    self.whole.put_back(job);
                }
            }
            ConformEnd::Completed | ConformEnd::Truncated { .. } if job.spare => {
                self.whole.ended(true);
            }
            ConformEnd::Exited { .. }
            | ConformEnd::Missing
            | ConformEnd::SourceLost { .. }
            | ConformEnd::Unusable { .. }
                if job.spare =>
            {
                self.whole.ended(false);
            }
            ConformEnd::Completed
            | ConformEnd::Exited { .. }
            | ConformEnd::Missing
            | ConformEnd::SourceLost { .. }
            | ConformEnd::Unusable { .. }
            | ConformEnd::Truncated { .. } => {}
        }
    }
}
