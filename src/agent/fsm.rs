//! The loop as a state machine: what comes next after what happened. PURE.
//!
//! An *episode* is one try at one incident: at most [`STEPS`] plans, at most one changing action,
//! and nothing is planned after it: it is verified and the episode is over. An event that does not
//! fit the phase ends the episode as broken; nothing is ever done on a doubt.

use crate::domain::Finding;

/// Plans in one episode.
pub const STEPS: u8 = 3;

/// What the planner chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Measure something first.
    Observe,
    /// Change something.
    Act,
    /// Hand it to a person.
    Escalate,
    /// Leave it alone.
    NoOp,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The envelope is on record and the planner has chosen.
    Planned(Choice),
    /// The measurement is there, or is known to fail.
    Observed,
    /// The guard said yes, and the intent is on record.
    Permitted,
    /// The guard said no; `passing` when the reason goes away with time.
    Refused {
        /// Whether asking again later makes sense.
        passing: bool,
    },
    /// The guard said that a person has to agree.
    NeedsApproval,
    /// It was done (or tried: then the verifier will find out).
    Ran,
    /// The verifier has a finding, and it is on record.
    Verified(Finding),
    /// Something needed for going on is not there: audit log, storage, an answer.
    Broken,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Record an envelope and plan.
    Plan {
        /// Which plan this is, from 1.
        step: u8,
    },
    /// Measure what the planner asked for.
    Observe,
    /// Put the chosen action before the guard.
    Propose,
    /// Use the permit.
    Run,
    /// Verify the effect.
    Verify,
    /// Nothing any more.
    Finish(End),
}

/// How an episode ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An action was done and verified.
    Acted(Finding),
    /// A person was told.
    Escalated,
    /// It was left alone, on purpose.
    LeftAlone,
    /// It has to be handed to a person: no plan was left, or no action was allowed.
    GiveUp,
    /// Later may be better.
    Later,
    /// It could not be recorded or measured.
    Broken,
}

/// Where an episode stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Planning,
    Observing,
    Proposing(Choice),
    Running(Choice),
    Verifying,
    Done(End),
}

/// One try at one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    phase: Phase,
    step: u8,
}

impl Episode {
    /// A new episode and its first command.
    pub fn begin() -> (Self, Command) {
        (Self { phase: Phase::Planning, step: 1 }, Command::Plan { step: 1 })
    }

    /// An episode that goes on after a crash: its action was done, its effect is not known.
    ///
    /// It is verified and never done again.
    pub fn resume() -> (Self, Command) {
        (Self { phase: Phase::Verifying, step: STEPS }, Command::Verify)
    }

    /// Takes in what happened and says what is to be done.
    pub fn next(&mut self, event: Event) -> Command {
        let (phase, command) = match (self.phase, event) {
            (Phase::Planning, Event::Planned(Choice::Observe)) => {
                (Phase::Observing, Command::Observe)
            }
            (Phase::Planning, Event::Planned(choice)) => {
                (Phase::Proposing(choice), Command::Propose)
            }
            (Phase::Observing, Event::Observed) if self.step < STEPS => {
                self.step += 1;
                (Phase::Planning, Command::Plan { step: self.step })
            }
            (Phase::Observing, Event::Observed) => finish(End::GiveUp),
            (Phase::Proposing(choice), Event::Permitted) => (Phase::Running(choice), Command::Run),
            (Phase::Proposing(Choice::Act), Event::Refused { passing: true }) => finish(End::Later),
            (Phase::Proposing(_), Event::Refused { .. } | Event::NeedsApproval) => {
                finish(End::GiveUp)
            }
            (Phase::Running(Choice::Act), Event::Ran) => (Phase::Verifying, Command::Verify),
            (Phase::Running(Choice::Escalate), Event::Ran) => finish(End::Escalated),
            (Phase::Running(Choice::NoOp), Event::Ran) => finish(End::LeftAlone),
            (Phase::Verifying, Event::Verified(finding)) => finish(End::Acted(finding)),
            (Phase::Done(end), _) => (Phase::Done(end), Command::Finish(end)),
            (
                Phase::Planning
                | Phase::Observing
                | Phase::Proposing(_)
                | Phase::Running(_)
                | Phase::Verifying,
                _,
            ) => finish(End::Broken),
        };
        self.phase = phase;
        command
    }
}

fn finish(end: End) -> (Phase, Command) {
    (Phase::Done(end), Command::Finish(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn observe_act_verify_is_the_usual_course() {
        check(
            &[
                Event::Planned(Choice::Observe),
                Event::Observed,
                Event::Planned(Choice::Act),
                Event::Permitted,
                Event::Ran,
                Event::Verified(Finding::Fixed),
            ],
            &[
                Command::Observe,
                Command::Plan { step: 2 },
                Command::Propose,
                Command::Run,
                Command::Verify,
                Command::Finish(End::Acted(Finding::Fixed)),
            ],
        );
    }

    #[test]
    fn a_third_observation_ends_it() {
        let observe = [Event::Planned(Choice::Observe), Event::Observed];
        let (mut episode, _) = Episode::begin();
        let last = observe.iter().cycle().take(6).map(|event| episode.next(*event)).last();
        assert_eq!(last, Some(Command::Finish(End::GiveUp)));
    }

    #[test]
    fn a_refusal_ends_it_now_or_for_later() {
        let act = Event::Planned(Choice::Act);
        check(
            &[act, Event::Refused { passing: true }],
            &[Command::Propose, Command::Finish(End::Later)],
        );
        check(
            &[act, Event::Refused { passing: false }],
            &[Command::Propose, Command::Finish(End::GiveUp)],
        );
        check(&[act, Event::NeedsApproval], &[Command::Propose, Command::Finish(End::GiveUp)]);
    }

    #[test]
    fn what_does_not_fit_ends_it() {
        check(&[Event::Permitted], &[Command::Finish(End::Broken)]);
        check(&[Event::Broken], &[Command::Finish(End::Broken)]);
    }

    #[test]
    fn after_a_crash_it_is_verified_and_not_done_again() {
        let (mut episode, first) = Episode::resume();
        assert_eq!(first, Command::Verify);
        let last = episode.next(Event::Verified(Finding::NotFixed));
        assert_eq!(last, Command::Finish(End::Acted(Finding::NotFixed)));
    }

    #[track_caller]
    fn check(events: &[Event], commands: &[Command]) {
        let (mut episode, _) = Episode::begin();
        let said: Vec<Command> = events.iter().map(|event| episode.next(*event)).collect();
        assert_eq!(said, commands);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Planned(Choice::Observe)),
            Just(Event::Planned(Choice::Act)),
            Just(Event::Planned(Choice::Escalate)),
            Just(Event::Planned(Choice::NoOp)),
            Just(Event::Observed),
            Just(Event::Permitted),
            any::<bool>().prop_map(|passing| Event::Refused { passing }),
            Just(Event::NeedsApproval),
            Just(Event::Ran),
            Just(Event::Verified(Finding::Fixed)),
            Just(Event::Verified(Finding::NotFixed)),
            Just(Event::Broken),
        ]
    }

    proptest! {
        #[test]
        fn a3_no_course_of_events_acts_twice_or_plans_after_acting(
            events in prop::collection::vec(any_event(), 0..40),
            resumed in any::<bool>(),
        ) {
            let (mut episode, first) =
                if resumed { Episode::resume() } else { Episode::begin() };
            let mut commands = vec![first];
            commands.extend(events.iter().map(|event| episode.next(*event)));
            let plans = commands.iter().filter(|c| matches!(c, Command::Plan { .. })).count();
            prop_assert!(plans <= usize::from(STEPS));
            let runs: Vec<usize> = (0..commands.len())
                .filter(|at| commands[*at] == Command::Run)
                .collect();
            prop_assert!(runs.len() <= 1);
            if let Some(run) = runs.first() {
                let after = &commands[run + 1..];
                let plans = after.iter().any(|c| matches!(c, Command::Plan { .. }));
                prop_assert!(!plans);
            }
            if resumed {
                prop_assert!(runs.is_empty());
            }
        }

        #[test]
        fn every_episode_ends_within_a_dozen_events(
            events in prop::collection::vec(any_event(), 12..13),
        ) {
            let (mut episode, mut last) = Episode::begin();
            for event in events {
                last = episode.next(event);
            }
            prop_assert!(matches!(last, Command::Finish(_)));
        }
    }
}
