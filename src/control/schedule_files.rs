//! Follows the folder of schedule files: what is edited there is on air a few seconds later.

use std::time::Duration;

use crate::foundation::stop::Stop;

use super::Control;
use super::effective::{self, ScheduleFile};
use super::error::ControlError;
use super::programming::Replan;

/// Time between two looks at the folder.
const LOOK: Duration = Duration::from_secs(2);

impl Control {
    /// All schedule files of channels, and what is wrong with them.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn schedule_files(&self) -> Result<Vec<ScheduleFile>, ControlError> {
        let numbers = self.channels().await?.into_iter().map(|channel| channel.number).collect();
        Ok(effective::list_files(self.schedules_folder().to_owned(), numbers).await)
    }

    /// Plans again when a schedule file was changed; ends with the server.
    pub(super) fn follow_schedule_files(&self, stop: &Stop) {
        let (control, ended) = (self.clone(), stop.child());
        stop.spawn("schedule files", async move {
            tokio::select! {
                () = control.watch_schedule_files() => {}
                () = ended.requested() => {}
            }
        });
    }

    async fn watch_schedule_files(&self) {
        let mut known = self.folder_print().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let print = self.folder_print().await;
            if print == known {
                continue;
            }
            known = print;
            tracing::info!("the schedule files have changed");
            if self.refresh(Replan::Extend).await.is_err() {
                tracing::debug!("the schedule files are read again with the next plan");
            }
        }
    }

    async fn folder_print(&self) -> Option<u64> {
        let folder = self.schedules_folder().to_owned();
        // reason: a look that failed is made again in two seconds.
        tokio::task::spawn_blocking(move || effective::folder_print(&folder)).await.ok()
    }
}
