//! Progress on standard error, of index runs, tuning, transfers and downloads.
//!
//! Bars are shown only on a terminal, and not with `--quiet`. They are removed when the work ends.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use engine::{IndexPhase, IndexProgress, StageReport, TransferState, TuneStep, find_bottleneck};

use super::arguments::SharedArguments;
use super::printer;
use super::text_output::palette::find_columns;

/// Delay before the progress bar of an index run is shown; runs over unchanged files are usually shorter.
const SHOW_AFTER: Duration = Duration::from_millis(300);

/// Delay before the table of stages is shown.
const TABLE_AFTER: Duration = Duration::from_secs(2);

/// The width of a bar in columns.
const BAR_COLUMNS: usize = 12;

/// The interval between notes about a download if standard error is not a terminal.
const NOTE_INTERVAL: Duration = Duration::from_secs(10);

/// A progress bar on standard error; hidden with `--quiet` or if standard error is not a terminal.
struct TerminalBar(ProgressBar);

impl TerminalBar {
    fn new(shared: &SharedArguments, template: &str) -> Self {
        let is_visible = !shared.quiet && std::io::stderr().is_terminal();
        let target = if is_visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = Self(ProgressBar::with_draw_target(None, target));
        bar.set_template(template);
        bar
    }

    /// Returns whether nothing is shown.
    fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Sets the layout, in the syntax of `indicatif`; an invalid one is ignored.
    fn set_template(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
    }

    /// Shows `done` of `length` with a message; without a length, that of the last call stays.
    fn show(&self, done: u64, length: Option<u64>, message: String) {
        if let Some(length) = length {
            self.0.set_length(length);
        }
        self.0.set_message(message);
        self.0.set_position(done);
    }
}

impl Drop for TerminalBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The progress bar of an index run.
pub struct IndexProgressBar {
    bar: TerminalBar,
    /// Whether the table of stages is shown.
    verbose: bool,
}

impl IndexProgressBar {
    /// Creates the bar of one run.
    pub fn new(shared: &SharedArguments) -> Self {
        Self { bar: TerminalBar::new(shared, "{spinner} {wide_msg}"), verbose: shared.verbose > 0 }
    }

    /// Shows the progress, unless the run is younger than [`SHOW_AFTER`].
    pub fn show(&self, progress: &IndexProgress) {
        if self.bar.is_hidden() || progress.elapsed < SHOW_AFTER {
            return;
        }
        let is_counted = progress.walk_ended && progress.phase == IndexPhase::Indexing;
        let columns = find_columns(&Term::stderr()).unwrap_or(usize::MAX);
        let message = progress_message(progress, self.verbose, columns.saturating_sub(BAR_COLUMNS + 2));
        // A message of one line is cut to the width of the terminal; one with a table is not.
        self.bar.set_template(match (is_counted, message.contains('\n')) {
            (true, false) => "{bar:12} {wide_msg}",
            (false, false) => "{spinner} {wide_msg}",
            (true, true) => "{bar:12} {msg}",
            (false, true) => "{spinner} {msg}",
        });
        self.bar.show(progress.files_done, is_counted.then_some(progress.files_found), message);
        self.bar.0.tick();
    }
}

/// The progress bar of a tuning run.
pub struct TuneProgressBar(TerminalBar);

impl TuneProgressBar {
    /// Creates the bar of one run.
    pub fn new(shared: &SharedArguments) -> Self {
        Self(TerminalBar::new(shared, "{bar:12} {wide_msg}"))
    }

    /// Shows the progress.
    pub fn show(&self, step: TuneStep) {
        let (done, all, message) = match step {
            TuneStep::Reading { done, files } => (done, files, format!("reading {done} of {files} files")),
            TuneStep::Training { epoch, epochs, done, batches } => {
                let all = (epoch - 1) * batches + done;
                (all, epochs * batches, format!("training, epoch {epoch} of {epochs}"))
            }
        };
        self.0.show(done as u64, Some(all as u64), message);
    }
}

/// The progress bar of a transfer from or to a location.
pub struct TransferProgressBar {
    bar: TerminalBar,
    what: &'static str,
}

impl TransferProgressBar {
    /// Creates the bar of one transfer, which `what` describes.
    pub fn new(shared: &SharedArguments, what: &'static str) -> Self {
        Self { bar: TerminalBar::new(shared, "{bar:12} {bytes}/{total_bytes} {wide_msg}"), what }
    }

    /// Updates the bar.
    pub fn show(&self, state: TransferState) {
        self.bar.show(state.done_bytes, Some(state.bytes), self.what.to_owned());
    }
}

/// The progress bar of [`engine::compact_collection`]; hidden with `--quiet` or if standard error is not a terminal.
#[cfg(feature = "locations")]
pub struct CompactProgress {
    copies: TerminalBar,
    transfers: TerminalBar,
}

#[cfg(feature = "locations")]
impl CompactProgress {
    /// Creates the bar.
    pub fn new(shared: &SharedArguments) -> Self {
        Self {
            copies: TerminalBar::new(shared, "{bar:12} {pos}/{len} {wide_msg}"),
            transfers: TerminalBar::new(shared, "{bar:12} {bytes}/{total_bytes} {wide_msg}"),
        }
    }

    /// Updates the bar.
    pub fn show(&self, step: &engine::CompactStep) {
        use engine::CompactStep::{Copying, Fetching, Indexing, Publishing};

        match step {
            Fetching(state) => {
                self.transfers.show(state.done_bytes, Some(state.bytes), "fetching published indexes".to_owned());
            }
            Copying { name, number, count } => {
                let name = terminal_text::escape_controls(name);
                self.copies.show(*number as u64, Some(*count as u64), name);
            }
            Indexing => self.copies.show(0, None, "building search indexes".to_owned()),
            Publishing(state) => {
                self.transfers.show(state.done_bytes, Some(state.bytes), "publishing".to_owned());
            }
        }
    }
}

/// The progress display of a download: a bar on a terminal, otherwise notes at intervals.
pub struct DownloadProgress {
    bar: TerminalBar,
    is_quiet: bool,
    file: String,
    last_note: Instant,
}

impl DownloadProgress {
    /// Creates the progress display of one download, which may have several files.
    pub fn new(shared: &SharedArguments) -> Self {
        let bar = TerminalBar::new(shared, "{bar:12} {bytes}/{total_bytes} {wide_msg}");
        Self { bar, is_quiet: shared.quiet, file: String::new(), last_note: Instant::now() }
    }

    /// Shows that `bytes` bytes of `file` have arrived; `all` is the length of the file, if known.
    pub fn show(&mut self, file: &str, bytes: u64, all: Option<u64>) {
        let is_new = self.file != file;
        file.clone_into(&mut self.file);
        if !self.bar.is_hidden() {
            if is_new {
                self.bar.0.reset();
                self.bar.show(0, Some(all.unwrap_or(0)), terminal_text::escape_controls(file));
            }
            self.bar.0.set_position(bytes);
        } else if !self.is_quiet && (is_new || self.last_note.elapsed() >= NOTE_INTERVAL) {
            let of = all.map(|all| format!(" of {}", HumanBytes(all))).unwrap_or_default();
            printer::print_note(&format!("{file}: {}{of}", HumanBytes(bytes)));
            self.last_note = Instant::now();
        }
    }
}

/// Formats the progress as `120 of 400 files · 5 seconds left · 900 chunks · 60 files/s · 450 chunks/s`, the most
/// important part first, and only the parts that fit into `columns`. Rates of zero are left out. If `verbose` is set,
/// the table of stages and the sentence about the bottleneck follow after [`TABLE_AFTER`]. In the last phase, only a
/// sentence about it is returned.
fn progress_message(progress: &IndexProgress, verbose: bool, columns: usize) -> String {
    if progress.phase == IndexPhase::Finishing {
        return "finishing the full-text index…".to_owned();
    }
    let rate = |number| terminal_text::count_per_second(number, progress.elapsed);
    let found = if progress.walk_ended { "" } else { "at least " };
    let mut parts =
        vec![format!("{} of {found}{}", progress.files_done, terminal_text::pluralize(progress.files_found, "file"))];
    parts.extend(progress.remaining().map(|left| format!("{} left", terminal_text::format_age(left))));
    parts.push(terminal_text::pluralize(progress.chunks, "chunk"));
    parts.extend(terminal_text::format_rate(rate(progress.files_redone), "files"));
    parts.extend(terminal_text::format_rate(rate(progress.chunks), "chunks"));
    let mut line = parts.remove(0);
    for part in parts {
        if line.chars().count() + " · ".len() + part.len() > columns {
            break;
        }
        line.push_str(&format!(" · {part}"));
    }
    let mut lines = vec![line];
    if verbose && progress.elapsed >= TABLE_AFTER && !progress.stages.is_empty() {
        lines.extend(progress_table(&progress.stages, progress.elapsed));
        lines.extend(find_bottleneck(&progress.stages, progress.elapsed).map(|found| found.to_string()));
    }
    lines.join("\n")
}

/// Returns a table with one column per stage: time shares in percent, and the fill of its input queue.
fn progress_table(stages: &[StageReport], elapsed: Duration) -> [String; 5] {
    let row = |name: &str, cell: &dyn Fn(&StageReport) -> String| {
        let cells: String = stages.iter().map(|stage| format!("{:>8}", cell(stage))).collect();
        format!("  {name:<15}{cells}")
    };
    let share = |stage: &StageReport, part: Duration| {
        let whole = elapsed.as_secs_f64() * stage.threads.max(1) as f64;
        format!("{:.0} %", (part.as_secs_f64() / whole.max(0.001) * 100.0).min(100.0))
    };
    [
        row("", &|stage| stage.stage.to_string()),
        row("busy", &|stage| share(stage, stage.busy)),
        row("waits for input", &|stage| share(stage, stage.waiting_for_input)),
        row("… for output", &|stage| share(stage, stage.waiting_for_output)),
        row("queue", &|stage| match stage.queue {
            None => String::new(),
            Some(queue) => format!("{}/{}", queue.depth, queue.capacity),
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{QueueReport, Stage};

    #[test]
    fn the_remaining_time_is_shown_after_the_walk() {
        let mut progress = IndexProgress {
            phase: IndexPhase::Indexing,
            files_found: 400,
            walk_ended: false,
            files_done: 100,
            files_changed: 400,
            files_redone: 100,
            chunks: 900,
            elapsed: Duration::from_secs(10),
            stages: Vec::new(),
            device: None,
        };
        let message = |progress: &IndexProgress| progress_message(progress, false, 80);
        assert_eq!(message(&progress), "100 of at least 400 files · 900 chunks · 10 files/s · 90 chunks/s");
        progress.walk_ended = true;
        assert_eq!(message(&progress), "100 of 400 files · 30 seconds left · 900 chunks · 10 files/s · 90 chunks/s");
        assert_eq!(progress_message(&progress, false, 40), "100 of 400 files · 30 seconds left");
        let young = IndexProgress { files_done: 0, files_redone: 0, chunks: 0, ..progress.clone() };
        assert_eq!(message(&young), "0 of 400 files · 0 chunks");
        // Unchanged files take no time.
        (progress.files_done, progress.files_changed) = (350, 150);
        assert!(message(&progress).contains(" · 5 seconds left · "), "{}", message(&progress));
        progress.phase = IndexPhase::Finishing;
        assert_eq!(message(&progress), "finishing the full-text index…");
    }

    #[test]
    fn each_stage_has_a_column_and_the_bottleneck_a_sentence() {
        let seconds = Duration::from_secs;
        let stage = |stage, busy: u64, input: u64, output: u64, depth, capacity| StageReport {
            threads: 2,
            busy: seconds(busy * 2),
            waiting_for_input: seconds(input * 2),
            waiting_for_output: seconds(output * 2),
            queue: Some(QueueReport { depth, capacity, mean: 0.0 }),
            ..StageReport::new(stage)
        };
        let stages = vec![stage(Stage::Parse, 1, 0, 9, 32, 32), stage(Stage::Embed, 10, 0, 0, 4, 4)];
        let progress = IndexProgress {
            phase: IndexPhase::Indexing,
            files_found: 400,
            walk_ended: true,
            files_done: 100,
            files_changed: 400,
            files_redone: 100,
            chunks: 900,
            elapsed: seconds(10),
            stages,
            device: None,
        };
        assert_eq!(progress_message(&progress, false, 80).lines().count(), 1);
        let shown = progress_message(&progress, true, 80);
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "                    parse   embed",
                "  busy               10 %   100 %",
                "  waits for input     0 %     0 %",
                "  … for output       90 %     0 %",
                "  queue             32/32     4/4",
                "embed is the bottleneck: busy 100 %; parse waits on it 90 % of the time",
            ]
        );
        let early = IndexProgress { elapsed: seconds(1), ..progress };
        assert_eq!(progress_message(&early, true, 80).lines().count(), 1);
    }
}
