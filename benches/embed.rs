//! Measures the throughput of the built-in embedding model on one thread, in words per second.
//!
//! ```text
//! cargo bench --bench embed -- [FOLDER]     (default: the sources of this crate)
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use embed::static_model::StaticModel;
use text::words;

/// The length of a passage in characters, about that of a chunk.
const PASSAGE_CHARS: usize = 1_000;

fn main() {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = argument.map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), PathBuf::from);
    let passages = read_passages(folder);
    let texts: Vec<&str> = passages.iter().map(String::as_str).collect();
    let mut count = 0_u64;
    texts.iter().for_each(|text| words::for_each_word(text, |_| count += 1));
    let model = StaticModel::builtin();
    for run in 1..=5 {
        let started = Instant::now();
        let vectors = model.embed_texts(&texts);
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(vectors.len(), texts.len());
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown in thousands")]
        let rate = count as f64 / seconds / 1_000.0;
        println!("run {run}: {} passages, {count} words, {seconds:.3} s, {rate:.0} thousand words/s", texts.len());
    }
}

/// Reads the text files below `folder` and divides them into passages.
fn read_passages(folder: PathBuf) -> Vec<String> {
    let mut passages = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() && path.file_name().is_some_and(|name| name != ".git") {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let chars: Vec<char> = text.chars().collect();
                passages.extend(chars.chunks(PASSAGE_CHARS).map(|piece| piece.iter().collect::<String>()));
            }
        }
    }
    passages
}
