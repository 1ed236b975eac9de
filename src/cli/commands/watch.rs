//! `codescry watch`: watches a folder and keeps its index up to date.

use std::time::Duration;

use engine::{
    CancelToken, ChangedFiles, Engine, EngineError, IndexProgress, IndexReport, IndexRequest, IndexScope,
    RemainingWork, RepoPath, WatchState,
};
use platform::clock;
use text::display::escape_name;

use crate::cli::arguments::{SharedArguments, WatchArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::open_to_index;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::{self, Printer};
use crate::cli::progress::IndexProgressBar;
use crate::cli::text_output::palette::Palette;
use crate::cli::text_output::report;

/// The interval between attempts while another process writes the same index.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Runs `codescry watch`.
///
/// # Errors
/// If the folder cannot be watched, or the first index run fails.
pub fn run_watch(shared: &SharedArguments, arguments: &WatchArguments) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, arguments.path.as_deref())?;
    let interrupts = Interrupts::listen()?;
    let is_complete = interrupts.run_cancellable(|stop| {
        let mut watch =
            WatchCommand { shared, engine: &engine, printer: Printer::new(), is_first: true, unwatched: None };
        interrupts.set_idle(true);
        let mut failure = None;
        let followed = engine.watch(stop, &mut |scope, WatchState { unwatched, .. }| {
            interrupts.set_idle(false);
            let remaining = watch.index_scope(scope, unwatched, stop).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                stop.cancel();
                RemainingWork::Nothing
            });
            interrupts.set_idle(true);
            remaining
        });
        failure.map_or(Ok(()), Err)?;
        followed.map_err(anyhow::Error::from)?;
        anyhow::Ok(!watch.is_first)
    })?;
    // Ctrl-C is the usual end of this command, unless it comes before the folder is indexed.
    Ok(if is_complete { CommandExit::Done } else { CommandExit::Interrupted })
}

/// The state of a running `codescry watch`.
struct WatchCommand<'w> {
    shared: &'w SharedArguments,
    engine: &'w Engine,
    printer: Printer,
    /// Whether the first index run is still to complete.
    is_first: bool,
    /// The last reported reason why some folders are not watched; `None` while all are.
    unwatched: Option<String>,
}

impl WatchCommand<'_> {
    /// Indexes a changed part of the folder, prints a report unless `--quiet` is given, and returns the part to retry.
    ///
    /// # Errors
    /// If the first run fails, or standard output cannot be written. Failures of later runs are printed and retried.
    fn index_scope(
        &mut self,
        scope: IndexScope,
        unwatched: Option<&str>,
        stop: &CancelToken,
    ) -> anyhow::Result<RemainingWork> {
        if self.unwatched.as_deref() != unwatched {
            printer::print_note(unwatched.unwrap_or("all folders are watched again"));
            self.unwatched = unwatched.map(str::to_owned);
        }
        let report = match self.index_until_done(&scope, stop) {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(RemainingWork::Nothing),
            Err(error) if self.is_first => return Err(error.into()),
            Err(error) => {
                printer::print_note(&format!("cannot update the index, retrying later: {error}"));
                return Ok(RemainingWork::Retry(scope));
            }
        };
        self.print_report(&report)?;
        self.is_first = false;
        Ok(report.retry_scope().map_or(RemainingWork::Nothing, RemainingWork::Retry))
    }

    /// Indexes `scope`, waiting while another process writes the index; `None` if stopped.
    fn index_until_done(&self, scope: &IndexScope, stop: &CancelToken) -> Result<Option<IndexReport>, EngineError> {
        let request = IndexRequest { scope: scope.clone(), ..IndexRequest::default() };
        let bar = self.is_first.then(|| IndexProgressBar::new(self.shared));
        let show = |progress: &IndexProgress| {
            if let Some(bar) = &bar {
                bar.show(progress);
            }
        };
        loop {
            match self.engine.index(&request, stop, &show) {
                Err(_) if stop.is_cancelled() => return Ok(None),
                Err(error) if error.is_busy() => _ = stop.wait_timeout(RETRY_INTERVAL),
                done => return done.map(Some),
            }
        }
    }

    fn print_report(&mut self, report: &IndexReport) -> anyhow::Result<()> {
        if self.shared.quiet {
            return Ok(());
        }
        if self.is_first {
            for line in report::report_lines(report, self.shared.verbose > 0, Palette::for_stdout(self.shared)) {
                self.printer.line(&line)?;
            }
            let root = terminal_text::escape_controls(&self.engine.root().to_string_lossy());
            self.printer.line(&format!("watching {root}; press Ctrl-C to stop"))?;
        } else {
            let time = clock::utc_time_of_day();
            for line in change_lines(&report.changed) {
                self.printer.line(&format!("{time}  {line}"))?;
            }
        }
        self.printer.flush()?;
        Ok(())
    }
}

/// Maximum number of indexed files, and of removed files, that are named for one run.
const MAX_NAMED: usize = 10;

/// Returns a line for each named file that a run has indexed or removed, and one with the number of the other files.
fn change_lines(changed: &ChangedFiles) -> Vec<String> {
    let named = |verb: &'static str, paths: &[RepoPath]| -> Vec<String> {
        paths.iter().take(MAX_NAMED).map(|path| format!("{verb}  {}", escape_name(path.as_str()))).collect()
    };
    let mut lines = named("indexed", &changed.indexed.paths);
    lines.extend(named("removed", &changed.removed.paths));
    let more = (changed.indexed.count + changed.removed.count).saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {}", terminal_text::pluralize(more, "more file")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::FileList;

    #[test]
    fn changed_files_are_named_and_the_rest_counted() {
        let paths = |count: u64| FileList {
            paths: (0..count.min(10)).map(|at| RepoPath::new(format!("{at}.rs"))).collect(),
            count,
        };
        assert_eq!(change_lines(&ChangedFiles::default()), Vec::<String>::new());
        let few = ChangedFiles { indexed: paths(2), removed: paths(1) };
        assert_eq!(change_lines(&few), ["indexed  0.rs", "indexed  1.rs", "removed  0.rs"]);
        let many = change_lines(&ChangedFiles { indexed: paths(400), removed: paths(0) });
        assert_eq!((many.len(), many[10].as_str()), (11, "and 390 more files"));
    }
}
