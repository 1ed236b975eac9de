//! What is to be written where, before anything is.
//!
//! Must never import: anything of this crate but `clients` and `config`.

use std::fs;
use std::path::{Path, PathBuf};

use super::places::{Folder, Place};
use super::{ClientError, Dialect, Entry, Found, disk, edit};
use crate::config::Surroundings;

/// What to write into configurations.
#[derive(Clone, Debug)]
pub struct Request {
    /// What starts this program.
    pub command: String,
    /// The folder to serve; `None`: the one the client works in.
    pub folder: Option<PathBuf>,
}

/// A file as it is and as it will be.
#[derive(Clone, Debug)]
pub struct Change {
    pub place: Place,
    /// `None`: there is no file.
    pub before: Option<String>,
    /// `None`: there will be none.
    pub after: Option<String>,
    /// The entry that is there.
    pub found: Option<Found>,
    /// A backup that says the same as `after`.
    spent: Option<PathBuf>,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Where the file as it was can be found.
    pub backup: Option<PathBuf>,
}

impl Place {
    /// The entry that is there.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn entry(&self) -> Result<Option<Found>, ClientError> {
        match disk::read(&self.file)? {
            Some(text) => self.found_in(&text),
            None => Ok(None),
        }
    }

    /// The entry for the folder at `root` alone, which the client takes before the other one.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn entry_of_project(&self, root: &Path) -> Result<Option<Found>, ClientError> {
        let (Some(projects), Dialect::Json { key, .. }) = (self.client.projects, self.client.dialect) else {
            return Ok(None);
        };
        let (Some(text), Some(root)) = (disk::read(&self.file)?, root.to_str()) else { return Ok(None) };
        edit::find_of_project(&text, projects, root, key).map_err(|source| self.refused(source))
    }

    fn found_in(&self, text: &str) -> Result<Option<Found>, ClientError> {
        edit::find(text, self.client.dialect).map_err(|source| self.refused(source))
    }

    fn refused(&self, source: super::EditError) -> ClientError {
        ClientError::Edit { path: self.file.clone(), source }
    }
}

/// The file with the entry. An entry that is there keeps everything but its program, and its
/// arguments as well unless a folder is given.
///
/// # Errors
/// When the file cannot be read or edited, or there is no folder to serve.
pub fn plan_install(place: Place, request: &Request, user: &Surroundings) -> Result<Change, ClientError> {
    let before = disk::read(&place.file)?;
    let text = before.as_deref().unwrap_or_default();
    let found = place.found_in(text)?;
    let serves = |found: &&Found| found.args.iter().any(|word| word == "--stdio" || word == "serve");
    let args = match found.as_ref().filter(serves) {
        Some(found) if request.folder.is_none() => found.args.clone(),
        _ => args(&place, request, user)?,
    };
    let entry = Entry { command: request.command.clone(), args };
    let after = edit::with(text, place.client.dialect, &entry).map_err(|source| place.refused(source))?;
    Ok(Change { place, before, after: Some(after), found, spent: None })
}

/// The file without the entry. If it is what writing the entry into a backup makes, or into
/// nothing, then that is what it was before, to the byte; otherwise the entry is cut out.
///
/// # Errors
/// When the file cannot be read or edited.
pub fn plan_uninstall(place: Place) -> Result<Change, ClientError> {
    let before = disk::read(&place.file)?;
    let found = before.as_deref().map_or(Ok(None), |text| place.found_in(text))?;
    let (Some(text), Some(entry)) = (before.as_deref(), &found) else {
        return Ok(Change { after: before.clone(), place, before, found, spent: None });
    };
    let entry = entry.command.clone().map(|command| Entry { command, args: entry.args.clone() });
    let makes_this = |old: &str| {
        let made = entry.as_ref().and_then(|entry| edit::with(old, place.client.dialect, entry).ok());
        made.as_deref() == Some(text)
    };
    let backups = disk::backups(&place.file);
    let no_backup = backups.is_empty();
    if let Some((spent, old)) = backups.into_iter().find(|(_, old)| makes_this(old)) {
        return Ok(Change { place, before, after: Some(old), found, spent: Some(spent) });
    }
    if no_backup && makes_this("") {
        return Ok(Change { place, before, after: None, found, spent: None });
    }
    let after = edit::without(text, place.client.dialect).map_err(|source| place.refused(source))?;
    Ok(Change { place, before, after: Some(after), found, spent: None })
}

/// The arguments of a new entry.
fn args(place: &Place, request: &Request, user: &Surroundings) -> Result<Vec<String>, ClientError> {
    let folder = match (&request.folder, place.client.folder) {
        (Some(folder), _) => Some(text_of(folder)?),
        (None, Folder::Working) => None,
        (None, Folder::Variable(name)) => Some(name.to_owned()),
        (None, Folder::Untold) => {
            let folder = user.working.clone();
            if folder == user.home || folder.parent().is_none() {
                return Err(ClientError::NeedsFolder { client: place.client.title, folder });
            }
            Some(text_of(&folder)?)
        }
    };
    // Who names it means it.
    let is_much = request.folder.as_deref().is_some_and(|folder| folder == user.home || folder.parent().is_none());
    let meant = is_much.then(|| "--allow-home".to_owned());
    Ok(["serve", "--stdio"].map(str::to_owned).into_iter().chain(meant).chain(folder).collect())
}

/// A path as it can stand in a configuration.
fn text_of(path: &Path) -> Result<String, ClientError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ClientError::NotText { path: path.to_owned() })
}

impl Request {
    /// A request for this program, in this folder.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn new(command: &Path, folder: Option<PathBuf>) -> Result<Self, ClientError> {
        Ok(Self { command: text_of(command)?, folder })
    }
}

impl Change {
    /// Whether there is anything to do.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file has changed meanwhile or cannot be written; it is as it was then.
    pub fn apply(&self) -> Result<Applied, ClientError> {
        let mut applied = Applied::default();
        match (&self.before, &self.after) {
            (before, Some(after)) => {
                let keep = self.spent.is_none();
                applied.backup = disk::replace(&self.place.file, before.as_deref(), after, keep)?;
            }
            (Some(before), None) => disk::remove(&self.place.file, before)?,
            (None, None) => {}
        }
        if let Some(spent) = &self.spent {
            // One that cannot be removed does no harm.
            _ = fs::remove_file(spent);
        }
        Ok(applied)
    }
}
