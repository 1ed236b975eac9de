//! `cargo xtask measure-places`: writes the features of files and places, from which `benches/python/train_places.py`
//! learns the weights of the ranking.
//!
//! Each line of standard input is a JSON object with `id`, `root` (a folder), `index_dir` (its index, which is read as
//! it is) and `query`. The first line of output names the features. Each further line has the `id`, the `kind` of the
//! query, `is_name` (whether the weights for names apply) and the `files`, best first: `path`, `f` (features for each
//! part of the query), `e` (the score from other evidence) and `chunks` with `a` and `b` (the first and the last line),
//! `f` and `e`. Indexes on disk need the storage that `cargo build -p codescry -p xtask` adds.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use engine::{Engine, Options, SearchQuery, Settings};
use search::{ChunkFeature, Feature, MeasuredChunk, MeasuredFile};
use serde_json::{Value, json};

/// Writes the features of candidate places of the queries on standard input
#[derive(clap::Args)]
pub struct MeasurePlacesArguments {
    /// Files whose chunks are measured
    #[arg(long, default_value_t = 30)]
    files: usize,
    /// Candidate files that are written
    #[arg(long, default_value_t = 400)]
    candidates: usize,
}

/// Measures every query on standard input.
///
/// # Errors
/// If a line is not a JSON object with the fields `root`, `index_dir` and `query`, an index cannot be opened, a query
/// cannot be measured, or the output cannot be written.
pub fn run_measure_places(arguments: &MeasurePlacesArguments) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    let chunk_names: Vec<&str> = ChunkFeature::ALL.iter().map(|feature| feature.name()).collect();
    writeln!(out, "{}", json!({"files": names, "chunks": chunk_names}))?;
    let mut last: Option<(String, Engine)> = None;
    for line in std::io::stdin().lock().lines() {
        let task: Value = serde_json::from_str(&line?)?;
        let field = |key: &str| task[key].as_str().with_context(|| format!("no {key} in {task}")).map(str::to_owned);
        let index_dir = field("index_dir")?;
        if last.as_ref().is_none_or(|(dir, _)| *dir != index_dir) {
            let (root, dir) = (Some(PathBuf::from(field("root")?)), Some(PathBuf::from(&index_dir)));
            let options = Options { path: root, index_dir: dir, ..Options::default() };
            last = Some((index_dir, Engine::open(Settings::resolve(&options)?)?));
        }
        let Some((_, engine)) = &last else { continue };
        let query = SearchQuery { text: field("query")?, limit: arguments.files, ..SearchQuery::default() };
        let measured = engine.measure_features(&query)?;
        let chunk = |chunk: &MeasuredChunk| {
            let features: Vec<Vec<Value>> = chunk.features.iter().map(|part| round_values(&part.0)).collect();
            json!({"a": chunk.span.start_line, "b": chunk.span.end_line, "f": features, "e": chunk.evidence_score})
        };
        let file = |file: &MeasuredFile| {
            let features: Vec<Vec<Value>> = file.features.iter().map(|part| round_values(&part.0)).collect();
            let chunks: Vec<Value> = file.chunks.iter().map(chunk).collect();
            json!({"path": file.path.as_str(), "f": features, "e": file.evidence_score, "chunks": chunks})
        };
        let files: Vec<Value> = measured.files.iter().take(arguments.candidates).map(file).collect();
        let kind = format!("{:?}", measured.kind);
        writeln!(out, "{}", json!({"id": task["id"], "kind": kind, "is_name": measured.is_name, "files": files}))?;
        out.flush()?;
    }
    Ok(())
}

/// Rounds values to four digits, so that the output stays small.
fn round_values(values: &[f32]) -> Vec<Value> {
    values.iter().map(|value| json!((f64::from(*value) * 1e4).round() / 1e4)).collect()
}
