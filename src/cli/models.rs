//! `codescry models`: which embedding models there are, and getting them.
//!
//! Must never import: anything of this crate but `config` and `engine`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{ModelsCommand, Shared};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{Exit, text};
use crate::config::ModelSettings;
use crate::engine::models::{self, Listed, ModelError, Source};

/// How often progress is told where there is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// When a model is not known, not to be had or damaged.
pub fn run(shared: &Shared, what: &ModelsCommand) -> anyhow::Result<Exit> {
    let settings = shared.models()?;
    match what {
        ModelsCommand::List { json } => list(&settings, *json),
        ModelsCommand::Install { name } => install(shared, &settings, name),
        ModelsCommand::Verify { name } => verify(&settings, name),
        ModelsCommand::Remove { name } => {
            let folder = models::remove(&settings, name)?;
            say(&format!("removed {}", folder.display()))
        }
        ModelsCommand::Add { folder, name } => {
            let model = models::add(&settings, folder, name.as_deref())?;
            let (reference, to) = (model.reference(), model.folder.display().to_string());
            say(&format!("{reference} is in {to}; use it with --embedder {}", model.description.name))
        }
    }
}

fn say(line: &str) -> anyhow::Result<Exit> {
    let mut printer = Printer::new();
    printer.line(&text::visible(line))?;
    printer.finish()?;
    Ok(Exit::Done)
}

/// `models list --json`.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    /// `installed`, `hub cache` or `hub`.
    place: &'static str,
    folder: Option<String>,
    precisions: Vec<&'static str>,
    dimensions: Option<usize>,
    /// Widths that `NAME@WIDTH` may ask for.
    truncatable: &'a [usize],
    max_tokens: Option<usize>,
    about: &'a str,
    problem: Option<&'a str>,
}

fn list(settings: &ModelSettings, json: bool) -> anyhow::Result<Exit> {
    let listed = models::list(settings);
    let mut printer = Printer::new();
    let rows: Vec<Row<'_>> = listed.iter().map(row).collect();
    if json {
        printer.json(&rows)?;
        printer.finish()?;
        return Ok(Exit::Done);
    }
    printer.line(&format!("{:<30}{:<12}{:>5}  {:<16}{}", "model", "place", "width", "here", "what it is"))?;
    printer.line(&format!(
        "{:<30}{:<12}{:>5}  {:<16}{}",
        "builtin", "program", 256, "", "trained for code; needs nothing"
    ))?;
    for row in &rows {
        let width = row.dimensions.map(|width| width.to_string()).unwrap_or_default();
        let (name, here) = (text::visible(row.name), row.precisions.join(" "));
        let about = text::visible(row.problem.unwrap_or(row.about));
        printer.line(&format!("{name:<30}{:<12}{width:>5}  {here:<16}{about}", row.place))?;
    }
    printer.line("")?;
    printer.line(&text::visible(&format!("models folder: {}", settings.models_dir.display())))?;
    printer.finish()?;
    Ok(Exit::Done)
}

fn row(listed: &Listed) -> Row<'_> {
    let (folder, precisions) = match &listed.here {
        Some((folder, precisions)) => {
            (Some(folder.display().to_string()), precisions.iter().map(|precision| precision.word()).collect())
        }
        None => (None, Vec::new()),
    };
    Row {
        name: &listed.name,
        place: match listed.source {
            Source::Installed => "installed",
            Source::HubCache => "hub cache",
            Source::Hub => "hub",
        },
        folder,
        precisions,
        dimensions: listed.description.as_ref().map(|description| description.width()),
        truncatable: listed.description.as_ref().map_or(&[], |description| &description.truncatable),
        max_tokens: listed.description.as_ref().map(|description| description.max_tokens),
        about: &listed.about,
        problem: listed.problem.as_deref(),
    }
}

fn install(shared: &Shared, settings: &ModelSettings, name: &str) -> anyhow::Result<Exit> {
    let interrupts = Interrupts::watch()?;
    let mut showing = Showing::new(shared);
    let installed = interrupts.during(|cancel| {
        models::install(settings, name, &mut |file, bytes, all| {
            showing.show(file, bytes, all);
            !cancel.is_cancelled()
        })
    });
    drop(showing);
    match installed {
        Ok(model) => say(&format!(
            "{} is in {}; use it with --embedder {}",
            model.reference(),
            model.folder.display(),
            model.description.name
        )),
        Err(error @ ModelError::Stopped) => {
            printer::note(&error.to_string());
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

/// A bar on a terminal, a line now and then elsewhere.
struct Showing {
    bar: Option<ProgressBar>,
    is_quiet: bool,
    file: String,
    told: Instant,
}

impl Showing {
    fn new(shared: &Shared) -> Self {
        let seen = !shared.quiet && std::io::stderr().is_terminal();
        let bar = seen.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, is_quiet: shared.quiet, file: String::new(), told: Instant::now() }
    }

    fn show(&mut self, file: &str, bytes: u64, all: Option<u64>) {
        let is_new = self.file != file;
        file.clone_into(&mut self.file);
        if let Some(bar) = &self.bar {
            if is_new {
                bar.reset();
                bar.set_length(all.unwrap_or(0));
                bar.set_message(text::visible(file));
            }
            bar.set_position(bytes);
        } else if !self.is_quiet && (is_new || self.told.elapsed() >= TELL_EVERY) {
            let of = all.map(|all| format!(" of {}", HumanBytes(all))).unwrap_or_default();
            printer::note(&format!("{file}: {}{of}", HumanBytes(bytes)));
            self.told = Instant::now();
        }
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn verify(settings: &ModelSettings, name: &str) -> anyhow::Result<Exit> {
    let checked = models::verify(settings, name)?;
    if checked.is_empty() {
        bail!("the model {name} has no checksums; `codescry models install {name}` or `models add` it again");
    }
    let mut printer = Printer::new();
    for file in &checked {
        let state = file.problem.as_deref().unwrap_or("ok");
        printer.line(&text::visible(&format!("{:<32}{state}", file.file)))?;
    }
    printer.finish()?;
    if checked.iter().any(|file| file.problem.is_some()) {
        bail!("the model {name} is damaged; `codescry models remove {name}` and install it again");
    }
    Ok(Exit::Done)
}
