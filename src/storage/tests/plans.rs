//! What people keep of schedules.

use super::Home;
use crate::domain::{ChannelId, KeptPlayout, KeptSchedule, NewChannel, PlayoutSource, UtcMillis};
use crate::storage::StorageError;

const NOW: UtcMillis = UtcMillis(1_000);

#[tokio::test]
async fn a_schedule_is_kept_changed_and_gone_and_its_id_is_not_given_away_again() {
    let home = Home::new();
    let body = KeptSchedule { name: "a".to_owned(), ..KeptSchedule::default() };
    let kept = home.db.insert_plan(body.clone(), NOW).await.unwrap();
    let edited = KeptSchedule { random_start_point: true, ..body };
    home.db.update_plan(kept.id, &edited, UtcMillis(2_000)).await.unwrap();
    let found = home.db.find_plan::<KeptSchedule>(kept.id).await.unwrap().unwrap();
    assert_eq!((found.body, found.created.0, found.updated.0), (edited.clone(), 1_000, 2_000));
    home.db.delete_plan::<KeptSchedule>(kept.id).await.unwrap();
    assert!(home.db.list_plans::<KeptSchedule>().await.unwrap().is_empty());
    let gone = home.db.update_plan(kept.id, &edited, NOW).await;
    assert!(matches!(gone, Err(StorageError::NotFound)), "{gone:?}");
    assert!(home.db.insert_plan(edited, NOW).await.unwrap().id > kept.id);
}

#[tokio::test]
async fn a_channel_has_one_active_playout_and_takes_its_playouts_with_it() {
    let home = Home::new();
    let new = NewChannel {
        number: None,
        name: "a".to_owned(),
        group: None,
        logo: None,
        enabled: true,
        profile: None,
        rules: crate::domain::Rules::default(),
    };
    let channel = home.db.insert_channel(new, "720p25").await.unwrap().id;
    let body = KeptPlayout::on(channel, PlayoutSource::Schedule { schedule: 1 });
    let first = home.db.activate_playout(None, body.clone(), NOW).await.unwrap();
    let second = home.db.activate_playout(None, body.clone(), NOW).await.unwrap();
    let active = async || -> Vec<i64> {
        let all = home.db.list_plans::<KeptPlayout>().await.unwrap();
        all.into_iter().filter(|kept| kept.body.is_active).map(|kept| kept.id).collect()
    };
    assert_eq!(active().await, [second.id]);
    home.db.activate_playout(Some(first.id), body, NOW).await.unwrap();
    assert_eq!(active().await, [first.id]);

    let nobody = KeptPlayout::on(ChannelId(99), PlayoutSource::None);
    let lost = home.db.activate_playout(None, nobody, NOW).await;
    assert!(matches!(lost, Err(StorageError::NotFound)), "{lost:?}");
    home.db.delete_channel(channel).await.unwrap();
    assert!(home.db.list_plans::<KeptPlayout>().await.unwrap().is_empty());
}

#[tokio::test]
async fn prints_are_replaced_as_a_whole() {
    let home = Home::new();
    let prints = [(ChannelId(1), u64::MAX), (ChannelId(2), 7)].into();
    home.db.set_plan_prints(&prints).await.unwrap();
    assert_eq!(home.db.plan_prints().await.unwrap(), prints);
    let fewer = [(ChannelId(2), 8)].into();
    home.db.set_plan_prints(&fewer).await.unwrap();
    assert_eq!(home.db.plan_prints().await.unwrap(), fewer);
}
