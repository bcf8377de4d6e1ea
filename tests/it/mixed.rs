//! A channel of nine kinds of source, some of them broken, looks like any other to a viewer.

use std::time::Duration;

use exstreamtv::control::operations::Actor;
use exstreamtv::domain::{Channel, MediaState, Mode, NewChannel, Order, Rules, ScheduleItem};

use crate::support::app::{App, run};
use crate::support::media::{KIND_SECONDS, kinds_of_source};
use crate::support::picture::{judge, pictures};

#[test]
fn nine_kinds_of_source_make_one_unbroken_stream() {
    run(async {
        let app = App::with(&[kinds_of_source().to_owned()], |config| {
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let channel = in_order(&app).await;
        app.prepared().await;
        let now = app.now_ms();
        // Every kind is on air once.
        let time = Duration::from_secs(u64::from(KIND_SECONDS) * 9);
        let ts = app.viewer().watch(&channel.number, time).await;
        let report = judge(&ts, now);
        assert!(report.is_clean(), "{:?}", report.faults);
        let pictures = tokio::task::spawn_blocking(move || pictures(&ts, now)).await.unwrap();
        let seen: std::collections::BTreeSet<u8> =
            pictures.iter().filter_map(|picture| picture.mark).map(|mark| mark.item).collect();
        // The one with sound only has no strip.
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [100, 101, 102, 103, 104, 105, 107, 108]);
        app.stop().await;
    });
}

/// A channel that plays one kind after the other, so that nine in a row are all kinds.
async fn in_order(app: &App) -> Channel {
    let collection = app.channel("Everything").await.rules.items[0].collection;
    let item = ScheduleItem::new(collection, Order::Chronological, Mode::Flood);
    let new = NewChannel {
        number: None,
        name: "In order".to_owned(),
        group: None,
        logo: None,
        enabled: true,
        profile: Some("360p25".to_owned()),
        rules: Rules::of_items(1, vec![item]),
    };
    let person = Actor::Person { name: "tester".to_owned() };
    app.control().create_channel(&person, new).await.unwrap()
}

#[test]
fn a_corrupt_file_is_listed_with_its_reason_and_stops_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        for name in ["no sound.mp4", "open gop.mp4"] {
            std::fs::copy(kinds_of_source().join(name), folder.path().join(name)).unwrap();
        }
        let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) / 7) as u8).collect();
        std::fs::write(folder.path().join("noise.mp4"), noise).unwrap();
        let app = App::with_library(folder.path()).await;
        app.prepared().await;

        let media = app.control().media(Default::default()).await.unwrap();
        let noise = media.items.iter().find(|item| item.path.ends_with("noise.mp4")).unwrap();
        let MediaState::Corrupt { reason } = &noise.state else { panic!("{:?}", noise.state) };
        assert!(!reason.is_empty());

        let now = app.now_ms();
        let number = app.channel("Everything").await.number;
        let ts = app.viewer().watch(&number, Duration::from_secs(15)).await;
        let report = judge(&ts, now);
        assert!(report.is_clean(), "{:?}", report.faults);
        app.stop().await;
    });
}
