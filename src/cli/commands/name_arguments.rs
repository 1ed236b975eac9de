//! The names that `symbol` and `references` look up.

use std::ffi::OsString;

use anyhow::Context as _;

use crate::cli::arguments::{ChosenFolders, FolderArguments, split_folder};

/// Returns the names to look up and the folders to search.
///
/// # Errors
/// If a name is not UTF-8, or the group of folders is unknown.
pub fn split_names<'a>(
    words: &'a [OsString],
    options: &FolderArguments,
) -> anyhow::Result<(Vec<&'a str>, ChosenFolders)> {
    let (names, folder) = split_folder(words, options);
    let names = names.into_iter().map(|name| name.to_str().context("the name is not UTF-8; write it in UTF-8"));
    Ok((names.collect::<Result<_, _>>()?, options.choose(folder)?))
}
