//! `codescry watch`: keeps an index up to date while files change.
//!
//! Must never import: anything of this crate but `engine`.

use std::thread;
use std::time::Duration;

use super::arguments::{Shared, WatchArguments};
use super::interrupts::Interrupts;
use super::palette::Palette;
use super::printer::{self, Printer};
use super::progress::Bar;
use super::{Exit, report, text};
use crate::engine::{CancelToken, Engine, EngineError, IndexReport, IndexRequest, Left, Progress, Scope};

/// How long to wait while another process writes the same index.
const RETRY: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// When the folder cannot be followed or indexed the first time.
pub fn run(shared: &Shared, given: &WatchArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    interrupts.during(|stop| {
        let mut watch = Watch { shared, engine: &engine, printer: Printer::new(), is_first: true, unseen: None };
        let mut failure = None;
        let followed = engine.follow(stop, &mut |scope, unseen| {
            watch.changed(scope, unseen, stop).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                stop.cancel();
                Left::Nothing
            })
        });
        failure.map_or(Ok(()), Err)?;
        followed.map_err(anyhow::Error::from)
    })?;
    Ok(Exit::Done)
}

/// The command, while it goes on.
struct Watch<'w> {
    shared: &'w Shared,
    engine: &'w Engine,
    printer: Printer,
    /// Until everything has been indexed once.
    is_first: bool,
    /// Why not every folder is followed, as told last.
    unseen: Option<String>,
}

impl Watch<'_> {
    /// Brings a part up to date and tells of it. That it cannot be done ends the command the first time only: later
    /// it is told, and tried again.
    fn changed(&mut self, scope: Scope, unseen: Option<&str>, stop: &CancelToken) -> anyhow::Result<Left> {
        if self.unseen.as_deref() != unseen {
            printer::note(unseen.unwrap_or("all folders are followed again"));
            self.unseen = unseen.map(str::to_owned);
        }
        let report = match self.catch_up(&scope, stop) {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(Left::Nothing),
            Err(error) if self.is_first => return Err(error.into()),
            Err(error) => {
                printer::note(&format!("not brought up to date, and tried again later: {error}"));
                return Ok(Left::Again(scope));
            }
        };
        self.tell(&report)?;
        self.is_first = false;
        Ok(report.look_again().map_or(Left::Nothing, Left::Again))
    }

    /// Runs to the end; `None` when stopped. Waits for another process that writes the index.
    fn catch_up(&self, scope: &Scope, stop: &CancelToken) -> Result<Option<IndexReport>, EngineError> {
        let request = IndexRequest { scope: scope.clone(), ..IndexRequest::default() };
        let bar = self.is_first.then(|| Bar::new(self.shared));
        let show = |progress: &Progress| {
            if let Some(bar) = &bar {
                bar.show(progress);
            }
        };
        loop {
            match self.engine.index(&request, stop, &show) {
                Err(_) if stop.is_cancelled() => return Ok(None),
                Err(error) if error.is_busy() => thread::sleep(RETRY),
                done => return done.map(Some),
            }
        }
    }

    fn tell(&mut self, report: &IndexReport) -> anyhow::Result<()> {
        if self.is_first {
            for line in report::lines(report, Palette::of(self.shared)) {
                self.printer.line(&line)?;
            }
            let root = text::visible(&self.engine.root().to_string_lossy());
            self.printer.line(&format!("watching {root}; ctrl-c ends"))?;
        } else if report.files_indexed + report.files_removed > 0 {
            self.printer.line(&format!(
                "indexed {} ({}), removed {} in {}",
                text::plural(report.files_indexed, "file"),
                text::plural(report.chunks, "chunk"),
                report.files_removed,
                text::seconds(report.elapsed)
            ))?;
        }
        self.printer.flush()?;
        Ok(())
    }
}
