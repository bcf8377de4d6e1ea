//! The demo: a small generated library and three channels that play it.
//!
//! The channels are made with the first items, and every few items the library is scanned again,
//! so that they fill while one watches.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use crate::control::Control;
use crate::control::operations::Actor;
use crate::domain::{
    ChannelNumber, LibraryId, LibraryKind, MediaKind, Mode, NewChannel, NewLibrary, Order, Rules,
    ScheduleItem, Selector,
};
use crate::foundation::process::Processes;
use crate::library::demo;

/// Items between two scans while the library is made; the first few hold something of each kind.
const FEW: usize = 4;

/// Generates and scans the library, and makes the demo channels if there are no channels.
///
/// # Errors
/// When the library cannot be made or a channel cannot be stored.
pub(super) async fn run(
    control: Control,
    folder: PathBuf,
    processes: Arc<dyn Processes>,
    ffmpeg: OsString,
) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(&folder).await.context("create the folder of the demo library")?;
    let new = NewLibrary {
        name: "Demo".to_owned(),
        path: folder.to_string_lossy().into_owned(),
        kind: LibraryKind::Other,
        connections: None,
    };
    let library = control.ensure_library(&Actor::System, new).await?.id;
    let scan_often = control.clone();
    let (made, mut progress) = tokio::sync::watch::channel((0, 0));
    let scanning = async {
        // Ends when `made` is dropped, which is when everything is generated.
        while progress.changed().await.is_ok() {
            let (done, _) = *progress.borrow_and_update();
            if done % FEW == 0 {
                show(&scan_often, library).await;
            }
        }
    };
    // Owns `made`, so that its end ends the scanning too.
    let generated = async move {
        demo::generate(&folder, processes, ffmpeg, |done, total, title| {
            tracing::info!(done, total, "demo library: {done} of {total} items ({title})");
            made.send_replace((done, total));
        })
        .await
    };
    let (result, ()) = tokio::join!(generated, scanning);
    result.context("generate the demo library")?;
    show(&control, library).await;
    Ok(())
}

async fn channels(control: &Control, library: LibraryId) -> anyhow::Result<()> {
    let lines = [
        ("Demo Cinema", "Films", Some(MediaKind::Movie), Order::Chronological),
        ("Demo Series", "Series", Some(MediaKind::Episode), Order::SeasonEpisode),
        ("Demo Mix", "Mix", None, Order::Shuffle),
    ];
    for (number, (name, group, kind, order)) in (1_u16..).zip(lines) {
        let selector = Selector::Filter { library: Some(library), kind, show: None, folder: None };
        let collection = control.create_collection(&Actor::System, name, selector).await?;
        let item = ScheduleItem::new(collection.id, order, Mode::Flood);
        let new = NewChannel {
            number: Some(ChannelNumber::whole(number)?),
            name: name.to_owned(),
            group: Some(group.to_owned()),
            logo: None,
            enabled: true,
            profile: Some("720p25".to_owned()),
            rules: Rules::of_items(u64::from(number), vec![item]),
        };
        control.create_channel(&Actor::System, new).await?;
    }
    Ok(())
}

/// Brings what is made so far on air; what fails now is tried again with the next items.
async fn show(control: &Control, library: LibraryId) {
    if let Err(error) = scan_and_play(control, library).await {
        tracing::warn!(error = format!("{error:#}"), "the demo items could not be put on air");
    }
}

async fn scan_and_play(control: &Control, library: LibraryId) -> anyhow::Result<()> {
    control.scan_and_wait(&Actor::System, library).await.context("scan the demo library")?;
    if control.channels().await?.is_empty() {
        channels(control, library).await.context("make the demo channels")?;
    }
    Ok(())
}
