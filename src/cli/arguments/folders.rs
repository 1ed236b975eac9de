//! The folders that a command reads: one, or several that are searched as one.

use std::path::{Path, PathBuf};

use clap::Args;

/// The options that name the folders of a command.
#[derive(Clone, Debug, Default, Args)]
pub struct FolderArguments {
    /// Work in this folder instead of the working folder; paths among the other arguments are then relative to it, and
    /// none of them stands for the folder to search. Given several times, the folders are searched as one
    #[arg(long = "in", value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Search the folders of this group, which the user's config.toml names, as one
    #[arg(long, value_name = "NAME", conflicts_with = "folders")]
    pub group: Option<String>,
}

/// The folders that a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChosenFolders {
    /// One folder; `None` for the working folder.
    One(Option<PathBuf>),
    /// Several, which are searched as one.
    Group(Vec<PathBuf>),
}

impl FolderArguments {
    /// Returns whether an option names the folders, so that no other argument does.
    pub fn are_given(&self) -> bool {
        self.group.is_some() || !self.folders.is_empty()
    }

    /// Returns the folders to read; `positional` is the one that an argument without an option names.
    ///
    /// # Errors
    /// If there is no such group, or `config.toml` is invalid.
    pub fn choose(&self, positional: Option<&Path>) -> anyhow::Result<ChosenFolders> {
        if let Some(name) = &self.group {
            return Ok(ChosenFolders::Group(config::find_group(name)?));
        }
        Ok(match self.folders.as_slice() {
            [] => ChosenFolders::One(positional.map(Path::to_owned)),
            [folder] => ChosenFolders::One(Some(folder.clone())),
            folders => ChosenFolders::Group(folders.to_vec()),
        })
    }
}
