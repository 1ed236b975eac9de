//! `codescry install` and `codescry uninstall`: the entry in the clients' configurations.
//!
//! Shows every change before the first one is made. Must never import: anything of this crate but
//! `clients` and `config`.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::{InstallArguments, Shared, UninstallArguments, WhichClients};
use super::palette::{Palette, Role};
use super::printer::{self, Printer};
use super::{Exit, diff, text};
use crate::clients::{self, Change, ClientError, Place, Request};
use crate::config::Surroundings;

/// Writes the server into the clients' configurations.
///
/// # Errors
/// When there is nobody to ask, or the folder is not there.
pub fn install(shared: &Shared, given: &InstallArguments) -> anyhow::Result<Exit> {
    let user = Surroundings::of_this_process()?;
    let folder = given.path.as_deref().map(folder).transpose()?;
    let which = &given.which;
    let root = folder.clone().unwrap_or_else(|| user.working.clone());
    let places = chosen(which, &root, &user)?;
    if places.is_empty() {
        printer::note(&nobody(which));
        return Ok(Exit::NothingFound);
    }
    let command = given.command.clone().unwrap_or_else(|| user.program_to_remember());
    // A project's clients work in the project.
    let request = Request::new(&command, folder.filter(|_| !which.project))?;
    let planned = places.into_iter().map(|place| {
        let named = format!("{} {}", place.client.title, user.shown(&place.file));
        (named, clients::plan_install(place, &request, &user))
    });
    let done = Work { which, user: &user, unchanged: "is set up already", palette: Palette::of(shared) };
    let (exit, wrote) = done.run(planned.collect())?;
    if wrote > 0 && !shared.quiet {
        printer::note("restart the clients; `codescry doctor` checks that they can start the server");
        if given.command.is_none() && which.project {
            printer::note("the files name this machine's program: for others, use --command codescry");
        }
    }
    Ok(exit)
}

/// Takes the server out of them.
///
/// # Errors
/// As [`install`].
pub fn uninstall(shared: &Shared, given: &UninstallArguments) -> anyhow::Result<Exit> {
    let user = Surroundings::of_this_process()?;
    let which = &given.which;
    let root = given.path.as_deref().map(folder).transpose()?.unwrap_or_else(|| user.working.clone());
    let places = chosen(which, &root, &user)?;
    let there = places.into_iter().filter(|place| !which.clients.is_empty() || place.file.exists());
    let planned = there.map(|place| {
        let named = format!("{} {}", place.client.title, user.shown(&place.file));
        (named, clients::plan_uninstall(place))
    });
    let done = Work { which, user: &user, unchanged: "has no entry", palette: Palette::of(shared) };
    Ok(done.run(planned.collect())?.0)
}

/// The whole path of a folder that is there.
fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    // What Windows calls canonical, other programs do not understand.
    let whole = if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() };
    let whole = whole.and_then(|whole| whole.metadata().map(|found| (whole, found.is_dir())));
    let (whole, is_dir) =
        whole.map_err(|error| anyhow::anyhow!("cannot open {}: {error}; give a folder that exists", path.display()))?;
    anyhow::ensure!(is_dir, "{} is not a folder; give the folder to serve", path.display());
    Ok(whole)
}

/// The configurations that are asked for.
fn chosen(which: &WhichClients, root: &Path, user: &Surroundings) -> anyhow::Result<Vec<Place>> {
    let mut places = if which.project { clients::project_places(root, user) } else { clients::user_places(user) };
    if which.clients.is_empty() {
        places.retain(|place| place.found);
        return Ok(places);
    }
    for name in &which.clients {
        let known = places.iter().any(|place| place.client.name == name);
        anyhow::ensure!(known, "{name} has no file in a project; leave --project out");
    }
    places.retain(|place| which.clients.iter().any(|name| place.client.name == name));
    Ok(places)
}

fn nobody(which: &WhichClients) -> String {
    let names: Vec<&str> = clients::CLIENTS
        .iter()
        .filter(|client| !which.project || client.project_file.is_some())
        .map(|client| client.name)
        .collect();
    format!("no MCP client is found; name yours with --client: {}", names.join(", "))
}

/// What install and uninstall have in common.
struct Work<'a> {
    which: &'a WhichClients,
    user: &'a Surroundings,
    /// What is said of a file that stays.
    unchanged: &'static str,
    palette: Palette,
}

impl Work<'_> {
    /// Shows what is planned, asks, and does it; how many files were written.
    fn run(&self, planned: Vec<(String, Result<Change, ClientError>)>) -> anyhow::Result<(Exit, usize)> {
        let mut printer = Printer::new();
        let (mut needed, mut failed) = (Vec::new(), false);
        for (named, change) in planned {
            match change {
                Err(error) => {
                    failed = true;
                    printer.flush()?;
                    printer::note(&format!("error: {error}"));
                }
                Ok(change) if !change.is_needed() => {
                    printer.line(&format!("{} {}", text::visible(&named), self.unchanged))?;
                }
                Ok(change) => {
                    self.show(&mut printer, &named, &change)?;
                    needed.push(change);
                }
            }
        }
        printer.flush()?;
        let mut wrote = 0;
        if !needed.is_empty() && !self.which.dry_run && self.may_write(needed.len())? {
            for change in &needed {
                match self.apply(&mut printer, change) {
                    Ok(()) => wrote += 1,
                    Err(error) => {
                        failed = true;
                        printer::note(&format!("error: {error}"));
                    }
                }
                printer.flush()?;
            }
        }
        printer.finish()?;
        Ok((if failed { Exit::Failed } else { Exit::Done }, wrote))
    }

    fn show(&self, printer: &mut Printer, named: &str, change: &Change) -> io::Result<()> {
        let how = match (&change.before, &change.after) {
            (None, _) => " (new)",
            (_, None) => " (removed: nothing else is in it)",
            _ => "",
        };
        printer.line(&format!("{}{how}", self.palette.paint(Role::Name, named)))?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        for line in diff::lines(&text(&change.before), &text(&change.after), self.palette) {
            printer.line(&line)?;
        }
        printer.line("")
    }

    fn apply(&self, printer: &mut Printer, change: &Change) -> anyhow::Result<()> {
        let file = text::visible(&self.user.shown(&change.place.file));
        let applied = change.apply()?;
        let verb = if change.after.is_some() { "wrote" } else { "removed" };
        let kept = applied.backup.map(|backup| format!("; as it was: {}", text::visible(&self.user.shown(&backup))));
        printer.line(&format!("{verb} {file}{}", kept.unwrap_or_default()))?;
        Ok(())
    }

    /// Whether the person at the terminal, or `--yes`, wants it.
    fn may_write(&self, files: usize) -> anyhow::Result<bool> {
        if self.which.yes {
            return Ok(true);
        }
        anyhow::ensure!(
            io::stdin().is_terminal(),
            "nothing was written, for there is nobody to ask; give --yes to write, or --dry-run to look"
        );
        printer::ask(&format!("write {}? [y/N] ", text::plural(files as u64, "file")));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
        let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if !yes {
            printer::note("nothing was written");
        }
        Ok(yes)
    }
}
