//! The names that `symbol` and `references` look up.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::arguments::split_folder;

/// Returns the names to look up and the folder to search.
///
/// # Errors
/// If a name is not UTF-8.
pub fn split_names<'a>(
    words: &'a [OsString],
    folder: Option<&'a Path>,
) -> anyhow::Result<(Vec<&'a str>, Option<&'a Path>)> {
    let (names, folder) = split_folder(words, folder);
    let names = names.into_iter().map(|name| name.to_str().context("the name is not UTF-8; write it in UTF-8"));
    Ok((names.collect::<Result<_, _>>()?, folder))
}
