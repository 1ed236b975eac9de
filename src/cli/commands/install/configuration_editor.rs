//! Selects the configurations of MCP clients, shows the changes, and writes them if confirmed.
//!
//! Every change is shown before the first file is written.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use clients::{ClientConfigFile, FileChange, PlannedFile};
use config::UserEnvironment;

use crate::cli::arguments::ClientSelectionArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::diff;
use crate::cli::text_output::palette::{Palette, TextRole};

/// Returns the absolute path of an existing folder.
///
/// # Errors
/// If there is no such folder.
pub fn resolve_folder(path: &Path) -> anyhow::Result<PathBuf> {
    // Canonical paths on Windows start with `\\?\`, which many programs do not accept.
    let whole = if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() };
    let whole = whole.and_then(|whole| whole.metadata().map(|found| (whole, found.is_dir())));
    let (whole, is_dir) =
        whole.map_err(|error| anyhow::anyhow!("cannot open {}: {error}; give a folder that exists", path.display()))?;
    anyhow::ensure!(is_dir, "{} is not a folder; give the folder to serve", path.display());
    Ok(whole)
}

/// Returns the configuration files that the arguments select.
///
/// # Errors
/// If `--project` is given, and a named client has no configuration in projects.
pub fn select_configurations(
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

/// An editor of configuration files for install and uninstall: shows, confirms and applies changes.
pub struct ConfigurationEditor<'a> {
    pub selection: &'a ClientSelectionArguments,
    pub user: &'a UserEnvironment,
    /// The text after the name of a file that needs no change.
    pub unchanged: &'static str,
    pub palette: Palette,
}

impl ConfigurationEditor<'_> {
    /// Shows the changes and applies them if confirmed, but not with `--dry-run`. Returns the outcome, and the number
    /// of files written or removed.
    ///
    /// # Errors
    /// If standard input or output fails, or the changes cannot be confirmed.
    pub fn show_and_apply(&self, planned: Vec<PlannedFile>) -> anyhow::Result<(CommandExit, usize)> {
        let mut printer = Printer::new();
        let (mut needed, mut failed) = (Vec::new(), false);
        for PlannedFile { titles, file, change } in planned {
            let named = format!("{} {}", titles.join(", "), self.user.display_path(&file));
            match change {
                Err(error) => {
                    failed = true;
                    printer.flush()?;
                    printer::print_note(&format!("error: {error}"));
                }
                Ok(change) if !change.is_needed() => {
                    printer.line(&format!("{} {}", terminal_text::escape_controls(&named), self.unchanged))?;
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

    fn show_change(&self, printer: &mut Printer, named: &str, change: &FileChange) -> io::Result<()> {
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

    fn apply_change(&self, printer: &mut Printer, change: &FileChange) -> anyhow::Result<()> {
        let file = terminal_text::escape_controls(&self.user.display_path(&change.file));
        let applied = change.apply()?;
        let verb = if change.after.is_some() { "wrote" } else { "removed" };
        let kept = applied
            .backup
            .map(|backup| format!("; backup: {}", terminal_text::escape_controls(&self.user.display_path(&backup))));
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
        printer::print_prompt(&format!("write {}? [y/N] ", terminal_text::pluralize(files as u64, "file")));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
        let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if !yes {
            printer::print_note("nothing was written");
        }
        Ok(yes)
    }
}
