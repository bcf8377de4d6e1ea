//! What was listed once keeps its name and its bytes, whatever happens to the channel.

use std::collections::BTreeMap;

use super::*;

/// What playlists said so far: a name and its bytes for each segment and part.
#[derive(Default)]
struct Witness {
    named: BTreeMap<(i64, Option<u32>), (SegmentName, Option<Bytes>)>,
    newest: i64,
}

impl Witness {
    /// Reads both playlists: nothing that was named before may be called otherwise.
    async fn look(&mut self, rig: &Rig) {
        for form in [Form::Plain, Form::LowLatency] {
            let text = rig.listed(form).await;
            for name in names(&text) {
                let known = self.named.entry((name.n, name.part)).or_insert((name, None));
                assert_eq!(known.0, name, "renamed at {}:\n{text}", rig.now() - START);
            }
            let numbers = numbers(&text);
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{text}");
            let last = *numbers.last().unwrap();
            assert!(last + 1 >= self.newest, "it went back to {last} from {}", self.newest);
            self.newest = self.newest.max(last);
            let first = numbers[0];
            for ((n, part), (name, bytes)) in &mut self.named {
                // Listed, or so lately that a player still wants it.
                if *n < first - 3 {
                    continue;
                }
                let segment = rig.tuning.segment(CHANNEL, *name).await;
                let segment = segment.unwrap_or_else(|error| panic!("{name} ({part:?}): {error}"));
                assert_eq!(*bytes.get_or_insert_with(|| segment.bytes.clone()), segment.bytes);
            }
        }
    }

    fn segments(&self) -> usize {
        self.named.keys().filter(|(_, part)| part.is_none()).count()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_slate_stood_in_for_keeps_its_name_when_the_channel_begins_again() {
    let rig = Rig::with(|settings| settings.viewers.linger_ms = 1_000);
    rig.store.remove(MediaId(2));
    let mut seen = Witness::default();
    for _ in 0..4 {
        seen.look(&rig).await;
        rig.sleep(1_500).await;
    }
    // It would be composed otherwise from now on.
    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    seen.look(&rig).await;
    for viewer in rig.tuning.viewers() {
        rig.steering.end_session(viewer.id, SessionEnd::Kicked);
    }
    rig.sleep(1_800).await;
    assert_eq!(rig.tuning.running(), []);
    for name in seen.named.values().map(|(name, _)| *name) {
        assert_eq!(rig.tuning.segment(CHANNEL, name).await.map(|_| ()), Ok(()), "nobody watches");
    }
    let before = seen.segments();
    for _ in 0..10 {
        seen.look(&rig).await;
        rig.sleep(1_700).await;
    }
    assert!(seen.segments() > before + 3, "{} and {before}", seen.segments());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_of_a_channel_that_begins_again_sees_what_is_listed() {
    let rig = Rig::with(|settings| settings.viewers.linger_ms = 1_000);
    rig.store.remove(MediaId(2));
    let mut seen = Witness::default();
    seen.look(&rig).await;
    rig.sleep(3_000).await;
    seen.look(&rig).await;
    rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
    rig.steering.end_session(rig.tuning.viewers()[0].id, SessionEnd::Kicked);
    rig.sleep(1_800).await;
    let mut viewer = rig.join();
    let stream = rig.read_for(&mut viewer, 12_000).await;
    let report = check(&stream, rig.now() * 90);
    assert!(report.is_clean(), "{:?}", report.faults);
    seen.look(&rig).await;
    let whole = seen.named.values().filter(|(name, _)| name.part.is_none());
    let found = whole.filter(|(_, bytes)| find(&stream, bytes.as_ref().unwrap())).count();
    assert!(found >= 3, "{found} segments");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_held_up_lists_what_it_missed_and_renames_nothing() {
    let rig = Rig::prepared();
    let mut seen = Witness::default();
    for round in 0..6 {
        match round {
            0 => rig.store.remove(MediaId(2)),
            2 => rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50)),
            _ => {}
        }
        for _ in 0..3 {
            seen.look(&rig).await;
            rig.sleep(1_300).await;
        }
        let late = rig.tuning.counters().late_starts;
        tokio::time::advance(Duration::from_millis(13_000)).await;
        rig.sleep(500).await;
        assert!(rig.tuning.counters().late_starts > late);
        seen.look(&rig).await;
    }
    let listed: Vec<i64> = seen.named.keys().map(|(n, _)| *n).collect();
    let (first, last) = (listed[0], listed[listed.len() - 1]);
    assert!(seen.segments() >= usize::try_from(last - first).unwrap(), "there is a gap");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_again_lists_the_same() {
    let mut rig = Rig::prepared();
    rig.store.remove(MediaId(2));
    let plan = [(Some(1), 0, 10_000), (Some(2), 0, 10_000), (Some(3), 0, 10_000)].repeat(20);
    let mut seen = Witness::default();
    for round in 0..4 {
        seen.look(&rig).await;
        rig.sleep(3_000).await;
        seen.look(&rig).await;
        if round == 0 {
            rig.store.put(MediaId(2), &rig.profile, &Layout::even(5, 50));
        }
        rig = rig.restarted().await;
        rig.sleep(2_000).await;
        rig.steering.publish(on_air(&rig.profile, START - 100_000, &plan));
        let before = seen.segments();
        seen.look(&rig).await;
        assert!(before >= 2 && seen.named.values().any(|(_, bytes)| bytes.is_some()));
    }
    // Much later nothing of it matters, and nothing old is listed.
    let old = seen.newest;
    rig = rig.restarted().await;
    rig.sleep(400_000).await;
    rig.steering.publish(on_air(&rig.profile, START - 100_000, &plan));
    assert!(numbers(&rig.listed(Form::Plain).await)[0] > old);
}

#[tokio::test(start_paused = true)]
async fn another_plan_and_other_looks_rename_nothing() {
    let rig = Rig::with(|settings| settings.viewers.linger_ms = 1_000);
    let mut seen = Witness::default();
    seen.look(&rig).await;
    rig.sleep(4_000).await;
    seen.look(&rig).await;
    let slots = [(Some(3), 0, 7_000), (Some(1), 0, 9_000)].repeat(40);
    rig.steering.publish(on_air(&rig.profile, START - 100_000, &slots));
    for _ in 0..3 {
        seen.look(&rig).await;
        rig.sleep(2_300).await;
    }
    let sharper = Profile { video_kbps: 2_000, ..rig.profile.clone() };
    rig.steering.publish(on_air(&sharper, START - 100_000, &slots));
    for viewer in rig.tuning.viewers() {
        rig.steering.end_session(viewer.id, SessionEnd::Kicked);
    }
    rig.sleep(1_800).await;
    assert_eq!(rig.tuning.running(), []);
    for _ in 0..5 {
        seen.look(&rig).await;
        rig.sleep(2_300).await;
    }
}

#[tokio::test(start_paused = true)]
async fn on_another_grid_nothing_is_listed_that_was_listed_before() {
    let rig = Rig::prepared();
    let other = Profile::named("360p50").unwrap();
    let before = names(&rig.listed(Form::LowLatency).await);
    rig.steering.publish(on_air(&other, START - 100_000, &[(None, 0, 600_000)]));
    rig.sleep(6_000).await;
    let after = numbers(&rig.listed(Form::Plain).await);
    let newest = before.iter().map(|name| name.n).max().unwrap();
    assert!(after[0] > newest, "{after:?} after {newest}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_renamed_whatever_happens() {
    for seed in 0..8_u64 {
        let mut rig = Rig::with(|settings| settings.viewers.linger_ms = 1_000);
        let mut seen = Witness::default();
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut chance = |of: u64| {
            // xorshift: the same in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % of
        };
        for _ in 0..14 {
            let media = MediaId(1 + i64::try_from(chance(3)).unwrap());
            match chance(6) {
                0 => rig.store.remove(media),
                1 => rig.store.put(media, &rig.profile, &Layout::even(5, 50)),
                2 => tokio::time::advance(Duration::from_millis(9_000 + chance(9_000))).await,
                3 => {
                    for viewer in rig.tuning.viewers() {
                        rig.steering.end_session(viewer.id, SessionEnd::Kicked);
                    }
                    rig.sleep(1_000 + chance(2_000)).await;
                }
                4 => {
                    rig = rig.restarted().await;
                    let first = START - 100_000;
                    let cut = 10_000 - i64::try_from(chance(3)).unwrap() * 1_000;
                    let slots = [(Some(1), 0, 10_000), (Some(2), 0, cut), (Some(3), 0, 10_000)];
                    rig.steering.publish(on_air(&rig.profile, first, &slots.repeat(20)));
                }
                _ => {}
            }
            // What was removed cannot be read: that its names stay is all that is asked of it.
            seen.check_names(&rig).await;
            rig.sleep(500 + chance(4_000)).await;
        }
        assert!(seen.segments() > 8, "{}", seen.segments());
    }
}

impl Witness {
    /// As [`Self::look`], without reading any segment.
    async fn check_names(&mut self, rig: &Rig) {
        for form in [Form::LowLatency, Form::Plain] {
            let text = rig.listed(form).await;
            for name in names(&text) {
                let known = self.named.entry((name.n, name.part)).or_insert((name, None));
                assert_eq!(known.0, name, "renamed at {}:\n{text}", rig.now() - START);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_hinted_at_is_there_and_listed_next() {
    let rig = Rig::prepared();
    rig.listed(Form::LowLatency).await;
    for _ in 0..12 {
        rig.sleep(900).await;
        let text = rig.listed(Form::LowLatency).await;
        let hint = text.lines().last().unwrap();
        assert!(hint.starts_with("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\""), "{text}");
        let hint = names(hint)[0];
        assert!(rig.tuning.segment(CHANNEL, hint).await.is_ok());
        let wish = Wish { segment: hint.n, part: hint.part };
        let next = rig.wish(Form::LowLatency, wish).await.unwrap();
        let listed = next.lines().filter(|line| line.starts_with("#EXT-X-PART:"));
        assert!(listed.flat_map(names).any(|name| name == hint), "{hint} in\n{next}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_answered_in_time_even_if_nothing_comes() {
    let rig = Rig::prepared();
    let last = *numbers(&rig.listed(Form::Plain).await).last().unwrap();
    for media in [1, 2, 3, rendition::SLATE_STANDBY.0, rendition::SLATE_NO_PROGRAMMING.0] {
        rig.store.remove(MediaId(media));
    }
    for (form, part) in [(Form::Plain, None), (Form::LowLatency, Some(1))] {
        let asked = rig.now();
        let late = rig.wish(form, Wish { segment: last + 2, part }).await;
        assert_eq!(late, Err(PlaylistError::Late));
        let waited = rig.now() - asked;
        assert!((24_000..=24_100).contains(&waited), "{waited} ms");
    }
    let none = rig.tuning.playlist(CHANNEL, who("hls"), Form::Plain, None).await;
    assert!(none.is_ok(), "what was listed still is");
    let asked = rig.now();
    let wish = Wish { segment: last + 2, part: None };
    let (late, ()) = tokio::join!(rig.wish(Form::Plain, wish), async {
        rig.sleep(1_000).await;
        rig.steering.withdraw(CHANNEL);
    });
    assert_eq!(late, Err(PlaylistError::Late), "the channel is gone");
    assert!(rig.now() - asked < 2_000);
}

/// Every name in a playlist, of segments, of parts and hinted at.
fn names(text: &str) -> Vec<SegmentName> {
    let addresses = text.lines().filter_map(|line| match line.split_once("URI=\"") {
        Some((_, rest)) => rest.split('"').next(),
        None => (!line.starts_with('#')).then_some(line),
    });
    addresses.map(|name| name.parse().unwrap()).collect()
}
