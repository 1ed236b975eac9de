//! Plans changes of files, and applies them.
//!
//! The edits of several clients to one file are one change.

use std::fs;
use std::path::{Path, PathBuf};

use config::{OperatingSystem, UserEnvironment};

use super::client::{EntryField, HookSettings, McpClient};
use super::entry::{InstalledEntry, ServerEntry};
use super::error::{ClientError, EditError};
use super::files::ClientConfigFile;
use super::guidance::{self, Extra, GuidanceContent, ShellCommands, guidance_files};
use super::{disk, formats};

/// The variable of a workspace's folder, which earlier versions wrote into files where no client replaces it.
const WORKSPACE_FOLDER: &str = "${workspaceFolder}";

/// The request of an installation: the entry and the files to write.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    /// The command that starts codescry.
    pub command: String,
    /// The folder to serve; `None` for the folder that the client works in.
    pub folder: Option<PathBuf>,
    /// The files to add besides the entry.
    pub extras: Vec<Extra>,
}

/// The planned change of a file, or the reason why it cannot be changed.
#[derive(Debug)]
pub struct PlannedFile {
    /// The names of the clients that read the file, for messages.
    pub titles: Vec<&'static str>,
    pub file: PathBuf,
    pub change: Result<FileChange, ClientError>,
}

/// A planned change of a file.
#[derive(Clone, Debug)]
pub struct FileChange {
    pub file: PathBuf,
    /// The text before the change; `None` if there is no file.
    pub before: Option<String>,
    /// The text after the change; `None` if the file is removed.
    pub after: Option<String>,
    /// The entry before the change, if there is one.
    pub found: Option<InstalledEntry>,
    /// Backups that are removed once the change is applied: of the text `after`, or of a state on the way to it.
    old_backups: Vec<PathBuf>,
    keeps_backup: bool,
    /// The folder below which empty folders are removed together with the file.
    base: PathBuf,
}

/// The result of an applied change.
#[derive(Clone, Debug, Default)]
pub struct AppliedChange {
    /// The backup of the text before the change; `None` if the file is not backed up.
    pub backup: Option<PathBuf>,
}

/// One step of the change of a file.
enum FileEdit {
    Entry(&'static McpClient, ServerEntry),
    Hook(HookSettings, String),
    Block(String),
    Document(String),
}

/// A file with the clients that read it and the parts to write into it.
struct EditedFile<'c> {
    file: PathBuf,
    config_file: &'c ClientConfigFile,
    titles: Vec<&'static str>,
    /// The clients that read an entry in the file. The entry has the form of the first one.
    clients: Vec<&'static McpClient>,
    contents: Vec<GuidanceContent>,
}

/// Plans to write the entry, and the extras of the request, for each client. In an existing entry, the command is
/// replaced by that of the request. Its arguments are replaced only if a folder is given, if they do not start a
/// server, or if they have a variable that the client does not replace.
pub fn plan_install(
    config_files: &[ClientConfigFile],
    request: &InstallRequest,
    user: &UserEnvironment,
) -> Vec<PlannedFile> {
    let files = collect_files(config_files, &request.extras, &ShellCommands::new(&request.command, user), user);
    let plan = |file: EditedFile<'_>| PlannedFile {
        change: plan_edits(&file, request, user),
        titles: file.titles,
        file: file.file,
    };
    files.into_iter().map(plan).collect()
}

/// Plans to remove the entry and all extras of each client. A file without any of them is listed only if it is a
/// configuration file, or cannot be read or edited.
///
/// If writing the entry and the hook into a backup, or into an empty text, gives the text of a file, then the file is
/// replaced by that backup, or removed. Otherwise, the entry and the hook are cut out.
pub fn plan_uninstall(config_files: &[ClientConfigFile], user: &UserEnvironment) -> Vec<PlannedFile> {
    let extras = Extra::ALL.map(|(_, extra)| extra);
    let mut planned = Vec::new();
    for file in collect_files(config_files, &extras, &ShellCommands::new("codescry", user), user) {
        let change = plan_removal(&file, user);
        let is_listed = file.has_entry() || !matches!(&change, Ok(change) if !change.is_needed());
        if is_listed {
            planned.push(PlannedFile { titles: file.titles, file: file.file, change });
        }
    }
    planned
}

/// Returns each file of the clients once, with the entry and the extras that belong into it; of two extras of one kind,
/// the first.
fn collect_files<'c>(
    config_files: &'c [ClientConfigFile],
    extras: &[Extra],
    commands: &ShellCommands,
    user: &UserEnvironment,
) -> Vec<EditedFile<'c>> {
    let mut files: Vec<EditedFile<'c>> = Vec::new();
    for config_file in config_files {
        let entry = [(config_file.file.clone(), None)];
        let guidance = guidance_files(config_file, extras, commands, user);
        for (file, content) in entry.into_iter().chain(guidance.into_iter().map(|file| (file.file, Some(file.content))))
        {
            let title = config_file.client.title;
            let at = files.iter().position(|other| other.file == file).unwrap_or_else(|| {
                let (titles, clients, contents) = (Vec::new(), Vec::new(), Vec::new());
                files.push(EditedFile { file, config_file, titles, clients, contents });
                files.len() - 1
            });
            let known = &mut files[at];
            if !known.titles.contains(&title) {
                known.titles.push(title);
            }
            match content {
                None => known.clients.push(config_file.client),
                Some(content) if !known.contents.iter().any(|other| is_same_kind(other, &content)) => {
                    known.contents.push(content);
                }
                Some(_) => {}
            }
        }
    }
    files
}

fn is_same_kind(one: &GuidanceContent, other: &GuidanceContent) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Plans the change that writes the entry and the contents into a file.
fn plan_edits(
    file: &EditedFile<'_>,
    request: &InstallRequest,
    user: &UserEnvironment,
) -> Result<FileChange, ClientError> {
    let before = disk::read_config(&file.file)?;
    let text = before.clone().unwrap_or_default();
    let mut edits = Vec::new();
    let mut found = None;
    if file.has_entry() {
        found = file.config_file.parse_entry(&text)?;
        edits.push(FileEdit::Entry(
            file.config_file.client,
            new_entry(file.config_file, found.as_ref(), request, user)?,
        ));
    }
    for content in &file.contents {
        edits.push(match content {
            GuidanceContent::Block(text) => FileEdit::Block(text.clone()),
            GuidanceContent::Document(document) => {
                if !text.is_empty() && !guidance::is_document(&text) {
                    return Err(ClientError::Occupied { path: file.file.clone() });
                }
                FileEdit::Document(document.clone())
            }
            GuidanceContent::Hook(hooks, command) => FileEdit::Hook(*hooks, command.clone()),
        });
    }
    let after = apply_edits(&edits, &text, before.is_none()).map_err(|source| file.edit_error(source))?;
    Ok(FileChange { found, after: Some(after), keeps_backup: file.keeps_backup(), ..file.unchanged(before, user) })
}

/// Plans to remove from a file everything that codescry wrote into it.
fn plan_removal(file: &EditedFile<'_>, user: &UserEnvironment) -> Result<FileChange, ClientError> {
    let before = disk::read_config(&file.file)?;
    let unchanged = file.unchanged(before.clone(), user);
    let Some(text) = before else { return Ok(unchanged) };
    for content in &file.contents {
        match content {
            GuidanceContent::Block(_) => {
                return Ok(FileChange { after: guidance::remove_block(&text), ..unchanged });
            }
            GuidanceContent::Document(_) => {
                let after = if guidance::is_document(&text) { None } else { Some(text) };
                return Ok(FileChange { after, ..unchanged });
            }
            GuidanceContent::Hook(..) => {}
        }
    }
    let found = if file.has_entry() { file.config_file.parse_entry(&text)? } else { None };
    let hook = file.contents.iter().find_map(|content| match content {
        GuidanceContent::Hook(hooks, _) => {
            let command = formats::find_hook(&text, hooks.event).ok().flatten()?;
            Some((*hooks, command))
        }
        _ => None,
    });
    if found.is_none() && hook.is_none() {
        return Ok(unchanged);
    }
    let restored = find_restorable(file, &text, found.as_ref(), hook.as_ref(), user);
    if let Some((after, old_backups)) = restored {
        return Ok(FileChange { found, after, old_backups, ..unchanged });
    }
    let mut after = text;
    if found.is_some() {
        after = formats::remove_entry(&after, file.config_file.client).map_err(|source| file.edit_error(source))?;
    }
    if let Some((hooks, _)) = hook {
        after = formats::remove_hook(&after, hooks.event).map_err(|source| file.edit_error(source))?;
    }
    Ok(FileChange { found, after: Some(after), keeps_backup: true, ..unchanged })
}

/// Returns the text that the file had before the installation (`None` for no file), and the backups that are not needed
/// any more: the one of that text, and those of the states after a part of the edits. Returns `None` if neither a
/// backup nor an empty text becomes `text` by the edits.
fn find_restorable(
    file: &EditedFile<'_>,
    text: &str,
    found: Option<&InstalledEntry>,
    hook: Option<&(HookSettings, String)>,
    user: &UserEnvironment,
) -> Option<(Option<String>, Vec<PathBuf>)> {
    let backups = disk::read_backups(&file.file);
    // The entry may have the form of another client that shares the file.
    let clients = if file.clients.is_empty() { vec![file.config_file.client] } else { file.clients.clone() };
    let sandboxes = [Some(user.written_folders.clone()), None];
    for (client, sandbox) in
        clients.iter().flat_map(|client| sandboxes.iter().map(move |sandbox| (*client, sandbox.clone())))
    {
        let mut edits = Vec::new();
        if let Some(found) = found {
            let entry = ServerEntry { command: found.command.clone()?, args: found.args.clone(), sandbox };
            edits.push(FileEdit::Entry(client, entry));
        }
        edits.extend(hook.map(|(hooks, command)| FileEdit::Hook(*hooks, command.clone())));
        let gives_text = |old: &str| {
            let is_clean = formats::find_entry(old, client).is_ok_and(|found| found.is_none() || !file.has_entry())
                && hook
                    .is_none_or(|(hooks, _)| formats::find_hook(old, hooks.event).is_ok_and(|found| found.is_none()));
            is_clean && apply_edits(&edits, old, false).is_ok_and(|edited| edited == text)
        };
        if let Some((_, old)) = backups.iter().find(|(_, old)| gives_text(old)) {
            let partial = |backup: &str| {
                (0..=edits.len())
                    .any(|count| apply_edits(&edits[..count], old, false).is_ok_and(|edited| edited == *backup))
            };
            let unneeded = backups.iter().filter(|(_, backup)| partial(backup)).map(|(path, _)| path.clone());
            return Some((Some(old.clone()), unneeded.collect()));
        }
        let is_partial = |backup: &str| {
            (1..edits.len()).any(|count| apply_edits(&edits[..count], "", true).is_ok_and(|edited| edited == *backup))
        };
        if backups.iter().all(|(_, backup)| is_partial(backup)) && gives_text("") {
            return Some((None, backups.iter().map(|(path, _)| path.clone()).collect()));
        }
    }
    None
}

/// Returns `text` after the edits, applied in order. `is_new_file` says whether the file is missing. The first edit
/// that fails is the error.
fn apply_edits(edits: &[FileEdit], text: &str, is_new_file: bool) -> Result<String, EditError> {
    edits.iter().try_fold(text.to_owned(), |text, edit| match edit {
        FileEdit::Entry(client, entry) => formats::insert_entry(&text, client, entry),
        FileEdit::Hook(hooks, command) => formats::insert_hook(&text, hooks, command),
        FileEdit::Block(block) => Ok(guidance::insert_block(&text, block, is_new_file)),
        FileEdit::Document(document) => Ok(document.clone()),
    })
}

/// Returns the entry to write in place of `found`.
///
/// # Errors
/// When there is no folder to serve, or its path is not UTF-8.
fn new_entry(
    config_file: &ClientConfigFile,
    found: Option<&InstalledEntry>,
    request: &InstallRequest,
    user: &UserEnvironment,
) -> Result<ServerEntry, ClientError> {
    let sandbox = sandbox_folders(config_file, user);
    let is_usable = |found: &&InstalledEntry| {
        let starts_server = found.args.iter().any(|word| word == "--stdio" || word == "serve");
        let has_stale_variable = found.args.iter().any(|word| word == WORKSPACE_FOLDER && !config_file.replaces(word));
        starts_server && !has_stale_variable
    };
    let args = match found.filter(is_usable) {
        Some(found) if request.folder.is_none() => found.args.clone(),
        _ => entry_args(config_file, request, user, sandbox.is_some())?,
    };
    Ok(ServerEntry { command: request.command.clone(), args, sandbox })
}

/// Returns the arguments of a new entry.
///
/// # Errors
/// When there is no folder to serve, or its path is not UTF-8.
fn entry_args(
    config_file: &ClientConfigFile,
    request: &InstallRequest,
    user: &UserEnvironment,
    is_sandboxed: bool,
) -> Result<Vec<String>, ClientError> {
    let signals = config_file.client.folder;
    let folder = match (&request.folder, &config_file.project) {
        (Some(folder), _) => Some(path_text(folder)?),
        (None, Some(_)) if signals.placeholder.is_some() => signals.placeholder.map(str::to_owned),
        (None, _) if signals.tell_folder() => None,
        // A project's file is read on other machines, where the folder has another path. Clients that read such a file
        // work in the project.
        (None, Some(_)) => None,
        (None, None) => {
            let folder = user.working.clone();
            if folder == user.home || folder.parent().is_none() {
                return Err(ClientError::NeedsFolder { client: config_file.client.title, folder });
            }
            Some(path_text(&folder)?)
        }
    };
    // A home or root folder that is given explicitly is served in full.
    let is_home_or_root =
        request.folder.as_deref().is_some_and(|folder| folder == user.home || folder.parent().is_none());
    let allow_home = is_home_or_root.then(|| "--allow-home".to_owned());
    // A sandbox hides the socket through which servers share a process.
    let no_share = is_sandboxed.then(|| "--no-share".to_owned());
    Ok(["serve", "--stdio"].map(str::to_owned).into_iter().chain(allow_home).chain(no_share).chain(folder).collect())
}

/// Returns the folders that the server writes to, if the client can run it in a sandbox on this machine. A project's
/// file is read on other machines, too, so it gets no sandbox.
fn sandbox_folders(config_file: &ClientConfigFile, user: &UserEnvironment) -> Option<Vec<PathBuf>> {
    let has_tools = match user.system {
        OperatingSystem::MacOs => true,
        OperatingSystem::Linux => ["bwrap", "socat"].iter().all(|tool| user.find_on_path(tool).is_some()),
        OperatingSystem::Windows => false,
    };
    let applies = config_file.client.entry.contains(&EntryField::Sandbox) && config_file.project.is_none();
    (applies && has_tools).then(|| user.written_folders.clone())
}

/// Returns a path as text.
///
/// # Errors
/// When the path is not UTF-8.
fn path_text(path: &Path) -> Result<String, ClientError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ClientError::PathNotUtf8 { path: path.to_owned() })
}

impl InstallRequest {
    /// Creates a request to start `command` for `folder`, without extras.
    ///
    /// # Errors
    /// When `command` is not UTF-8.
    pub fn new(command: &Path, folder: Option<PathBuf>) -> Result<Self, ClientError> {
        Ok(Self { command: path_text(command)?, folder, extras: Vec::new() })
    }
}

impl EditedFile<'_> {
    fn edit_error(&self, source: EditError) -> ClientError {
        ClientError::Edit { path: self.file.clone(), source }
    }

    /// Returns whether the file is to hold an entry.
    fn has_entry(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Returns whether the file is backed up before it is changed. Instructions, sub-agents and skills are removed
    /// exactly without a backup.
    fn keeps_backup(&self) -> bool {
        self.has_entry() || self.contents.iter().any(|content| matches!(content, GuidanceContent::Hook(..)))
    }

    /// Returns a change that changes nothing.
    fn unchanged(&self, before: Option<String>, user: &UserEnvironment) -> FileChange {
        FileChange {
            file: self.file.clone(),
            after: before.clone(),
            before,
            found: None,
            old_backups: Vec::new(),
            keeps_backup: false,
            base: self.config_file.project.clone().unwrap_or_else(|| user.home.clone()),
        }
    }
}

impl FileChange {
    /// Returns whether the change changes anything.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }

    /// Writes or removes the file. Then removes the backups that are not needed any more, and empty folders above a
    /// removed file.
    ///
    /// # Errors
    /// When the file has changed since the plan, or cannot be backed up, written or removed. The file is unchanged
    /// then.
    pub fn apply(&self) -> Result<AppliedChange, ClientError> {
        let mut applied = AppliedChange::default();
        match (&self.before, &self.after) {
            (before, Some(after)) => {
                applied.backup = disk::replace_config(&self.file, before.as_deref(), after, self.keeps_backup)?;
            }
            (Some(before), None) => disk::remove_config(&self.file, before)?,
            (None, None) => {}
        }
        for backup in &self.old_backups {
            // A backup that cannot be removed does no harm.
            _ = fs::remove_file(backup);
        }
        if self.after.is_none() {
            disk::remove_empty_folders(&self.file, &self.base);
        }
        Ok(applied)
    }
}
