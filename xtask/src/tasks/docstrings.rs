//! `cargo xtask docstrings`: measures how often a search with a doc comment finds the function that it documents.
//!
//! No candidate contains its doc comment. For each repository there is `NAME.sets.json` (`candidates`: path and text;
//! `questions`: text and number of the right candidate), `NAME/` (one file per candidate, for codescry) and, for each
//! system, `NAME.SYSTEM.ranks.json`: for each question the rank of the right candidate, 0 if it is not among the first
//! 200. `benches/python/docstrings_minilm.py` adds the ranks of a transformer. All systems get the same text: the words
//! of the path, the name of the container, and the function without its comment.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use embed::build_path_passage;
use engine::{
    CancelToken, Engine, IndexRequest, Options, QueryCalls as _, RetrievalMode, SearchQuery, Settings, SymbolKind,
};
use serde_json::{Value, json};
use text::words;
use train::pairs::{CodeDefinition, read_definitions};
use types::AbsPath;

/// Measures how often a search with a doc comment finds the function that it documents
#[derive(clap::Args)]
pub struct DocstringsArguments {
    #[command(subcommand)]
    step: DocstringsStep,
}

/// The steps of the measurement, in order.
#[derive(clap::Subcommand)]
enum DocstringsStep {
    /// Writes the questions and the candidates of repositories
    Sets {
        /// Folder to write to
        #[arg(long)]
        out: PathBuf,
        #[arg(required = true)]
        repositories: Vec<PathBuf>,
    },
    /// Ranks the candidates with codescry, in three modes, and with BM25 alone
    Rank {
        /// The folder of the sets
        folder: PathBuf,
    },
    /// Prints recall@10 and MRR of all rankings
    Table {
        /// The folder of the sets
        folder: PathBuf,
    },
}

/// Maximum number of questions of a repository, selected by hash.
const MAX_QUESTIONS: usize = 300;

/// Maximum number of candidates of a repository, selected by hash.
const MAX_CANDIDATES: usize = 2_000;

/// Maximum length of a candidate in bytes; longer candidates are cut.
const MAX_BYTES: usize = 2_000;

/// Minimum length of a function in bytes; shorter functions contain too little to be found.
const MIN_BYTES: usize = 60;

/// Maximum rank of a candidate; candidates beyond this rank count as not found.
const DEPTH: usize = 200;

/// Runs a step of the measurement.
///
/// # Errors
/// If a repository or a file of the sets cannot be read, an index run or a search fails, or a result cannot be written.
pub fn run_docstrings(arguments: &DocstringsArguments) -> Result<()> {
    match &arguments.step {
        DocstringsStep::Sets { out, repositories } => {
            repositories.iter().try_for_each(|repository| write_sets(repository, out))
        }
        DocstringsStep::Rank { folder } => list_sets(folder)?.iter().try_for_each(|name| rank_sets(folder, name)),
        DocstringsStep::Table { folder } => print_table(folder),
    }
}

/// Selects the questions and the candidates of a repository, and writes them.
fn write_sets(repository: &Path, out: &Path) -> Result<()> {
    let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut definitions: Vec<CodeDefinition> = read_definitions(&AbsPath::canonical(repository)?)?;
    definitions.retain(is_candidate);
    definitions.sort_by_key(|one| one.target);
    definitions.dedup_by(|one, other| one.target == other.target || one.rest == other.rest);
    let mut sentences: HashMap<&str, usize> = HashMap::new();
    definitions
        .iter()
        .filter_map(|one| one.sentence.as_deref())
        .for_each(|words| *sentences.entry(words).or_default() += 1);
    let is_question = |one: &CodeDefinition| one.sentence.as_deref().is_some_and(|words| sentences[words] == 1);
    let question_targets: HashSet<u64> =
        definitions.iter().filter(|one| is_question(one)).take(MAX_QUESTIONS).map(|one| one.target).collect();
    let questions: Vec<&str> = definitions
        .iter()
        .filter(|one| question_targets.contains(&one.target))
        .filter_map(|one| one.sentence.as_deref())
        .collect();
    // An outer function contains the comment of an inner one.
    let contains_question = |one: &CodeDefinition| questions.iter().any(|question| one.rest.contains(question));
    let kept: Vec<&CodeDefinition> = definitions.iter().filter(|one| !contains_question(one)).collect();
    let (right, others): (Vec<&CodeDefinition>, Vec<&CodeDefinition>) =
        kept.into_iter().partition(|one| question_targets.contains(&one.target));
    let candidates: Vec<&CodeDefinition> = right.iter().copied().chain(others).take(MAX_CANDIDATES).collect();
    let folder = out.join(&name);
    for (number, one) in candidates.iter().enumerate() {
        write_candidate(&folder, number, one)?;
    }
    let questions: Vec<Value> =
        right.iter().enumerate().map(|(number, one)| json!({"text": one.sentence, "right": number})).collect();
    let texts: Vec<Value> = candidates
        .iter()
        .map(|one| {
            let text = format!("{} {}\n{}", build_path_passage(&one.path), one.symbol.container, cut_body(one));
            json!({"path": one.path.to_string(), "text": text})
        })
        .collect();
    println!("{name}: {} questions, {} candidates", questions.len(), texts.len());
    fs::write(
        out.join(format!("{name}.sets.json")),
        serde_json::to_vec(&json!({"questions": questions, "candidates": texts}))?,
    )?;
    Ok(())
}

/// Returns whether a definition is a function with a body, of at least [`MIN_BYTES`], and not of a test or an example.
fn is_candidate(one: &CodeDefinition) -> bool {
    use SymbolKind::{Constructor, Function, Method};
    let excluded = ["test", "tests", "spec", "specs", "example", "examples", "testing", "fixtures"];
    let path = one.path.to_string().to_lowercase();
    matches!(one.symbol.kind, Function | Method | Constructor)
        && one.rest.len() >= MIN_BYTES
        && !is_declaration(&one.rest)
        && !path.split(['/', '.', '-', '_']).any(|word| excluded.contains(&word))
        && !path.ends_with("test.java")
}

/// Returns whether the text is a prototype without a body.
fn is_declaration(text: &str) -> bool {
    text.trim_end().ends_with(';') && !text.contains('{') && !text.contains("=>")
}

fn cut_body(one: &CodeDefinition) -> &str {
    one.rest[..one.rest.floor_char_boundary(MAX_BYTES)].trim_start_matches('\n')
}

/// Writes a candidate to a file such as `NAME/src/app/Container/00012.rs`.
fn write_candidate(folder: &Path, number: usize, one: &CodeDefinition) -> Result<()> {
    let path = one.path.to_string();
    let extension = Path::new(&path).extension().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |part: &str| part.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { ' ' }).collect();
    let container: String = plain(&one.symbol.container);
    let below = folder.join(path.trim_end_matches(&format!(".{extension}"))).join(container.trim());
    fs::create_dir_all(&below)?;
    let head = if extension == "php" { "<?php\n" } else { "" };
    fs::write(below.join(format!("{number:05}.{extension}")), format!("{head}{}\n", cut_body(one)))?;
    Ok(())
}

/// Lists the names of the repositories that have sets.
fn list_sets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".sets.json").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The questions, each with the number of the right candidate, and the texts of the candidates.
struct QuestionSets {
    questions: Vec<(String, usize)>,
    candidates: Vec<String>,
}

impl QuestionSets {
    fn read(folder: &Path, name: &str) -> Result<Self> {
        let value: Value = serde_json::from_slice(&fs::read(folder.join(format!("{name}.sets.json")))?)?;
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
        let number = |value: &Value| usize::try_from(value["right"].as_u64().unwrap_or_default());
        let questions = list("questions").iter().map(|one| Ok((text(one), number(one)?))).collect::<Result<_>>()?;
        Ok(Self { questions, candidates: list("candidates").iter().map(text).collect() })
    }
}

/// Ranks the candidates of a repository with BM25 and with codescry, in three modes.
fn rank_sets(folder: &Path, name: &str) -> Result<()> {
    let sets = QuestionSets::read(folder, name)?;
    write_ranks(folder, name, "bm25", &rank_by_bm25(&sets))?;
    let index_dir = std::env::temp_dir().join("codescry-docstrings").join(name);
    let root = Some(folder.join(name));
    let options = Options { path: root, max_cache_bytes: Some(0), index_dir: Some(index_dir), ..Options::default() };
    let engine = Engine::open(Settings::resolve(&options)?)?;
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ())?;
    for (system, mode) in [
        ("codescry", RetrievalMode::Hybrid),
        ("codescry-dense", RetrievalMode::Dense),
        ("codescry-lexical", RetrievalMode::Lexical),
    ] {
        let settings = SearchQuery { limit: DEPTH, mode, ..SearchQuery::default() };
        let ranks: Result<Vec<usize>> =
            sets.questions.iter().map(|question| find_rank(&engine, question, &settings)).collect();
        write_ranks(folder, name, system, &ranks?)?;
    }
    println!("{name}: ranked");
    Ok(())
}

/// Searches for a question and returns the rank of the right candidate; 0 if it is not among the hits.
fn find_rank(engine: &Engine, (text, right): &(String, usize), settings: &SearchQuery) -> Result<usize> {
    let query = SearchQuery { text: text.clone(), ..settings.clone() };
    let hits = engine.search(&query, &CancelToken::default())?.hits;
    let is_right = |path: &str| {
        let stem = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        stem.and_then(|stem| stem.parse::<usize>().ok()) == Some(*right)
    };
    Ok(hits.iter().position(|hit| is_right(hit.path.as_str())).map_or(0, |at| at + 1))
}

/// Returns the rank of each question's right candidate by Okapi BM25 (k₁ 1.2, b 0.75) over the words of the candidates,
/// with identifiers split; 0 if it is not found or its rank is above [`DEPTH`].
fn rank_by_bm25(sets: &QuestionSets) -> Vec<usize> {
    let split = |text: &str| {
        let mut split = Vec::new();
        words::for_each_word(text, |word| split.push(word.to_owned()));
        split
    };
    let documents: Vec<Vec<String>> = sets.candidates.iter().map(|text| split(text)).collect();
    let count = documents.len() as f64;
    let mean = documents.iter().map(Vec::len).sum::<usize>() as f64 / count.max(1.0);
    let mut postings: HashMap<&str, BTreeMap<usize, f64>> = HashMap::new();
    for (at, document) in documents.iter().enumerate() {
        for word in document {
            *postings.entry(word).or_default().entry(at).or_default() += 1.0;
        }
    }
    let rank = |(text, right): &(String, usize)| {
        let mut scores = vec![0.0_f64; documents.len()];
        for word in split(text).into_iter().collect::<HashSet<_>>() {
            let Some(matches) = postings.get(word.as_str()) else { continue };
            let matching = matches.len() as f64;
            let idf = (1.0 + (count - matching + 0.5) / (matching + 0.5)).ln();
            for (at, times) in matches {
                let length = 1.2 * (0.25 + 0.75 * documents[*at].len() as f64 / mean);
                scores[*at] += idf * times * 2.2 / (times + length);
            }
        }
        let own = scores[*right];
        let above = scores.iter().enumerate().filter(|(at, score)| **score > own || (**score == own && at < right));
        let rank = above.count() + 1;
        if own > 0.0 && rank <= DEPTH { rank } else { 0 }
    };
    sets.questions.iter().map(rank).collect()
}

fn write_ranks(folder: &Path, name: &str, system: &str, ranks: &[usize]) -> Result<()> {
    Ok(fs::write(ranks_path(folder, name, system), serde_json::to_vec(ranks)?)?)
}

fn ranks_path(folder: &Path, name: &str, system: &str) -> PathBuf {
    folder.join(format!("{name}.{system}.ranks.json"))
}

/// Prints recall@10 and MRR of every system, by repository and as a mean over the repositories.
fn print_table(folder: &Path) -> Result<()> {
    let systems = ["bm25", "minilm", "codescry-lexical", "codescry-dense", "codescry"];
    println!("| repository | questions | candidates | {} |", systems.join(" | "));
    println!("|---|---|---|{}", "---|".repeat(systems.len()));
    let mut sums = vec![(0.0, 0.0, 0_usize); systems.len()];
    for name in list_sets(folder)? {
        let sets = QuestionSets::read(folder, &name)?;
        let mut cells = Vec::new();
        for (system, sum) in systems.iter().zip(&mut sums) {
            let Ok(bytes) = fs::read(ranks_path(folder, &name, system)) else {
                cells.push("–".to_owned());
                continue;
            };
            let ranks: Vec<usize> = serde_json::from_slice(&bytes)?;
            let (recall, mrr) = compute_measures(&ranks);
            *sum = (sum.0 + recall, sum.1 + mrr, sum.2 + 1);
            cells.push(format!("{recall:.3} / {mrr:.3}"));
        }
        println!("| {name} | {} | {} | {} |", sets.questions.len(), sets.candidates.len(), cells.join(" | "));
    }
    let mean = |(recall, mrr, count): &(f64, f64, usize)| {
        let count = (*count).max(1) as f64;
        format!("**{:.3} / {:.3}**", recall / count, mrr / count)
    };
    println!("| mean | | | {} |", sums.iter().map(mean).collect::<Vec<_>>().join(" | "));
    Ok(())
}

/// Returns recall@10 and MRR of ranks, of which 0 means not found.
fn compute_measures(ranks: &[usize]) -> (f64, f64) {
    let count = ranks.len().max(1) as f64;
    let found = ranks.iter().filter(|rank| (1..=10).contains(*rank)).count() as f64;
    let reciprocal: f64 = ranks.iter().filter(|rank| **rank > 0).map(|rank| (*rank as f64).recip()).sum();
    (found / count, reciprocal / count)
}
