//! The limits that hold for everyone who changes something.

use exstreamtv::control::ControlError;
use exstreamtv::control::operations::Actor;
use exstreamtv::domain::{Mode, NewChannel, Order, Rules, ScheduleItem};

use crate::support::app::{App, run};
use crate::support::media::kinds_of_source;

#[test]
fn a_restart_of_twelve_channels_within_a_minute_stops_at_the_tenth() {
    run(async {
        let app = App::with(&[kinds_of_source().to_owned()], |config| {
            config.playout.build_days = 1;
        })
        .await;
        app.until_lineup().await;
        let collection = app.channel("Everything").await.rules.items[0].collection;
        let person = Actor::Person { name: "tester".to_owned() };
        let mut channels = Vec::new();
        for n in 0..12 {
            let item = ScheduleItem::new(collection, Order::Shuffle, Mode::Flood);
            let new = NewChannel {
                number: None,
                name: format!("Twelve {n}"),
                group: None,
                logo: None,
                enabled: true,
                profile: Some("360p25".to_owned()),
                rules: Rules::of_items(n, vec![item]),
            };
            channels.push(app.control().create_channel(&person, new).await.unwrap());
        }
        let mut outcomes = Vec::new();
        for channel in &channels {
            outcomes.push(app.control().restart_channel(&person, channel.id, None).await);
        }
        let told: Vec<String> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok(_) => "done".to_owned(),
                Err(ControlError::Denied { reason, .. }) => reason.clone(),
                Err(error) => format!("{error:?}"),
            })
            .collect();
        // The guard counts attempts: that nobody watches these channels is found out after it.
        assert!(told[..10].iter().all(|told| !told.starts_with("containment")), "{told:#?}");
        for told in &told[10..] {
            assert!(told.starts_with("containment: 10 restarts in 60 s"), "{told}");
        }
        assert!(app.control().audit_status().await.unwrap().is_intact());
        app.stop().await;
    });
}
