//! One part of a base: fetched into a temporary file, verified, and renamed.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use crate::error::LocationError;
use crate::layout::{BasePart, part_object, to_hex};
use crate::storage::Storage;

/// Maximum number of attempts to fetch a part. Within an attempt, object_store repeats requests that fail.
const ATTEMPTS: u32 = 3;

/// Number of bytes from which a piece is written and hashed on another thread.
const LARGE_PIECE: usize = 256 << 10;

/// Returns whether the file at `path` has the content of the part.
pub fn is_intact(path: &Path, part: &BasePart) -> bool {
    let is_whole = path.metadata().is_ok_and(|found| found.len() == part.bytes);
    is_whole && hash_file(path).is_ok_and(|hasher| to_hex(&hasher.finalize()) == part.sha256)
}

fn hash_file(path: &Path) -> io::Result<Sha256> {
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hasher);
        }
        hasher.update(&piece[..read]);
    }
}

/// Fetches a part to `path`, and continues an earlier, incomplete attempt. Returns the number of bytes that were
/// fetched; `seen` receives the number of bytes of the part that are here.
///
/// # Errors
/// When the location fails or refuses, the received bytes do not have the checksum of the part, or the file cannot be
/// written.
pub async fn fetch_part(
    storage: &Storage,
    part: &BasePart,
    path: &Path,
    seen: &(dyn Fn(u64) + Send + Sync),
) -> Result<u64, LocationError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut fetched = 0;
    for attempt in 1.. {
        match fetch_rest(storage, part, &partial, &mut fetched, seen).await {
            Ok(found) if found == part.sha256 => break,
            Ok(found) => {
                // Nothing tells which bytes are wrong.
                _ = fs::remove_file(&partial);
                if attempt == ATTEMPTS {
                    let problem = format!("its SHA-256 is {found}");
                    let (location, object) = (storage.shown().to_owned(), part_object(&part.sha256));
                    return Err(LocationError::Damaged { location, object, problem });
                }
            }
            Err(error) if attempt == ATTEMPTS || !error.is_temporary() => return Err(error),
            Err(_) => {}
        }
    }
    let fail = |source| LocationError::Io { operation: "rename", path: partial.clone(), source };
    fs::rename(&partial, path).map_err(fail)?;
    Ok(fetched)
}

/// Fetches the missing bytes of the temporary file, and returns the SHA-256 checksum of the whole file.
async fn fetch_rest(
    storage: &Storage,
    part: &BasePart,
    partial: &Path,
    fetched: &mut u64,
    seen: &(dyn Fn(u64) + Send + Sync),
) -> Result<String, LocationError> {
    let fail = |operation| move |source| LocationError::Io { operation, path: partial.to_owned(), source };
    let mut here = partial.metadata().map_or(0, |found| found.len());
    if here > part.bytes {
        here = 0;
    }
    let mut hasher = if here > 0 { hash_file(partial).map_err(fail("read"))? } else { Sha256::new() };
    let mut file = File::options().create(true).write(true).truncate(here == 0).open(partial).map_err(fail("open"))?;
    io::Seek::seek(&mut file, io::SeekFrom::Start(here)).map_err(fail("write"))?;
    if here == part.bytes && part.bytes > 0 {
        return Ok(to_hex(&hasher.finalize()));
    }
    let mut pieces = storage.stream(&part_object(&part.sha256), here).await?;
    while let Some(piece) = pieces.try_next().await? {
        here += piece.len() as u64;
        *fetched += piece.len() as u64;
        let is_large = piece.len() >= LARGE_PIECE;
        let store = move || {
            file.write_all(&piece)?;
            hasher.update(&piece);
            Ok((file, hasher))
        };
        // Several parts at once, each on a thread of its own.
        let stored = if is_large { spawn_blocking(store).await.map_err(io::Error::other).flatten() } else { store() };
        (file, hasher) = stored.map_err(fail("write"))?;
        seen(here);
        if here > part.bytes {
            break;
        }
    }
    Ok(to_hex(&hasher.finalize()))
}
