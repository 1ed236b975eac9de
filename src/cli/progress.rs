//! The progress bar of an index run, on standard error.
//!
//! Shown on a terminal only, and only once a run takes longer than a glance. Must never import:
//! anything of this crate but `engine`.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::arguments::Shared;
use super::text;
use crate::engine::{Phase, Progress, bottleneck};

/// Runs over unchanged files end sooner than this.
const PATIENCE: Duration = Duration::from_millis(300);

/// A bar, or nothing where nobody would see it.
pub struct Bar(ProgressBar);

impl Bar {
    /// For one run.
    pub fn new(shared: &Shared) -> Self {
        let seen = !shared.quiet && std::io::stderr().is_terminal();
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self(ProgressBar::with_draw_target(None, target))
    }

    /// Shows where the run is.
    pub fn show(&self, progress: &Progress) {
        if self.0.is_hidden() || progress.elapsed < PATIENCE {
            return;
        }
        let counted = progress.walk_ended && progress.phase == Phase::Indexing;
        if counted {
            self.0.set_length(progress.files_found);
        }
        let template = if counted { "{bar:24} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(message(progress));
        self.0.set_position(progress.files_done);
        self.0.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `120/400 files · 900 chunks · 60 files/s · 5 seconds left`
fn message(progress: &Progress) -> String {
    if progress.phase == Phase::Finishing {
        return "finishing the full-text index…".to_owned();
    }
    let rate = text::rate(progress.files_done, progress.elapsed);
    let found = if progress.walk_ended { "" } else { "at least " };
    let mut parts = vec![
        format!("{} of {found}{}", progress.files_done, text::plural(progress.files_found, "file")),
        text::plural(progress.chunks, "chunk"),
        format!("{rate:.0} files/s"),
    ];
    parts.extend(progress.remaining().map(|left| format!("{} left", text::age(left))));
    parts.extend(bottleneck(&progress.stages, progress.elapsed).map(|slowest| format!("{} is slowest", slowest.stage)));
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_told_once_the_walk_has_ended() {
        let mut progress = Progress {
            phase: Phase::Indexing,
            files_found: 400,
            walk_ended: false,
            files_done: 100,
            chunks: 900,
            elapsed: Duration::from_secs(10),
            stages: Vec::new(),
            device: None,
        };
        assert_eq!(message(&progress), "100 of at least 400 files · 900 chunks · 10 files/s");
        progress.walk_ended = true;
        assert_eq!(message(&progress), "100 of 400 files · 900 chunks · 10 files/s · 30 seconds left");
        progress.phase = Phase::Finishing;
        assert_eq!(message(&progress), "finishing the full-text index…");
    }
}
