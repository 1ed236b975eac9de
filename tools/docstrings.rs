//! Docstring → function: how often the function that a doc comment documents is found, when neither it nor
//! any other candidate has its comment.
//!
//! ```text
//! docstrings sets --out FOLDER REPOSITORY...   writes the questions and the candidates of each
//! docstrings rank FOLDER                       ranks them: codescry (ranked, dense, lexical), and BM25 alone
//! docstrings table FOLDER                      prints recall@10 and MRR of every ranking that is there
//! ```
//!
//! For each repository there is `NAME.sets.json` (`candidates`: path and text; `questions`: text and the right
//! candidate's number), `NAME/` (each candidate in a file of its own, for codescry) and, for each system,
//! `NAME.SYSTEM.ranks.json`: the right candidate's rank for each question, 0 for none in the first 200.
//! `benches/docstrings_minilm.py` adds a transformer's. All systems are given the same: the path's words, the
//! container's name, and the function without its comment.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use config::{Options, Settings};
use embed::build_path_passage;
use text::words;
use engine::{CancelToken, Engine, IndexRequest, RetrievalMode, SearchQuery};
use train::pairs::{CodeDefinition, read_definitions};
use types::{AbsPath, SymbolKind};
use serde_json::{Value, json};

/// Most questions and most candidates of a repository; which ones is drawn by hash.
const MAX_QUESTIONS: usize = 300;
const MAX_CANDIDATES: usize = 2_000;

/// Candidates are cut there; a function below the least says too little.
const MAX_BYTES: usize = 2_000;
const MIN_BYTES: usize = 60;

/// Ranks beyond this count as not found.
const DEPTH: usize = 200;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sets", "--out", out, repositories @ ..] if !repositories.is_empty() => {
            repositories.iter().try_for_each(|repository| write_sets(Path::new(repository), Path::new(out)))
        }
        ["rank", folder] => names(Path::new(folder))?.iter().try_for_each(|name| rank(Path::new(folder), name)),
        ["table", folder] => table(Path::new(folder)),
        _ => bail!("usage: docstrings sets --out FOLDER REPOSITORY... | rank FOLDER | table FOLDER"),
    }
}

/// Draws the questions and the candidates of a repository.
fn write_sets(repository: &Path, out: &Path) -> Result<()> {
    let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found: Vec<CodeDefinition> = read_definitions(&AbsPath::canonical(repository)?)?;
    found.retain(is_candidate);
    found.sort_by_key(|one| one.target);
    found.dedup_by(|one, other| one.target == other.target || one.rest == other.rest);
    let mut sentences: HashMap<&str, usize> = HashMap::new();
    found.iter().filter_map(|one| one.sentence.as_deref()).for_each(|words| *sentences.entry(words).or_default() += 1);
    let is_asked = |one: &CodeDefinition| one.sentence.as_deref().is_some_and(|words| sentences[words] == 1);
    let asked: HashSet<u64> =
        found.iter().filter(|one| is_asked(one)).take(MAX_QUESTIONS).map(|one| one.target).collect();
    let questions: Vec<&str> =
        found.iter().filter(|one| asked.contains(&one.target)).filter_map(|one| one.sentence.as_deref()).collect();
    // A function around another has the other's comment in it.
    let tells = |one: &CodeDefinition| questions.iter().any(|question| one.rest.contains(question));
    let kept: Vec<&CodeDefinition> = found.iter().filter(|one| !tells(one)).collect();
    let (right, others): (Vec<&CodeDefinition>, Vec<&CodeDefinition>) = kept.into_iter().partition(|one| asked.contains(&one.target));
    let candidates: Vec<&CodeDefinition> = right.iter().copied().chain(others).take(MAX_CANDIDATES).collect();
    let folder = out.join(&name);
    for (number, one) in candidates.iter().enumerate() {
        write_candidate(&folder, number, one)?;
    }
    let questions: Vec<Value> =
        right.iter().enumerate().map(|(number, one)| json!({"text": one.sentence, "right": number})).collect();
    let texts: Vec<Value> = candidates
        .iter()
        .map(|one| json!({"path": one.path.to_string(), "text": format!("{} {}\n{}", build_path_passage(&one.path), one.symbol.container, body(one))}))
        .collect();
    println!("{name}: {} questions, {} candidates", questions.len(), texts.len());
    fs::write(
        out.join(format!("{name}.sets.json")),
        serde_json::to_vec(&json!({"questions": questions, "candidates": texts}))?,
    )?;
    Ok(())
}

/// Functions of the program itself: not tests, not examples.
fn is_candidate(one: &CodeDefinition) -> bool {
    use SymbolKind::{Constructor, Function, Method};
    let aside = ["test", "tests", "spec", "specs", "example", "examples", "testing", "fixtures"];
    let path = one.path.to_string().to_lowercase();
    matches!(one.symbol.kind, Function | Method | Constructor)
        && one.rest.len() >= MIN_BYTES
        && !is_declaration(&one.rest)
        && !path.split(['/', '.', '-', '_']).any(|word| aside.contains(&word))
        && !path.ends_with("test.java")
}

/// A prototype: its function is elsewhere.
fn is_declaration(text: &str) -> bool {
    text.trim_end().ends_with(';') && !text.contains('{') && !text.contains("=>")
}

fn body(one: &CodeDefinition) -> &str {
    one.rest[..one.rest.floor_char_boundary(MAX_BYTES)].trim_start_matches('\n')
}

/// `NAME/src/app/Container/0012.rs`.
fn write_candidate(folder: &Path, number: usize, one: &CodeDefinition) -> Result<()> {
    let path = one.path.to_string();
    let extension = Path::new(&path).extension().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |part: &str| part.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { ' ' }).collect();
    let container: String = plain(&one.symbol.container);
    let below = folder.join(path.trim_end_matches(&format!(".{extension}"))).join(container.trim());
    fs::create_dir_all(&below)?;
    let head = if extension == "php" { "<?php\n" } else { "" };
    fs::write(below.join(format!("{number:05}.{extension}")), format!("{head}{}\n", body(one)))?;
    Ok(())
}

/// The repositories that there are sets of.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".sets.json").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The questions with the right candidates' numbers, and the candidates.
struct Sets {
    questions: Vec<(String, usize)>,
    candidates: Vec<String>,
}

impl Sets {
    fn read(folder: &Path, name: &str) -> Result<Self> {
        let value: Value = serde_json::from_slice(&fs::read(folder.join(format!("{name}.sets.json")))?)?;
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
        let number = |value: &Value| usize::try_from(value["right"].as_u64().unwrap_or_default());
        let questions = list("questions").iter().map(|one| Ok((text(one), number(one)?))).collect::<Result<_>>()?;
        Ok(Self { questions, candidates: list("candidates").iter().map(text).collect() })
    }
}

fn rank(folder: &Path, name: &str) -> Result<()> {
    let sets = Sets::read(folder, name)?;
    write_ranks(folder, name, "bm25", &bm25(&sets))?;
    let index_dir = std::env::temp_dir().join("codescry-docstrings").join(name);
    let root = Some(folder.join(name));
    let options = Options { path: root, max_cache_bytes: Some(0), index_dir: Some(index_dir), ..Options::default() };
    let engine = Engine::open(Settings::resolve(&options)?)?;
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ())?;
    for (system, mode, per_chunk) in [
        ("codescry", RetrievalMode::Hybrid, false),
        ("codescry-per-chunk", RetrievalMode::Hybrid, true),
        ("codescry-dense", RetrievalMode::Dense, false),
        ("codescry-lexical", RetrievalMode::Lexical, false),
    ] {
        let like = SearchQuery { limit: DEPTH, mode, per_chunk, ..SearchQuery::default() };
        let ranks: Result<Vec<usize>> = sets.questions.iter().map(|question| ask(&engine, question, &like)).collect();
        write_ranks(folder, name, system, &ranks?)?;
    }
    println!("{name}: ranked");
    Ok(())
}

/// The right candidate's rank; 0 for none.
fn ask(engine: &Engine, (text, right): &(String, usize), like: &SearchQuery) -> Result<usize> {
    let query = SearchQuery { text: text.clone(), ..like.clone() };
    let hits = engine.search(&query)?.hits;
    let is_right = |path: &str| {
        let stem = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        stem.and_then(|stem| stem.parse::<usize>().ok()) == Some(*right)
    };
    Ok(hits.iter().position(|hit| is_right(hit.path.as_str())).map_or(0, |at| at + 1))
}

/// Okapi BM25 (k₁ 1.2, b 0.75) over the words of the texts, as identifiers are split.
fn bm25(sets: &Sets) -> Vec<usize> {
    let split = |text: &str| {
        let mut found = Vec::new();
        words::for_each_word(text, |word| found.push(word.to_owned()));
        found
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
            let Some(found) = postings.get(word.as_str()) else { continue };
            let rare = (1.0 + (count - found.len() as f64 + 0.5) / (found.len() as f64 + 0.5)).ln();
            for (at, times) in found {
                let length = 1.2 * (0.25 + 0.75 * documents[*at].len() as f64 / mean);
                scores[*at] += rare * times * 2.2 / (times + length);
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
    Ok(fs::write(ranks_file(folder, name, system), serde_json::to_vec(ranks)?)?)
}

fn ranks_file(folder: &Path, name: &str, system: &str) -> PathBuf {
    folder.join(format!("{name}.{system}.ranks.json"))
}

/// Recall@10 and MRR of every system, by repository and over them.
fn table(folder: &Path) -> Result<()> {
    let systems = ["bm25", "minilm", "codescry-lexical", "codescry-dense", "codescry", "codescry-per-chunk"];
    println!("| repository | questions | candidates | {} |", systems.join(" | "));
    println!("|---|---|---|{}", "---|".repeat(systems.len()));
    let mut sums = vec![(0.0, 0.0, 0_usize); systems.len()];
    for name in names(folder)? {
        let sets = Sets::read(folder, &name)?;
        let mut cells = Vec::new();
        for (system, sum) in systems.iter().zip(&mut sums) {
            let Ok(bytes) = fs::read(ranks_file(folder, &name, system)) else {
                cells.push("–".to_owned());
                continue;
            };
            let ranks: Vec<usize> = serde_json::from_slice(&bytes)?;
            let (recall, mrr) = measures(&ranks);
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

fn measures(ranks: &[usize]) -> (f64, f64) {
    let count = ranks.len().max(1) as f64;
    let found = ranks.iter().filter(|rank| (1..=10).contains(*rank)).count() as f64;
    let reciprocal: f64 = ranks.iter().filter(|rank| **rank > 0).map(|rank| (*rank as f64).recip()).sum();
    (found / count, reciprocal / count)
}
