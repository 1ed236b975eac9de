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

/// Minimum width, in columns, at which a model with its longest description is one line.
const TABLE_COLUMNS: usize = 150;

/// Width of the column of names.
const NAME_COLUMNS: usize = 29;

/// What the description of a model without an ONNX file on the hub says.
const NEEDS_EXPORT: &str = "needs an export";

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
    let columns = Palette::for_stdout(shared).columns;
    let heads = ["model", "location", "width", "precisions", "description"].map(str::to_owned);
    let builtin = ["builtin", "program", "256", "", "trained for code; built in"].map(str::to_owned);
    let mut lines = model_lines(&heads, columns);
    lines.extend(model_lines(&builtin, columns));
    for model in &rows {
        let cells = [
            terminal_text::escape_controls(model.name),
            model.place.to_owned(),
            model.dimensions.map(|width| width.to_string()).unwrap_or_default(),
            model.precisions.join(" "),
            terminal_text::escape_controls(model.problem.unwrap_or(model.about)),
        ];
        lines.extend(model_lines(&cells, columns));
    }
    lines.iter().try_for_each(|line| printer.line(line))?;
    printer.line("")?;
    if rows.iter().any(|model| model.place == "hub") {
        printer.line("hub: not on this machine yet; `codescry models install NAME` downloads the model")?;
    }
    if rows.iter().any(|model| model.about.contains(NEEDS_EXPORT)) {
        printer.line(&format!(
            "{NEEDS_EXPORT}: the hub has no ONNX file of the model; export one, then `codescry models add FOLDER`"
        ))?;
    }
    printer.line(&terminal_text::escape_controls(&format!("models folder: {}", settings.models_dir.display())))?;
    if !cfg!(feature = "onnx") {
        printer.line("this program was built without ONNX Runtime: it runs only static models, not transformers")?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// Formats a row of the list: name, location, width, precisions and description. On a narrow terminal, precisions and
/// description are indented below.
fn model_lines([name, place, width, precisions, about]: &[String; 5], columns: usize) -> Vec<String> {
    let facts = format!("{place:<12}{width:>5}");
    let head = format!("{name:<NAME_COLUMNS$} {facts}");
    if columns >= TABLE_COLUMNS {
        return vec![format!("{head}  {precisions:<15} {about}").trim_end().to_owned()];
    }
    let mut lines = match terminal_text::fits_columns(name, NAME_COLUMNS) {
        true => vec![head.trim_end().to_owned()],
        false => vec![name.clone(), format!("{:NAME_COLUMNS$} {facts}", "").trim_end().to_owned()],
    };
    let below = [precisions.as_str(), about.as_str()].into_iter().filter(|text| !text.is_empty());
    lines.push(format!("  {}", below.collect::<Vec<_>>().join(": ")));
    lines
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
        printer.line(&terminal_text::escape_controls(&format!("{:<30}  {state}", file.file)))?;
    }
    printer.finish()?;
    if checked.iter().any(|file| file.problem.is_some()) {
        bail!(
            "the model {name} is damaged; `codescry models install {name}` fetches the damaged files again, `codescry models add FOLDER` copies a model of your own"
        );
    }
    Ok(CommandExit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, precisions: &str) -> [String; 5] {
        [name, "hub cache", "1024", precisions, "600 M parameters; many languages, long texts"].map(str::to_owned)
    }

    #[test]
    fn a_model_is_one_line_on_a_wide_terminal_and_is_folded_on_a_narrow_one() {
        let known = row("qwen3-embedding-0.6b", "fp16 fp32");
        let head = "qwen3-embedding-0.6b          hub cache    1024";
        let about = "600 M parameters; many languages, long texts";
        assert_eq!(model_lines(&known, usize::MAX), [format!("{head}  fp16 fp32       {about}")]);
        assert_eq!(model_lines(&known, 120), [head.to_owned(), format!("  fp16 fp32: {about}")]);
        let own = row("a-model-of-my-own-with-a-long-name", "");
        let lines = model_lines(&own, 60);
        assert_eq!(lines[1..], [format!("{:30}hub cache    1024", ""), format!("  {about}")]);
        assert!(lines.iter().all(|line| line.len() <= 60), "{lines:?}");
    }
}
