//! The folders that a command searches: an indexed folder, or a group.

use std::ops::{Deref, Range};
use std::path::PathBuf;
use std::sync::Arc;

use config::ConfigError;
use engine::{Engine, EngineGroup, Language, LeftOutFolder, QueryCalls, TokenClass};

use super::command_folder::{CommandFolder, ShownPaths, check_device, refuse_broad, settings_to_index};
use super::published_base::bring_base;
use crate::cli::arguments::{ChosenFolders, SharedArguments};
use crate::cli::printer;

/// An indexed folder, or a group of folders that is searched as one.
pub enum Searched {
    Folder(Box<Engine>),
    Group(EngineGroup),
}

impl Deref for Searched {
    type Target = dyn QueryCalls;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Folder(engine) => engine.as_ref(),
            Self::Group(group) => group,
        }
    }
}

impl Searched {
    /// Returns whether several folders are searched.
    pub fn is_group(&self) -> bool {
        matches!(self, Self::Group(_))
    }

    /// Returns the engines of all folders.
    pub fn engines(&self) -> Vec<&Engine> {
        self.deref().engines()
    }

    /// Returns the classified byte ranges of `text`, like [`Engine::highlight_tokens`].
    pub fn highlight_tokens(&self, language: Language, text: &str) -> Vec<(Range<usize>, TokenClass)> {
        self.engines().first().map_or_else(Vec::new, |engine| engine.highlight_tokens(language, text))
    }

    /// Loads the data that searches need. A failure is reported by the first search.
    pub fn warm_up(&self) {
        match self {
            Self::Folder(engine) => engine.warm_up(),
            Self::Group(group) => group.warm_up(),
        }
    }
}

/// Opens the engine of a folder or of the indexed folder above it, or those of a group.
///
/// # Errors
/// If the folder is too broad, the folder or the index is invalid, a published index cannot be fetched, or the model
/// cannot use the device of `--device`; for a group, also like [`open_group`].
pub fn open_searched(shared: &SharedArguments, folders: &ChosenFolders) -> anyhow::Result<(Searched, ShownPaths)> {
    match folders {
        ChosenFolders::One(folder) => {
            let folder = CommandFolder::resolve_to_index(shared, folder.as_deref()).map_err(suggest_path_filter)?;
            let (engine, paths) = folder.open(shared)?;
            check_device(shared, &engine)?;
            Ok((Searched::Folder(Box::new(engine)), paths))
        }
        ChosenFolders::Group(folders) => {
            let group = open_group(shared, folders)?;
            if let Some((_, engine)) = group.members().first() {
                check_device(shared, engine)?;
            }
            Ok((Searched::Group(group), ShownPaths::of_group()))
        }
    }
}

/// Adds to the error about a file in place of a folder how to search this file alone.
fn suggest_path_filter(error: anyhow::Error) -> anyhow::Error {
    let name = match error.downcast_ref() {
        Some(ConfigError::NotAFolder { path }) => path.file_name(),
        _ => None,
    };
    match name {
        Some(name) => anyhow::anyhow!("{error}, and --path {} to search this file alone", name.display()),
        None => error,
    }
}

/// Opens the engines of the folders of a group. A folder that cannot be opened is left out, and the answers of the
/// group say so.
///
/// # Errors
/// If no folder can be opened, or several would have the same index.
pub fn open_group(shared: &SharedArguments, folders: &[PathBuf]) -> anyhow::Result<EngineGroup> {
    let (mut engines, mut unopened) = (Vec::<Arc<Engine>>::new(), Vec::new());
    for folder in folders {
        let opened = settings_to_index(shared, Some(folder)).and_then(|settings| {
            bring_base(shared, &settings)?;
            Ok(Engine::open(settings)?)
        });
        match opened {
            Ok(engine) => {
                let is_other = |other: &&Arc<Engine>| other.root() != engine.root();
                if let Some(other) =
                    engines.iter().filter(is_other).find(|other| other.index_dir() == engine.index_dir())
                {
                    anyhow::bail!(
                        "{} and {} would have the same index; leave out --index-dir to search several folders",
                        other.root().display(),
                        engine.root().display()
                    );
                }
                engines.push(Arc::new(engine));
            }
            Err(error) => unopened.push(LeftOutFolder { folder: folder.clone(), reason: error.to_string() }),
        }
    }
    if engines.is_empty() {
        let reasons: Vec<&str> = unopened.iter().map(|one| one.reason.as_str()).collect();
        anyhow::bail!("no folder of the group can be searched: {}", reasons.join("; "));
    }
    let group = EngineGroup::new(engines, unopened);
    if !shared.quiet {
        group.remarks().iter().for_each(|remark| printer::print_note(remark));
    }
    Ok(group)
}

/// Opens folders like [`open_searched`], for a command that may read files without an index. Also opens a folder that
/// is too broad to index; the third value is then the error for a call that needs the index. The device is not checked.
///
/// # Errors
/// If the folder or the index is invalid, or a published index cannot be fetched; for a group, like [`open_group`].
pub fn open_to_read(
    shared: &SharedArguments,
    folders: &ChosenFolders,
) -> anyhow::Result<(Searched, ShownPaths, Result<(), String>)> {
    match folders {
        ChosenFolders::One(folder) => {
            let folder = CommandFolder::resolve(shared, folder.as_deref())?;
            let broad = refuse_broad(shared, &folder.settings, "index");
            let (engine, paths) = folder.open(shared)?;
            Ok((Searched::Folder(Box::new(engine)), paths, broad))
        }
        ChosenFolders::Group(folders) => {
            Ok((Searched::Group(open_group(shared, folders)?), ShownPaths::of_group(), Ok(())))
        }
    }
}
