//! The test card: a channel of its own on every profile, outside the line-up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Channel, ChannelId, ChannelNumber, Profile, Rules, Timeline};
use crate::stream::{OnAir, OwnSlates};

use super::Control;

/// The profile where neither the asker nor a channel names one.
const PLAIN: &str = "720p25";

/// The test cards that were asked for, by profile.
#[derive(Debug, Default)]
pub(super) struct TestCards(Mutex<HashMap<String, (Profile, Arc<Channel>)>>);

impl Control {
    /// The channel that shows the test card, put on air at the first call; `None` for an unknown
    /// profile. Without one it is that of the first channel. Memory only.
    ///
    /// It is a channel without a plan, so it costs nothing while nobody watches, and neither guide
    /// nor line-up has it.
    pub fn test_card(&self, profile: Option<&str>) -> Option<Arc<Channel>> {
        let board = self.board();
        let first = || board.lineup.first().and_then(|first| board.channels.get(&first.id));
        let name = match profile {
            Some(name) => name.to_owned(),
            None => first().map_or_else(|| PLAIN.to_owned(), |first| first.channel.profile.clone()),
        };
        let profile = board.profiles.get(&name).cloned().or_else(|| Profile::named(&name))?;
        let mut cards = self.test_cards().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, channel)) = cards.get(&name)
            && *known == profile
        {
            return Some(Arc::clone(channel));
        }
        let before = cards.get(&name).map(|(_, channel)| channel.id);
        let next = i64::try_from(cards.len()).unwrap_or(i64::MAX - 1) + 1;
        let channel = Arc::new(Channel {
            // Ids of channels are positive.
            id: before.unwrap_or(ChannelId(-next)),
            number: ChannelNumber::whole(9_999).ok()?,
            name: "Test card".to_owned(),
            group: None,
            logo: None,
            enabled: true,
            profile: name.clone(),
            rules: Rules::default(),
        });
        self.steering().publish(OnAir {
            channel: Arc::clone(&channel),
            profile: profile.clone(),
            timeline: Timeline::default(),
            media: Arc::default(),
            slates: OwnSlates::test_card(),
        });
        cards.insert(name, (profile, Arc::clone(&channel)));
        Some(channel)
    }
}
