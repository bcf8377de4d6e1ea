//! Signals in, incidents out.

use proptest::prelude::*;

use super::*;
use crate::domain::{ChannelId, MediaId};

fn signal(rule: &'static str, cause: Cause, kind: SignalKind) -> Signal {
    Signal {
        rule,
        subject: Subject::Channel(ChannelId(1)),
        media: Some(MediaId(9)),
        cause,
        kind,
        evidence: Vec::new(),
        summary: "words".into(),
        failure: false,
    }
}

fn exited() -> Signal {
    signal("ENCODER_EXITED", Cause::EncoderExited, SignalKind::Hard)
}

fn stalled(kind: SignalKind) -> Signal {
    signal("STALL", Cause::Stall, kind)
}

fn clean() -> Signal {
    signal("", Cause::Unknown, SignalKind::Clean)
}

/// Applies signals at their seconds and returns what happened, in order.
fn play(signals: &[(i64, Signal)]) -> Vec<ChangeKind> {
    let mut book = Book::default();
    let mut kinds = Vec::new();
    for (second, signal) in signals {
        kinds.extend(book.apply(signal, UtcMillis(second * 1_000)).iter().map(|c| c.kind));
    }
    kinds
}

use ChangeKind::{Opened, Reopened, Resolved, Seen};

#[test]
fn a_hard_signal_opens_at_once_and_three_clean_beats_end_it() {
    let story = [(0, exited()), (1, clean()), (2, clean()), (3, clean())];
    assert_eq!(play(&story), [Opened, Resolved]);
}

#[test]
fn a_fault_in_between_starts_the_count_again() {
    let story = [(0, exited()), (1, clean()), (2, clean()), (3, exited()), (4, clean())];
    assert_eq!(play(&story), [Opened, Seen]);
}

#[test]
fn a_soft_signal_has_to_come_twice_soon() {
    let soft = || stalled(SignalKind::Soft);
    assert_eq!(play(&[(0, soft())]), []);
    assert_eq!(play(&[(0, soft()), (11, soft())]), []);
    assert_eq!(play(&[(0, soft()), (1, soft()), (2, soft())]), [Opened, Seen]);
}

#[test]
fn what_comes_back_within_ten_minutes_is_the_same_incident() {
    let over = [(0, exited()), (1, clean()), (2, clean()), (3, clean())];
    let back = |second| [&over[..], &[(second, exited())]].concat();
    assert_eq!(play(&back(602)), [Opened, Resolved, Reopened]);
    assert_eq!(play(&back(603)), [Opened, Resolved, Opened]);
}

#[test]
fn a_stall_and_the_exit_that_follows_are_one_trouble() {
    let story = [(0, stalled(SignalKind::Hard)), (1, exited())];
    assert_eq!(play(&story), [Opened, Seen]);
}

#[test]
fn another_item_is_another_incident() {
    let corrupt = |media| Signal {
        media: Some(MediaId(media)),
        ..signal("MEDIA_CORRUPT", Cause::MediaCorrupt, SignalKind::Hard)
    };
    assert_eq!(play(&[(0, corrupt(1)), (1, corrupt(2)), (2, corrupt(1))]), [Opened, Opened, Seen]);
}

#[test]
fn work_ahead_that_meets_the_same_bad_item_is_no_second_incident() {
    let missing = || signal("MEDIA_MISSING", Cause::MediaMissing, SignalKind::Hard);
    let ahead = || Signal { subject: Subject::Media(MediaId(9)), ..missing() };
    assert_eq!(play(&[(0, missing()), (1, ahead())]), [Opened, Seen]);
    let over = [(0, missing()), (1, clean()), (2, clean()), (3, clean())];
    let late = |second| [&over[..], &[(second, ahead())]].concat();
    assert_eq!(play(&late(4)), [Opened, Resolved]);
    assert_eq!(play(&[(0, ahead()), (1, missing())]), [Opened, Opened]);
}

#[test]
fn a_channel_without_content_stays_so_however_healthy_its_slate_is() {
    let empty = signal("NO_CONTENT", Cause::NoContent, SignalKind::Hard);
    let filled = signal("NO_CONTENT", Cause::Unknown, SignalKind::Over);
    let story =
        [(0, empty.clone()), (1, empty), (2, clean()), (3, clean()), (4, clean()), (5, filled)];
    assert_eq!(play(&story), [Opened, Seen, Resolved]);
}

#[test]
fn a_restored_book_goes_on_where_it_was() {
    let mut book = Book::default();
    let mut opened = book.apply(&exited(), UtcMillis(0)).remove(0).entry;
    opened.incident.id = IncidentId(4);
    let mut book = Book::restore(vec![(opened.incident, opened.evidence)]);
    let change = book.apply(&exited(), UtcMillis(1_000)).remove(0);
    assert_eq!((change.kind, change.entry.incident.id), (Seen, IncidentId(4)));
}

#[test]
fn what_no_beat_speaks_for_ends_by_silence() {
    let mut book = Book::default();
    book.apply(&exited(), UtcMillis(0));
    assert_eq!(book.tick(UtcMillis(QUIET_MS - 1)), []);
    assert_eq!(book.tick(UtcMillis(QUIET_MS)).len(), 1);
}

proptest! {
    #[test]
    fn at_most_one_incident_of_a_kind_is_open(
        steps in prop::collection::vec((0_i64..400, 0_u8..6), 0..200),
    ) {
        let mut book = Book::default();
        let mut now = UtcMillis(0);
        for (wait, what) in steps {
            now = now.plus_ms(wait * 1_000);
            let signal = match what {
                0 => exited(),
                1 => stalled(SignalKind::Hard),
                2 => stalled(SignalKind::Soft),
                3 => signal("MEDIA_CORRUPT", Cause::MediaCorrupt, SignalKind::Hard),
                4 => signal("NO_CONTENT", Cause::NoContent, SignalKind::Hard),
                _ => clean(),
            };
            book.apply(&signal, now);
            let mut open: Vec<Cause> = book
                .open()
                .map(|i| if i.cause == Cause::Stall { Cause::EncoderExited } else { i.cause })
                .collect();
            let before = open.len();
            open.sort_unstable();
            open.dedup();
            prop_assert_eq!(open.len(), before);
        }
    }
}
