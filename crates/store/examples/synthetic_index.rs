//! Fills an index with synthetic chunks, to measure how indexes of several million chunks are built and searched.
//!
//! ```text
//! codescry index FOLDER_WITH_ONE_FILE          # makes the index whose model and settings the rows take
//! synthetic_index INDEX_FOLDER 4000000         # adds chunks up to this number, and builds the search indexes
//! synthetic_index queries 60                   # prints queries for `codescry search --batch --no-index`
//! ```
//!
//! The frequencies of words follow Zipf's law over 100,000 words. The vectors are noise around 4,000 random centers.
//! The contents of a file depend only on its number, and on the number of dimensions.

#![expect(clippy::print_stdout, reason = "an example for the command line")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use codescry_store as store;

use source::language;
use store::inverted_index::TermCounter;
use store::lance::LanceStore;
use store::{ChunkStore as _, Commit, CommitStatus, EmbeddedChunk, StoreWriter};
use types::{
    Chunk, ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, RepoPath, Span, Symbol, SymbolKind,
    TextEncoding,
};

/// Number of distinct words.
const WORDS: u32 = 100_000;

/// Number of chunks of a file.
const FILE_CHUNKS: u64 = 8;
/// Number of files of a repository.
const REPOSITORY_FILES: u64 = 1_000;

/// Number of files of a commit.
const COMMIT_FILES: u64 = 2_048;

/// Number of words in the body of a chunk.
const BODY_WORDS: u32 = 24;

/// Number of centers of the vectors.
const CENTERS: u64 = 4_000;

const USAGE: &str = "usage: synthetic_index INDEX_FOLDER CHUNKS, or synthetic_index queries COUNT";

/// A generator of pseudorandom numbers (Steele, Lea and Flood 2014: SplitMix64).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a word with a frequency in inverse proportion to its rank.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 up to WORDS")]
    fn word(&mut self) -> String {
        let rank = f64::from(WORDS).powf(self.unit()) as u32;
        spell(rank.min(WORDS - 1))
    }
}

/// Returns the word of a rank: two or three syllables.
fn spell(rank: u32) -> String {
    const FIRST: [&str; 20] =
        ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "st", "tr", "pl"];
    const THEN: [&str; 5] = ["a", "e", "i", "o", "u"];
    let mut left = rank + 100;
    let mut word = String::new();
    while left > 0 {
        word.push_str(FIRST[(left % 20) as usize]);
        word.push_str(THEN[(left / 20 % 5) as usize]);
        left /= 100;
    }
    word
}

/// Returns a vector, of unit length before rounding, near the vector that the seed `center` makes.
#[expect(clippy::cast_possible_truncation, reason = "half precision is stored")]
fn vector(random: &mut SplitMix, center: u64, dimensions: u32) -> Vec<f32> {
    let mut of_center = SplitMix(center);
    let values: Vec<f64> =
        (0..dimensions).map(|_| of_center.unit() - 0.5 + (random.unit() + random.unit() - 1.0) * 0.8).collect();
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    // The store rounds to half precision, and expects rounded values.
    values.iter().map(|value| ((value / length * 2048.0).round() / 2048.0) as f32).collect()
}

/// Returns the record and the chunks of file number `file`.
fn make_file(file: u64, dimensions: u32, counter: &mut TermCounter) -> (FileRecord, Vec<EmbeddedChunk>) {
    let mut random = SplitMix(file.wrapping_mul(0x5851_F42D_4C95_7F2D));
    let (repository, within) = (file / REPOSITORY_FILES, file % REPOSITORY_FILES);
    let path = RepoPath::new(format!("repo{repository}/{}/file{within}.rs", spell((within / 20) as u32)));
    let rust = language::language_by_name("rust").unwrap_or_else(language::text_language);
    let center = random.next() % CENTERS;
    let mut chunks = Vec::new();
    for at in 0..FILE_CHUNKS as u32 {
        let name = format!("{}_{}", random.word(), random.word());
        let signature = format!("fn {name}({}: {})", random.word(), random.word());
        let mut text = format!("/// {} {} {}.\n{signature} {{", random.word(), random.word(), random.word());
        for word in 0..BODY_WORDS {
            text.push_str(if word % 8 == 0 { "\n    " } else { " " });
            text.push_str(&random.word());
        }
        text.push_str("\n}");
        let span = Span { start_line: at * 8 + 1, end_line: at * 8 + 7 };
        let kind = SymbolKind::Function;
        let container = String::new();
        let definition =
            Symbol { name: name.clone(), kind, container: container.clone(), signature: signature.clone(), span };
        let (path, definitions) = (path.clone(), vec![definition]);
        let masked = Vec::new();
        let chunk =
            Chunk { path, language: rust, span, kind, symbol: name, container, definitions, signature, text, masked };
        let terms = counter.count_terms(&chunk, &mut |_| ());
        chunks.push(EmbeddedChunk { chunk, terms, vector: vector(&mut random, center, dimensions) });
    }
    let content = ContentRecord {
        hash: ContentHash::of_bytes(path.as_str().as_bytes()),
        encoding: TextEncoding::Utf8,
        language: rust,
        outcome: FileOutcome::Indexed { chunks: FILE_CHUNKS as u32, problem: None },
    };
    let stat = FileStat { size_bytes: 2_048, mtime_ns: 1, ctime_ns: 1, inode: file };
    (FileRecord { path, content, stat }, chunks)
}

/// Adds the files with the numbers `from..files`, and finishes the run.
fn fill(writer: &mut dyn StoreWriter, from: u64, files: u64, dimensions: u32) -> Result<(), Box<dyn Error>> {
    let mut counter = TermCounter::default();
    let status = |complete| CommitStatus { complete, files_found: files, ..CommitStatus::default() };
    let begun = Instant::now();
    let mut next = from;
    while next < files {
        let mut commit = Commit::default();
        let end = (next + COMMIT_FILES).min(files);
        for file in next..end {
            let (record, chunks) = make_file(file, dimensions, &mut counter);
            commit.replace.push(record);
            commit.chunks.extend(chunks);
        }
        writer.commit(commit, &status(false))?;
        next = end;
    }
    println!("{} chunks written in {:.1?}; {}", files * FILE_CHUNKS, begun.elapsed(), usage());
    let begun = Instant::now();
    writer.finish(&status(true))?;
    println!("finished in {:.1?}; {}", begun.elapsed(), usage());
    Ok(())
}

/// Returns the peak resident memory and the anonymous memory of this process, and its processor time in clock ticks.
fn usage() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"));
    let memory = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    format!("{}, {} ticks of processor time", memory.join(", "), ticks(11) + ticks(12))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, count] = arguments.as_slice() else { return Err(USAGE.into()) };
    let count: u64 = count.parse()?;
    if first == "queries" {
        let mut random = SplitMix(7);
        for number in 0..count {
            let words: Vec<String> = (0..3 + number % 3).map(|_| random.word()).collect();
            let filter = if number % 6 == 5 { format!(" path:repo{}/**", random.next() % 60) } else { String::new() };
            println!("{{\"query\": \"{}{filter}\"}}", words.join(" "));
        }
        return Ok(());
    }
    let folder = PathBuf::from(first);
    let manifest = LanceStore::read_manifest(&folder)?.ok_or("the folder has no index")?;
    let store = LanceStore::open(Path::new(&folder), &manifest.root)?.with_resident_limit(0);
    let mut writer = store.writer(&manifest.fingerprint, false)?;
    let mut from = 0;
    if let Some(base) = writer.base() {
        from = base.files()?.iter().filter(|record| record.path.as_str().starts_with("repo")).count() as u64;
    }
    fill(writer.as_mut(), from, count / FILE_CHUNKS, manifest.fingerprint.dimensions)?;
    println!("{} bytes on disk", store.size_bytes());
    Ok(())
}
