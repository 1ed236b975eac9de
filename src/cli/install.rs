//! `codescry install` and `codescry uninstall`: edit the server's entry in client configurations.
//!
//! Every change is shown before the first file is written.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::{ClientSelectionArguments, InstallArguments, SharedArguments, UninstallArguments};
use super::palette::{Palette, TextRole};
use super::printer::{self, Printer};
use super::{CommandExit, diff, text};
use clients::{self, ClientConfigFile, ClientError, ConfigChange, InstallRequest};
use config::UserEnvironment;

/// Runs `codescry install`, which adds the server to the clients' configurations.
///
/// # Errors
/// If the folder does not exist, or the changes cannot be confirmed because standard input is not
/// a terminal.
pub fn run_install(shared: &SharedArguments, arguments: &InstallArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let folder = arguments.path.as_deref().map(resolve_folder).transpose()?;
    let selection = &arguments.selection;
    let root = folder.clone().unwrap_or_else(|| user.working.clone());
    let config_files = select_configurations(selection, &root, &user)?;
    if config_files.is_empty() {
        printer::print_note(&no_client_message(selection));
        return Ok(CommandExit::NothingFound);
    }
    let command = arguments.command.clone().unwrap_or_else(|| user.stable_program_path());
    // Clients that read a project's file start the server in the project, so it needs no folder.
    let request = InstallRequest::new(&command, folder.filter(|_| !selection.project))?;
    let planned = config_files.into_iter().map(|config_file| {
        let named = format!("{} {}", config_file.client.title, user.display_path(&config_file.file));
        (named, clients::plan_install(config_file, &request, &user))
    });
    let editor = ConfigurationEditor {
        selection,
        user: &user,
        unchanged: "is already set up",
        palette: Palette::for_stdout(shared),
    };
    let (exit, wrote) = editor.show_and_apply(planned.collect())?;
    if wrote > 0 && !shared.quiet {
        printer::print_note("restart the clients; `codescry doctor` checks that they can start the server");
        if arguments.command.is_none() && selection.project {
            printer::print_note(
                "the files contain the path of the program on this machine; to share them, use --command codescry",
            );
        }
    }
    Ok(exit)
}

/// Runs `codescry uninstall`, which removes the server from the clients' configurations.
///
/// # Errors
/// See [`run_install`].
pub fn run_uninstall(shared: &SharedArguments, arguments: &UninstallArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let selection = &arguments.selection;
    let root = arguments.path.as_deref().map(resolve_folder).transpose()?.unwrap_or_else(|| user.working.clone());
    let config_files = select_configurations(selection, &root, &user)?;
    let there =
        config_files.into_iter().filter(|config_file| !selection.clients.is_empty() || config_file.file.exists());
    let planned = there.map(|config_file| {
        let named = format!("{} {}", config_file.client.title, user.display_path(&config_file.file));
        (named, clients::plan_uninstall(config_file))
    });
    let editor =
        ConfigurationEditor { selection, user: &user, unchanged: "has no entry", palette: Palette::for_stdout(shared) };
    Ok(editor.show_and_apply(planned.collect())?.0)
}

/// Returns the absolute path of an existing folder.
fn resolve_folder(path: &Path) -> anyhow::Result<PathBuf> {
    // Canonical paths on Windows start with `\\?\`, which many programs do not accept.
    let whole = if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() };
    let whole = whole.and_then(|whole| whole.metadata().map(|found| (whole, found.is_dir())));
    let (whole, is_dir) =
        whole.map_err(|error| anyhow::anyhow!("cannot open {}: {error}; give a folder that exists", path.display()))?;
    anyhow::ensure!(is_dir, "{} is not a folder; give the folder to serve", path.display());
    Ok(whole)
}

/// Returns the configuration files that the arguments select.
fn select_configurations(
    selection: &ClientSelectionArguments,
    root: &Path,
    user: &UserEnvironment,
) -> anyhow::Result<Vec<ClientConfigFile>> {
    let mut config_files =
        if selection.project { clients::project_config_files(root, user) } else { clients::user_config_files(user) };
    if selection.clients.is_empty() {
        config_files.retain(|config_file| config_file.in_use);
        return Ok(config_files);
    }
    for name in &selection.clients {
        let known = config_files.iter().any(|config_file| config_file.client.name == name);
        anyhow::ensure!(known, "{name} has no project configuration; leave out --project");
    }
    config_files.retain(|config_file| selection.clients.iter().any(|name| config_file.client.name == name));
    Ok(config_files)
}

/// Returns the note that no client was found, with the names for `--client`.
fn no_client_message(selection: &ClientSelectionArguments) -> String {
    let names: Vec<&str> = clients::MCP_CLIENTS
        .iter()
        .filter(|client| !selection.project || client.project_file.is_some())
        .map(|client| client.name)
        .collect();
    format!("no MCP client found; name one with --client: {}", names.join(", "))
}

/// Shows, confirms and applies changes of configuration files, for install and uninstall.
struct ConfigurationEditor<'a> {
    selection: &'a ClientSelectionArguments,
    user: &'a UserEnvironment,
    /// The text after the name of a file that needs no change.
    unchanged: &'static str,
    palette: Palette,
}

impl ConfigurationEditor<'_> {
    /// Shows the changes and applies them if confirmed; returns the number of files written.
    fn show_and_apply(
        &self,
        planned: Vec<(String, Result<ConfigChange, ClientError>)>,
    ) -> anyhow::Result<(CommandExit, usize)> {
        let mut printer = Printer::new();
        let (mut needed, mut failed) = (Vec::new(), false);
        for (named, change) in planned {
            match change {
                Err(error) => {
                    failed = true;
                    printer.flush()?;
                    printer::print_note(&format!("error: {error}"));
                }
                Ok(change) if !change.is_needed() => {
                    printer.line(&format!("{} {}", text::escape_controls(&named), self.unchanged))?;
                }
                Ok(change) => {
                    self.show_change(&mut printer, &named, &change)?;
                    needed.push(change);
                }
            }
        }
        printer.flush()?;
        let mut wrote = 0;
        if !needed.is_empty() && !self.selection.dry_run && self.confirm_write(needed.len())? {
            for change in &needed {
                match self.apply_change(&mut printer, change) {
                    Ok(()) => wrote += 1,
                    Err(error) => {
                        failed = true;
                        printer::print_note(&format!("error: {error}"));
                    }
                }
                printer.flush()?;
            }
        }
        printer.finish()?;
        Ok((if failed { CommandExit::Failed } else { CommandExit::Done }, wrote))
    }

    fn show_change(&self, printer: &mut Printer, named: &str, change: &ConfigChange) -> io::Result<()> {
        let how = match (&change.before, &change.after) {
            (None, _) => " (new)",
            (_, None) => " (removed: it has no other content)",
            _ => "",
        };
        printer.line(&format!("{}{how}", self.palette.paint(TextRole::Name, named)))?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        for line in diff::diff_lines(&text(&change.before), &text(&change.after), self.palette) {
            printer.line(&line)?;
        }
        printer.line("")
    }

    fn apply_change(&self, printer: &mut Printer, change: &ConfigChange) -> anyhow::Result<()> {
        let file = text::escape_controls(&self.user.display_path(&change.config_file.file));
        let applied = change.apply()?;
        let verb = if change.after.is_some() { "wrote" } else { "removed" };
        let kept = applied
            .backup
            .map(|backup| format!("; backup: {}", text::escape_controls(&self.user.display_path(&backup))));
        printer.line(&format!("{verb} {file}{}", kept.unwrap_or_default()))?;
        Ok(())
    }

    /// Returns whether `--yes` or the user at the terminal confirms the changes.
    fn confirm_write(&self, files: usize) -> anyhow::Result<bool> {
        if self.selection.yes {
            return Ok(true);
        }
        anyhow::ensure!(
            io::stdin().is_terminal(),
            "nothing was written: standard input is not a terminal to confirm on; give --yes to write, or --dry-run to preview"
        );
        printer::print_prompt(&format!("write {}? [y/N] ", text::pluralize(files as u64, "file")));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
        let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if !yes {
            printer::print_note("nothing was written");
        }
        Ok(yes)
    }
}
