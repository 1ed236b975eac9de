//! Writes zip and tar archives reproducibly: sorted entries, one date, two modes.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libdeflater::{CompressionLvl, Compressor};
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;

/// The date of all entries: 1980-01-01, the first that a zip archive can hold.
const ENTRY_SECONDS: i64 = 315_532_800;

/// The highest level of compression.
const COMPRESSION_LEVEL: i32 = 12;

const PROGRAM_MODE: u32 = 0o755;
const TEXT_MODE: u32 = 0o644;

/// A file of a release.
pub struct ReleaseFile {
    pub name: String,
    pub content: Vec<u8>,
}

/// A file in an archive.
pub struct FileEntry<'content> {
    /// The path in the archive, with `/`.
    pub path: String,
    pub content: std::borrow::Cow<'content, [u8]>,
    mode: u32,
}

impl<'content> FileEntry<'content> {
    /// Creates an entry that can be executed.
    pub fn program(path: String, content: &'content [u8]) -> Self {
        Self { path, content: content.into(), mode: PROGRAM_MODE }
    }

    /// Creates an entry that cannot be executed.
    pub fn text(path: String, content: impl Into<String>) -> Self {
        Self { path, content: content.into().into_bytes().into(), mode: TEXT_MODE }
    }
}

/// Returns a zip archive with these files, sorted by path.
///
/// # Errors
/// If two files have the same path, or the archive cannot be compressed.
pub fn write_zip(mut entries: Vec<FileEntry<'_>>) -> Result<Vec<u8>> {
    sort_entries(&mut entries)?;
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for entry in &entries {
        let (mut writer, _) = archive
            .new_file(entry.path.as_str())
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(UtcDateTime::from_unix(ENTRY_SECONDS))
            .unix_permissions(0o100_000 | entry.mode)
            .start()?;
        writer.write_all(&deflate(&entry.content)?)?;
        writer.finish(DataDescriptorOutput::new(rawzip::crc32(&entry.content), entry.content.len() as u64))?;
    }
    Ok(archive.finish()?)
}

/// Returns a gzip-compressed tar archive with these files, sorted by path.
///
/// # Errors
/// If two files have the same path, or the archive cannot be compressed.
pub fn write_tar_gz(mut entries: Vec<FileEntry<'_>>) -> Result<Vec<u8>> {
    sort_entries(&mut entries)?;
    let mut archive = tar::Builder::new(Vec::new());
    for entry in &entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(ENTRY_SECONDS.unsigned_abs());
        archive.append_data(&mut header, &entry.path, &*entry.content)?;
    }
    let tar = archive.into_inner()?;
    let mut compressor = new_compressor()?;
    let mut compressed = vec![0; compressor.gzip_compress_bound(tar.len())];
    let length = compressor.gzip_compress(&tar, &mut compressed)?;
    compressed.truncate(length);
    Ok(compressed)
}

fn sort_entries(entries: &mut [FileEntry<'_>]) -> Result<()> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let twice = entries.windows(2).find(|pair| pair[0].path == pair[1].path);
    ensure!(twice.is_none(), "the archive has two files at {}", twice.map_or("", |pair| &pair[0].path));
    Ok(())
}

fn deflate(content: &[u8]) -> Result<Vec<u8>> {
    let mut compressor = new_compressor()?;
    let mut compressed = vec![0; compressor.deflate_compress_bound(content.len())];
    let length = compressor.deflate_compress(content, &mut compressed)?;
    compressed.truncate(length);
    Ok(compressed)
}

fn new_compressor() -> Result<Compressor> {
    let level = CompressionLvl::new(COMPRESSION_LEVEL).ok().context("the level of compression is out of range")?;
    Ok(Compressor::new(level))
}

/// Returns the SHA-256 hash in hexadecimal digits.
pub fn hash_bytes(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA-256 hash in the form of a wheel's `RECORD`: base64 for URLs, without padding.
pub fn hash_for_record(content: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(content))
}
