//! `codescry watch`: keeps an index up to date while files change.
//!
//! Must never import: anything of this crate but `engine`.

use std::thread;
use std::time::Duration;

use super::arguments::{Shared, WatchArguments};
use super::interrupts::Interrupts;
use super::palette::Palette;
use super::printer::Printer;
use super::{Exit, report, text};
use crate::engine::{CancelToken, Engine, EngineError, IndexReport, IndexRequest, Scope};

/// How long to wait while another process writes the same index.
const RETRY: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// When the folder cannot be followed or indexed.
pub fn run(shared: &Shared, given: &WatchArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    let mut printer = Printer::new();
    let followed = interrupts.during(|stop| {
        let mut failure = None;
        let mut is_first = true;
        let followed = engine.follow(stop, &mut |scope, _| {
            let done = catch_up(&engine, &scope, stop).map_err(anyhow::Error::from);
            let told = done.and_then(|report| match report {
                Some(report) => tell(&mut printer, shared, &engine, &report, std::mem::take(&mut is_first)),
                None => Ok(()),
            });
            if let Err(error) = told {
                failure.get_or_insert(error);
                stop.cancel();
            }
        });
        failure.map_or(Ok(followed), Err)
    })?;
    followed?;
    Ok(Exit::Done)
}

/// Brings a part up to date; `None` when stopped. Waits for another process that writes the index.
fn catch_up(engine: &Engine, scope: &Scope, stop: &CancelToken) -> Result<Option<IndexReport>, EngineError> {
    let request = IndexRequest { scope: scope.clone(), ..IndexRequest::default() };
    loop {
        match engine.index(&request, stop, &|_| ()) {
            Err(_) if stop.is_cancelled() => return Ok(None),
            Err(error) if error.is_busy() => thread::sleep(RETRY),
            done => return done.map(Some),
        }
    }
}

fn tell(
    printer: &mut Printer,
    shared: &Shared,
    engine: &Engine,
    report: &IndexReport,
    is_first: bool,
) -> anyhow::Result<()> {
    if is_first {
        for line in report::lines(report, Palette::of(shared)) {
            printer.line(&line)?;
        }
        printer.line(&format!("watching {}; ctrl-c ends", text::visible(&engine.root().to_string_lossy())))?;
    } else if report.files_indexed + report.files_removed > 0 {
        printer.line(&format!(
            "indexed {} ({}), removed {} in {}",
            text::plural(report.files_indexed, "file"),
            text::plural(report.chunks, "chunk"),
            report.files_removed,
            text::seconds(report.elapsed)
        ))?;
    }
    printer.flush()?;
    Ok(())
}
