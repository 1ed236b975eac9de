//! `codescry watch`: watches a folder and keeps its index up to date.

use std::time::Duration;

use engine::{CancelToken, Engine, EngineError, IndexProgress, IndexReport, IndexRequest, IndexScope, RemainingWork};

use crate::cli::arguments::{SharedArguments, WatchArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::settings_to_index;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::{self, Printer};
use crate::cli::progress::IndexProgressBar;
use crate::cli::text_output::palette::Palette;
use crate::cli::text_output::report;
use crate::cli::text_output::terminal_text;

/// The interval between attempts while another process writes the same index.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Runs `codescry watch`.
///
/// # Errors
/// If the folder cannot be watched, or the first index run fails.
pub fn run_watch(shared: &SharedArguments, arguments: &WatchArguments) -> anyhow::Result<CommandExit> {
    let engine = Engine::open(settings_to_index(shared, arguments.path.as_deref())?)?;
    let interrupts = Interrupts::listen()?;
    interrupts.run_cancellable(|stop| {
        let mut watch =
            WatchCommand { shared, engine: &engine, printer: Printer::new(), is_first: true, unwatched: None };
        let mut failure = None;
        let followed = engine.watch(stop, &mut |scope, unwatched| {
            watch.index_scope(scope, unwatched, stop).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                stop.cancel();
                RemainingWork::Nothing
            })
        });
        failure.map_or(Ok(()), Err)?;
        followed.map_err(anyhow::Error::from)
    })?;
    Ok(CommandExit::Done)
}

/// The state of a running `codescry watch`.
struct WatchCommand<'w> {
    shared: &'w SharedArguments,
    engine: &'w Engine,
    printer: Printer,
    /// Whether the first index run is still to complete.
    is_first: bool,
    /// The last reported reason why some folders are not watched.
    unwatched: Option<String>,
}

impl WatchCommand<'_> {
    /// Indexes a changed part of the folder and reports the run, and returns the part to retry.
    ///
    /// # Errors
    /// If the first run fails; failures of later runs are printed and retried.
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
        if self.is_first {
            for line in report::report_lines(report, Palette::for_stdout(self.shared)) {
                self.printer.line(&line)?;
            }
            let root = terminal_text::escape_controls(&self.engine.root().to_string_lossy());
            self.printer.line(&format!("watching {root}; press Ctrl-C to stop"))?;
        } else if report.files_indexed + report.files_removed > 0 {
            self.printer.line(&format!(
                "indexed {} ({}), removed {} in {}",
                terminal_text::pluralize(report.files_indexed, "file"),
                terminal_text::pluralize(report.chunks, "chunk"),
                report.files_removed,
                terminal_text::format_seconds(report.elapsed)
            ))?;
        }
        self.printer.flush()?;
        Ok(())
    }
}
