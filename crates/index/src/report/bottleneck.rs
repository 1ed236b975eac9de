//! Finds the stage that the other stages wait for, and describes it in one sentence.

use std::fmt;
use std::time::Duration;

use super::stage::{Stage, StageReport};

/// Minimum elapsed time of a run for finding a bottleneck.
const MIN_ELAPSED: Duration = Duration::from_millis(50);

/// The busiest stage, and the embedder or the parsers if they wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bottleneck {
    pub stage: Stage,
    /// Share of the elapsed time that the threads of the stage worked, from 0 to 1.
    pub busy: f64,
    /// The embedder if it comes after the busiest stage, or the parsers if they come before it, with the share of the
    /// elapsed time that they wait, from 0 to 1; `None` below 0.01.
    pub waiting: Option<(Stage, f64)>,
    /// Whether the waiting stage comes after the busiest one and lacks input; otherwise it comes before the busiest one
    /// and cannot pass on its output.
    pub waits_for_input: bool,
}

/// Finds the bottleneck of a run that has taken `elapsed` so far; `None` if the run has been too short to tell or
/// `stages` is empty.
pub fn find_bottleneck(stages: &[StageReport], elapsed: Duration) -> Option<Bottleneck> {
    let share = |stage: &StageReport, part: Duration| {
        let whole = elapsed.as_secs_f64() * stage.threads.max(1) as f64;
        (part.as_secs_f64() / whole).min(1.0)
    };
    if elapsed < MIN_ELAPSED {
        return None;
    }
    let busy = |stage: &StageReport| share(stage, stage.busy);
    let (at, slowest) = stages.iter().enumerate().max_by(|a, b| busy(a.1).total_cmp(&busy(b.1)))?;
    // If a stage before the embedder is slowest, report how long the embedder lacks input; otherwise how long the
    // parsers cannot pass on their output.
    let find = |stage: Stage| stages.iter().position(|report| report.stage == stage);
    let starving = find(Stage::Embed).filter(|embed| *embed > at);
    let blocked = find(Stage::Parse).filter(|parse| *parse < at);
    let waiting = match (starving, blocked) {
        (Some(embed), _) => Some((stages[embed].stage, share(&stages[embed], stages[embed].waiting_for_input))),
        (None, Some(parse)) => Some((stages[parse].stage, share(&stages[parse], stages[parse].waiting_for_output))),
        (None, None) => None,
    };
    let waiting = waiting.filter(|(_, share)| *share >= 0.01);
    Some(Bottleneck { stage: slowest.stage, busy: busy(slowest), waiting, waits_for_input: starving.is_some() })
}

impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is the bottleneck: busy {:.0} %", self.stage, self.busy * 100.0)?;
        match self.waiting {
            Some((stage, share)) if self.waits_for_input => {
                write!(f, "; {stage} waits for work {:.0} % of the time", share * 100.0)
            }
            Some((stage, share)) => write!(f, "; {stage} waits on it {:.0} % of the time", share * 100.0),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the report of a stage in a run of 100 s; times are in percent of the run.
    fn stage(stage: Stage, threads: usize, busy: u64, input: u64, output: u64) -> StageReport {
        let seconds = |percent: u64| Duration::from_secs(percent * threads as u64);
        StageReport {
            threads,
            busy: seconds(busy),
            waiting_for_input: seconds(input),
            waiting_for_output: seconds(output),
            ..StageReport::new(stage)
        }
    }

    #[test]
    fn the_sentence_names_the_slow_and_the_waiting_stage() {
        let describe = |stages: &[StageReport]| {
            find_bottleneck(stages, Duration::from_secs(100))
                .map(|bottleneck| bottleneck.to_string())
                .expect("a bottleneck")
        };
        let slow_device = [
            stage(Stage::Read, 1, 2, 0, 98),
            stage(Stage::Parse, 2, 12, 0, 88),
            stage(Stage::Embed, 1, 97, 2, 1),
            stage(Stage::Write, 1, 5, 95, 0),
        ];
        assert_eq!(describe(&slow_device), "embed is the bottleneck: busy 97 %; parse waits on it 88 % of the time");
        let slow_parser =
            [stage(Stage::Read, 1, 2, 0, 98), stage(Stage::Parse, 2, 99, 1, 0), stage(Stage::Embed, 1, 20, 80, 0)];
        assert_eq!(describe(&slow_parser), "parse is the bottleneck: busy 99 %; embed waits for work 80 % of the time");
        let slow_store =
            [stage(Stage::Parse, 2, 30, 0, 70), stage(Stage::Embed, 1, 20, 10, 70), stage(Stage::Write, 1, 95, 5, 0)];
        assert_eq!(describe(&slow_store), "write is the bottleneck: busy 95 %; parse waits on it 70 % of the time");
    }

    #[test]
    fn a_short_run_has_no_bottleneck() {
        assert_eq!(find_bottleneck(&[stage(Stage::Parse, 1, 100, 0, 0)], Duration::from_millis(1)), None);
    }
}
