//! The limits that hold for everyone who changes something.

use exstreamtv::control::ControlError;
use exstreamtv::control::operations::Actor;
use exstreamtv::domain::{Mode, NewChannel, Order, Rules, ScheduleItem};
use futures_util::StreamExt;

use crate::support::app::{App, run};
use crate::support::media::kinds_of_source;

#[test]
fn a_restart_of_twelve_channels_within_a_minute_stops_at_the_tenth() {
    run(async {
        let app = App::with_library(kinds_of_source()).await;
        let person = Actor::Person { name: "tester".to_owned() };
        let collection = app.channel("Everything").await.rules.items[0].collection;
        let mut outcomes = Vec::new();
        let mut viewers = Vec::new();
        for n in 0..12 {
            let item = ScheduleItem { collection, order: Order::Shuffle, mode: Mode::Flood };
            let new = NewChannel {
                number: None,
                name: format!("Twelve {n}"),
                group: None,
                logo: None,
                enabled: true,
                profile: Some("360p25".to_owned()),
                rules: Rules { seed: n, items: vec![item] },
            };
            let channel = app.control().create_channel(&person, new).await.unwrap();
            println!("{n} created");
            let stream = app.viewer().get(&format!("/iptv/channel/{}.ts", channel.number)).await;
            let mut stream = stream.bytes_stream();
            stream.next().await.unwrap().unwrap();
            viewers.push(stream);
            println!("{n} watched");
            outcomes.push(app.control().restart_channel(&person, channel.id, None).await);
        }
        let done = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
        assert_eq!(done, 10, "{outcomes:?}");
        for outcome in &outcomes[10..] {
            let Err(ControlError::Denied { reason, checks }) = outcome else {
                panic!("{outcome:?}")
            };
            println!("denied: {reason}, {checks:?}");
            let told = format!("{reason} {checks:?}").to_lowercase();
            assert!(told.contains("restart") && told.contains("60"), "{told}");
        }
        assert!(app.control().audit_status().await.unwrap().is_intact());
        app.stop().await;
    });
}
