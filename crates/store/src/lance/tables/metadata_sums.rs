//! Checksums of the metadata that LanceDB parses before any row is read.
//!
//! LanceDB has no checksums. A flipped bit in a length makes it read somewhere else, panic, or ask for so much memory
//! that the process is aborted. So the manifest of a table's version, its deletion files, and the end of each data or
//! index file, where pages and columns are described, are compared with their checksums before LanceDB opens them. They
//! are small; the rows have checksums of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use lance::Dataset;
use lance::index::DatasetIndexExt as _;

use crate::error::StoreError;
use crate::lance::location::IndexLocation;
use crate::lance::manifest::TableVersion;
use platform::file_format::{FormatError, checksum64, read_exact_at};

/// Size in bytes of the footer of a data or index file.
const FOOTER_BYTES: usize = 40;

/// Size in bytes of an entry in a data file's table of global buffers.
const BUFFER_ENTRY_BYTES: usize = 16;

/// Maximum size of the metadata of a data file, in bytes.
const MAX_METADATA_BYTES: u64 = 64 << 20;

/// Returns the names of the files with metadata of a table's version, relative to the table's folder, those of its
/// indexes included.
///
/// # Errors
/// When the list of indexes cannot be read.
pub async fn list_metadata_files(dataset: &Dataset) -> lance::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    names.extend(dataset.manifest_location().path.filename().map(|name| format!("_versions/{name}")));
    for fragment in dataset.fragments().iter() {
        names.extend(fragment.files.iter().map(|file| format!("data/{}", file.path)));
        names.extend(fragment.deletion_file.as_ref().map(|file| {
            let suffix = file.file_type.suffix();
            format!("_deletions/{}-{}-{}.{suffix}", fragment.id, file.read_version, file.id)
        }));
    }
    for index in dataset.load_indices().await?.iter() {
        let files = index.files.iter().flatten();
        names.extend(files.map(|file| format!("_indices/{}/{}", index.uuid, file.path)));
    }
    Ok(names)
}

/// Returns the checksums of the metadata in the files `names` of a table. Files never change, so those in `known` are
/// not read again.
///
/// # Errors
/// When a file cannot be read.
pub fn sum_metadata(
    location: &IndexLocation,
    table: &str,
    names: Vec<String>,
    known: Option<&TableVersion>,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let known = known.filter(|known| known.name == table).map(|known| &known.metadata);
    let sum = |name: String| match known.and_then(|known| known.get(&name)) {
        Some(sum) => Ok((name, *sum)),
        None => sum_file(&location.table_folder(table).join(&name))
            .map_err(|error| location.damage_error("read the tables' metadata", &error))
            .map(|sum| (name, sum)),
    };
    names.into_iter().map(sum).collect()
}

/// Compares the metadata in the files of a table's version with its checksums, except for files that were already
/// compared for the version `before`. Leaves out remote files, whose ranges are verified when they are read.
///
/// # Errors
/// [`StoreError::Damaged`] for a file that is missing or has changed; another error if the system refuses to read one.
pub fn check_metadata(
    location: &IndexLocation,
    wanted: &TableVersion,
    before: Option<&TableVersion>,
) -> Result<(), StoreError> {
    let checked = before.filter(|before| before.name == wanted.name).map(|before| &before.metadata);
    for (name, sum) in &wanted.metadata {
        let is_checked = checked.is_some_and(|checked| checked.get(name) == Some(sum));
        if is_checked || location.is_remote(&wanted.path_in_index(name)) {
            continue;
        }
        let found = sum_file(&location.table_folder(&wanted.name).join(name));
        let problem = match found {
            Ok(found) if found == *sum => continue,
            Ok(_) => FormatError::Checksum.to_string(),
            Err(error) => error.to_string(),
        };
        let file = format!("{}.lance/{name}: {problem}", wanted.name);
        return Err(location.damage_error("read the tables' metadata", &file));
    }
    Ok(())
}

/// Returns the checksum of the metadata in a file: of the end of a data or index file, and of all bytes of any other
/// file.
fn sum_file(path: &Path) -> io::Result<u64> {
    let is_data = path.extension().is_some_and(|extension| extension == "lance" || extension == "idx");
    if !is_data {
        return std::fs::read(path).map(|bytes| checksum64(&bytes));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    read_end_of_data_file(&file, size).map(|bytes| checksum64(&bytes))
}

/// Reads the end of a data file: the global buffers, the descriptions of the columns, their offsets, and the footer.
fn read_end_of_data_file(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let read = |start: u64, end: u64| {
        let is_good = start <= end && end <= size && end - start <= MAX_METADATA_BYTES;
        let length = is_good.then(|| usize::try_from(end - start).ok()).flatten();
        let mut bytes = vec![0; length.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?];
        read_exact_at(file, &mut bytes, start)?;
        Ok::<_, io::Error>(bytes)
    };
    let footer = read(size.saturating_sub(FOOTER_BYTES as u64), size)?;
    let footer: &[u8; FOOTER_BYTES] =
        footer.first_chunk().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let number = |at: usize| footer[at..at + 8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (columns, buffers, buffer_count) = (number(0), number(16), number(24) & u64::from(u32::MAX));
    let entries_bytes = buffer_count * BUFFER_ENTRY_BYTES as u64;
    let entries = read(buffers, buffers.saturating_add(entries_bytes))?;
    let positions = entries.as_chunks::<BUFFER_ENTRY_BYTES>().0.iter();
    let position =
        |entry: &[u8; BUFFER_ENTRY_BYTES]| entry[..8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let start = positions.map(position).chain([columns, buffers]).min().unwrap_or(columns);
    read(start, size)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_malformed_footer_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.lance");
        for bytes in [vec![], vec![7; 39], vec![0xff; 40], vec![0xff; 100], [vec![0; 30], vec![1; 30]].concat()] {
            fs::write(&path, &bytes).expect("written");
            sum_file(&path).expect_err("no footer");
        }
        fs::write(folder.path().join("a.manifest"), "").expect("written");
        sum_file(&folder.path().join("a.manifest")).expect("any bytes");
    }
}
