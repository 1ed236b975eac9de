//! `codescry models`: lists, installs, verifies, adds and removes embedding models.

use anyhow::bail;

use config::ModelSettings;
use engine::models::{self, ModelError};

use crate::cli::arguments::{ModelsCommand, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::models::ModelJson;
use crate::cli::printer::{self, Printer};
use crate::cli::progress::DownloadProgress;
use crate::cli::text_output::terminal_text;

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
    printer.line(&terminal_text::escape_controls(line))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn print_models(settings: &ModelSettings, json: bool) -> anyhow::Result<CommandExit> {
    let listed = models::list_models(settings)?;
    let mut printer = Printer::new();
    let rows: Vec<ModelJson<'_>> = listed.iter().map(ModelJson::new).collect();
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
        let (name, here) = (terminal_text::escape_controls(row.name), row.precisions.join(" "));
        let about = terminal_text::escape_controls(row.problem.unwrap_or(row.about));
        printer.line(&format!("{name:<30}{:<12}{width:>5}  {here:<16}{about}", row.place))?;
    }
    printer.line("")?;
    printer.line(&terminal_text::escape_controls(&format!("models folder: {}", settings.models_dir.display())))?;
    if !cfg!(feature = "onnx") {
        printer.line("this program was built without ONNX Runtime: it runs only static models, not transformers")?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
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
        printer.line(&terminal_text::escape_controls(&format!("{:<32}{state}", file.file)))?;
    }
    printer.finish()?;
    if checked.iter().any(|file| file.problem.is_some()) {
        bail!(
            "the model {name} is damaged; `codescry models install {name}` fetches the damaged files again, `codescry models add FOLDER` copies a model of your own"
        );
    }
    Ok(CommandExit::Done)
}
