//! `codescry models`: lists, installs, verifies, adds and removes embedding models.

use anyhow::bail;

use config::{EmbedderChoice, ModelSettings};
use engine::models::{self, ModelError};

use crate::cli::arguments::{ModelsCommand, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::models::ModelJson;
use crate::cli::printer::{self, Printer};
use crate::cli::progress::DownloadProgress;
use crate::cli::text_output::palette::Palette;

/// Minimum width of a terminal, in columns, on which models are listed with their descriptions on the same line.
const TABLE_COLUMNS: usize = 120;

/// Runs `codescry models`.
///
/// # Errors
/// If a model is unknown, not installed or damaged, or cannot be downloaded, added or removed.
pub fn run_models(shared: &SharedArguments, command: &ModelsCommand) -> anyhow::Result<CommandExit> {
    let settings = shared.model_settings()?;
    match command {
        ModelsCommand::List { json } => print_models(shared, &settings, *json),
        ModelsCommand::Install { name } => download_model(shared, &settings, name),
        ModelsCommand::Verify { name } => print_verified_files(&settings, name),
        ModelsCommand::Remove { name } => {
            refuse_builtin(name)?;
            let folder = models::remove_model(&settings, name).map_err(|error| name_not_installed(error, name))?;
            print_line(&format!("removed {}", folder.display()))
        }
        ModelsCommand::Add { folder, name } => {
            let shown = folder.display();
            anyhow::ensure!(
                folder.exists(),
                "the folder {shown} does not exist; give the folder with the model's files"
            );
            anyhow::ensure!(folder.is_dir(), "{shown} is not a folder; give the folder with the model's files");
            let model = models::add_model(&settings, folder, name.as_deref())?;
            let (reference, to) = (model.reference(), model.folder.display().to_string());
            print_line(&format!("{reference} is in {to}; use it with --embedder {}", model.description.name))
        }
    }
}

/// Refuses the built-in model, which has no files.
fn refuse_builtin(name: &str) -> anyhow::Result<()> {
    let is_builtin = matches!(name.parse(), Ok(EmbedderChoice::BuiltIn));
    anyhow::ensure!(
        !is_builtin,
        "the model {name} is part of the program; it cannot be installed, verified or removed"
    );
    Ok(())
}

/// Returns the error of a command that works on installed models only. It does not advise to install the model first.
fn name_not_installed(error: ModelError, name: &str) -> anyhow::Error {
    match error {
        ModelError::NotInstalled { models_dir, .. } => anyhow::anyhow!(
            "the model {name} is not installed in {}; `codescry models list` lists the installed models",
            models_dir.display()
        ),
        error => error.into(),
    }
}

fn print_line(line: &str) -> anyhow::Result<CommandExit> {
    let mut printer = Printer::new();
    printer.line(&terminal_text::escape_controls(line))?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn print_models(shared: &SharedArguments, settings: &ModelSettings, json: bool) -> anyhow::Result<CommandExit> {
    let listed = models::list_models(settings)?;
    let mut printer = Printer::new();
    let rows: Vec<ModelJson<'_>> = listed.iter().map(ModelJson::new).collect();
    if json {
        printer.json(&rows)?;
        printer.finish()?;
        return Ok(CommandExit::Done);
    }
    // A narrow terminal has no room for descriptions beside the names.
    let is_wide = Palette::for_stdout(shared).columns >= TABLE_COLUMNS;
    let row = |name: &str, place: &str, width: &str, precisions: &str, about: &str| match is_wide {
        true => vec![format!("{name:<30}{place:<12}{width:>5}  {precisions:<16}{about}")],
        false => vec![format!("{name:<30}{place:<12}{width:>5}  {precisions}"), format!("  {about}")],
    };
    let mut lines = row("model", "location", "width", "precisions", if is_wide { "description" } else { "" });
    lines.extend(row("builtin", "program", "256", "", "trained for code; built in"));
    for model in &rows {
        let width = model.dimensions.map(|width| width.to_string()).unwrap_or_default();
        let (name, here) = (terminal_text::escape_controls(model.name), model.precisions.join(" "));
        lines.extend(row(
            &name,
            model.place,
            &width,
            &here,
            &terminal_text::escape_controls(model.problem.unwrap_or(model.about)),
        ));
    }
    lines.iter().filter(|line| !line.trim().is_empty()).try_for_each(|line| printer.line(line.trim_end()))?;
    printer.line("")?;
    printer.line(&terminal_text::escape_controls(&format!("models folder: {}", settings.models_dir.display())))?;
    if !cfg!(feature = "onnx") {
        printer.line("this program was built without ONNX Runtime: it runs only static models, not transformers")?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn download_model(shared: &SharedArguments, settings: &ModelSettings, name: &str) -> anyhow::Result<CommandExit> {
    refuse_builtin(name)?;
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
    refuse_builtin(name)?;
    let checked = models::verify_model(settings, name).map_err(|error| name_not_installed(error, name))?;
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
