//! `codescry models`: lists, installs, verifies, adds and removes embedding models.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{ModelsCommand, SharedArguments};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{CommandExit, text};
use config::ModelSettings;
use engine::models::{self, ListedModel, ModelError, ModelSource};

/// The interval between progress notes if standard error is not a terminal.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Runs `codescry models`.
///
/// # Errors
/// If a model is unknown, cannot be downloaded, or is damaged.
pub fn run_models(shared: &SharedArguments, command: &ModelsCommand) -> anyhow::Result<CommandExit> {
    let settings = shared.model_settings()?;
    match command {
        ModelsCommand::List { json } => print_models(&settings, *json),
        ModelsCommand::Install { name } => download_model(shared, &settings, name),
        ModelsCommand::Verify { name } => print_verified_files(&settings, name),
        ModelsCommand::Remove { name } => {
            let folder = models::remove_model(&settings, name)?;
            print_line(&format!("removed {}", folder.display()))
        }
        ModelsCommand::Add { folder, name } => {
            let model = models::add_model(&settings, folder, name.as_deref())?;
            let (reference, to) = (model.reference(), model.folder.display().to_string());
            print_line(&format!("{reference} is in {to}; use it with --embedder {}", model.description.name))
        }
    }
}

fn print_line(line: &str) -> anyhow::Result<CommandExit> {
    let mut printer = Printer::new();
    printer.line(&text::escape_controls(line))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// One model in the output of `codescry models list --json`.
#[derive(Serialize)]
struct ModelJson<'a> {
    name: &'a str,
    /// The location: `installed`, `hub cache` or `hub`.
    place: &'static str,
    folder: Option<String>,
    precisions: Vec<&'static str>,
    dimensions: Option<usize>,
    /// The dimensions that `NAME@WIDTH` accepts.
    truncatable: &'a [usize],
    max_tokens: Option<usize>,
    about: &'a str,
    problem: Option<&'a str>,
}

fn print_models(settings: &ModelSettings, json: bool) -> anyhow::Result<CommandExit> {
    let listed = models::list_models(settings);
    let mut printer = Printer::new();
    let rows: Vec<ModelJson<'_>> = listed.iter().map(model_json).collect();
    if json {
        printer.json(&rows)?;
        printer.finish()?;
        return Ok(CommandExit::Done);
    }
    printer.line(&format!("{:<30}{:<12}{:>5}  {:<16}{}", "model", "location", "width", "precisions", "description"))?;
    printer
        .line(&format!("{:<30}{:<12}{:>5}  {:<16}{}", "builtin", "program", 256, "", "trained for code; built in"))?;
    for row in &rows {
        let width = row.dimensions.map(|width| width.to_string()).unwrap_or_default();
        let (name, here) = (text::escape_controls(row.name), row.precisions.join(" "));
        let about = text::escape_controls(row.problem.unwrap_or(row.about));
        printer.line(&format!("{name:<30}{:<12}{width:>5}  {here:<16}{about}", row.place))?;
    }
    printer.line("")?;
    printer.line(&text::escape_controls(&format!("models folder: {}", settings.models_dir.display())))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn model_json(listed: &ListedModel) -> ModelJson<'_> {
    let (folder, precisions) = match &listed.here {
        Some((folder, precisions)) => {
            (Some(folder.display().to_string()), precisions.iter().map(|precision| precision.as_str()).collect())
        }
        None => (None, Vec::new()),
    };
    ModelJson {
        name: &listed.name,
        place: match listed.source {
            ModelSource::Installed => "installed",
            ModelSource::HubCache => "hub cache",
            ModelSource::Hub => "hub",
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

fn download_model(shared: &SharedArguments, settings: &ModelSettings, name: &str) -> anyhow::Result<CommandExit> {
    let interrupts = Interrupts::listen()?;
    let mut progress = DownloadProgress::new(shared);
    let installed = interrupts.run_cancellable(|cancel| {
        models::install_preferred_model(settings, name, &mut |file, bytes, all| {
            progress.show(file, bytes, all);
            !cancel.is_cancelled()
        })
    });
    drop(progress);
    match installed {
        Ok(model) => print_line(&format!(
            "{} is in {}; use it with --embedder {}",
            model.reference(),
            model.folder.display(),
            model.description.name
        )),
        Err(error @ ModelError::Stopped) => {
            printer::print_note(&error.to_string());
            Ok(CommandExit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

/// The progress of a download: a bar on a terminal, otherwise notes at intervals.
struct DownloadProgress {
    bar: Option<ProgressBar>,
    is_quiet: bool,
    file: String,
    last_note: Instant,
}

impl DownloadProgress {
    fn new(shared: &SharedArguments) -> Self {
        let is_visible = !shared.quiet && std::io::stderr().is_terminal();
        let bar = is_visible.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, is_quiet: shared.quiet, file: String::new(), last_note: Instant::now() }
    }

    fn show(&mut self, file: &str, bytes: u64, all: Option<u64>) {
        let is_new = self.file != file;
        file.clone_into(&mut self.file);
        if let Some(bar) = &self.bar {
            if is_new {
                bar.reset();
                bar.set_length(all.unwrap_or(0));
                bar.set_message(text::escape_controls(file));
            }
            bar.set_position(bytes);
        } else if !self.is_quiet && (is_new || self.last_note.elapsed() >= PROGRESS_INTERVAL) {
            let of = all.map(|all| format!(" of {}", HumanBytes(all))).unwrap_or_default();
            printer::print_note(&format!("{file}: {}{of}", HumanBytes(bytes)));
            self.last_note = Instant::now();
        }
    }
}

impl Drop for DownloadProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn print_verified_files(settings: &ModelSettings, name: &str) -> anyhow::Result<CommandExit> {
    let checked = models::verify_model(settings, name)?;
    if checked.is_empty() {
        bail!(
            "the model {name} has no checksums; install or add it again, such as with `codescry models install {name}`"
        );
    }
    let mut printer = Printer::new();
    for file in &checked {
        let state = file.problem.as_deref().unwrap_or("ok");
        printer.line(&text::escape_controls(&format!("{:<32}{state}", file.file)))?;
    }
    printer.finish()?;
    if checked.iter().any(|file| file.problem.is_some()) {
        bail!("the model {name} is damaged; run `codescry models remove {name}` and install it again");
    }
    Ok(CommandExit::Done)
}
