//! The names that `symbol` and `references` look up.

use std::ffi::OsString;

use anyhow::Context as _;

use crate::cli::arguments::{ChosenFolders, FolderArguments, is_class_filter, is_filter, split_folder};

/// Returns the names to look up, each with the filters among the arguments, and the folders to search.
///
/// # Errors
/// If a name is not UTF-8, there are only filters, or the group of folders is unknown.
pub fn split_names(words: &[OsString], options: &FolderArguments) -> anyhow::Result<(Vec<String>, ChosenFolders)> {
    let (words, folder) = split_folder(words, options);
    let words = words.into_iter().map(|name| name.to_str().context("the name is not UTF-8; write it in UTF-8"));
    let words: Vec<&str> = words.collect::<Result<_, _>>()?;
    let (filters, names): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| is_filter(word) || is_class_filter(word));
    anyhow::ensure!(!names.is_empty(), "there are only filters; give a name, too");
    let filters: String = filters.iter().map(|filter| format!(" {}", filter.trim())).collect();
    Ok((names.into_iter().map(|name| format!("{name}{filters}")).collect(), options.choose(folder)?))
}
