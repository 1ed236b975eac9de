//! The folders of a server: those given as arguments, or the folders in the client's environment.
//!
//! A folder that was given as an argument and is refused ends the server. A refused folder of a group is left out, with
//! a note. A refused folder that a client names is left out, and the reason becomes part of the advice that calls get
//! while no folder is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::Settings;
use mcp::FolderAccess;
use sharing::SharedFolders;

use crate::cli::arguments::{ServeArguments, SharedArguments};
use crate::cli::index_run::command_folder::refuse_broad;
use crate::cli::index_run::published_base::bring_base;
use crate::cli::printer;

/// Advice for calls of a server without a folder.
const NO_FOLDER: &str = "the client has named none; open a folder in the client, or give the folder with your code as \
    an argument of the server: codescry serve --stdio FOLDER";

/// Returns the folders to serve, in order: the arguments or the folders of the group. Without these, the accepted
/// folders of the first of CLAUDE_PROJECT_DIR, WORKSPACE_FOLDER_PATHS and the working folder that has any. If all are
/// refused, there are none, and the client's roots are served later, unless `--within` is given. With `--collection`,
/// the collection is served alone.
///
/// # Errors
/// If a folder given as an argument or with `--within` does not exist or is refused, there is no such group, all
/// folders of the group are refused, or `--collection` is given together with folders or cannot be fetched.
pub fn resolve_folders(shared: &SharedArguments, arguments: &ServeArguments) -> anyhow::Result<SharedFolders> {
    let checks = FolderChecks { shared: shared.clone() };
    if shared.collection.is_some() {
        let is_alone = arguments.paths.is_empty() && arguments.within.is_empty() && arguments.group.is_none();
        anyhow::ensure!(is_alone, "--collection is served without folders; leave out PATH, --within and --group");
        let settings = shared.settings(None)?;
        bring_base(shared, &settings)?;
        return Ok(SharedFolders { served: vec![settings], within: Vec::new(), access: FolderAccess::default() });
    }
    let within = resolve_allowed(&checks, &arguments.within)?;
    let mut served: Vec<Settings> = Vec::new();
    let mut refusals = Vec::new();
    let paths = match &arguments.group {
        Some(name) => config::find_group(name)?,
        None => arguments.paths.clone(),
    };
    if paths.is_empty() {
        for named in config::client_folders() {
            for folder in &named.folders {
                if let Err(why) = checks.check(folder).and_then(|settings| add_folder(&mut served, settings)) {
                    refusals.push(format!("{}: {why}", named.source));
                }
            }
            if !served.is_empty() {
                break;
            }
        }
    } else {
        for path in &paths {
            let checked = checks.check(path).and_then(|settings| add_folder(&mut served, settings));
            match checked {
                // The other folders of a group are served.
                Err(why) if arguments.group.is_some() => refusals.push(why),
                checked => checked.map_err(anyhow::Error::msg)?,
            }
        }
        anyhow::ensure!(!served.is_empty(), "no folder of the group can be served: {}", refusals.join("; "));
        refusals.iter().for_each(|why| printer::print_note(&format!("a folder of the group is not served: {why}")));
    }
    let mut advice = String::new();
    if let Some(first) = arguments.within.first() {
        advice = format!("name a project below {} in the argument root", first.display());
    } else if served.is_empty() {
        advice = NO_FOLDER.to_owned();
    }
    if served.is_empty() {
        refusals.iter().for_each(|refusal| advice.push_str(&format!("; {refusal}")));
    }
    let access = FolderAccess {
        within: within.iter().map(|settings| settings.root.as_path().to_owned()).collect(),
        takes_client_roots: served.is_empty() && within.is_empty(),
        advice,
        resolve: Arc::new(move |folder: &Path| checks.check(folder)),
    };
    Ok(SharedFolders { served, within, access })
}

/// Returns the settings of the folders below which calls may name projects.
fn resolve_allowed(checks: &FolderChecks, folders: &[PathBuf]) -> anyhow::Result<Vec<Settings>> {
    let resolve = |folder: &PathBuf| {
        let settings = checks.shared.settings(Some(folder)).map_err(|error| anyhow::anyhow!("--within: {error}"))?;
        let is_root = settings.root.as_path().parent().is_none();
        anyhow::ensure!(
            !is_root,
            "--within {} allows every folder; give one that holds your projects",
            folder.display()
        );
        Ok(settings)
    };
    folders.iter().map(resolve).collect()
}

/// Adds a folder unless it is served already.
///
/// # Errors
/// If another folder has the same index.
fn add_folder(served: &mut Vec<Settings>, settings: Settings) -> Result<(), String> {
    if served.iter().any(|other| other.root == settings.root) {
        return Ok(());
    }
    if served.iter().any(|other| other.index_dir == settings.index_dir) {
        return Err("--index-dir holds the index of one folder; give one PATH, or leave out --index-dir".to_owned());
    }
    served.push(settings);
    Ok(())
}

/// The checks of every folder to serve, whether an argument, a variable, the client or a call names it.
struct FolderChecks {
    shared: SharedArguments,
}

impl FolderChecks {
    /// Returns the settings of a folder, after fetching the published index that they name.
    ///
    /// # Errors
    /// If the folder does not exist or is too broad to serve, a setting is invalid, or the published index cannot be
    /// fetched.
    fn check(&self, folder: &Path) -> Result<Settings, String> {
        let settings = self.shared.settings(Some(folder)).map_err(|error| error.to_string())?;
        refuse_broad(&self.shared, &settings, "serve")?;
        bring_base(&self.shared, &settings).map_err(|error| error.to_string())?;
        Ok(settings)
    }
}
