//! Learns the weights of the ranking (`assets/ranker.txt`) from labelled questions, and says how good they are.
//!
//! ```text
//! train_ranker --corpora FOLDER --tasks FOLDER [--out FILE] [--report FILE] [--folds 10] [--decay 0.002] [--rounds 400] [--ablate]
//! ```
//!
//! `--tasks` has `repos.json` (name and benchmark_root of each repository below `--corpora`) and
//! `annotations/NAME.json` (query, relevant, secondary, category). Two figures are given: with weights
//! learned on all questions, and cross-validated, the weights for a repository's questions learned
//! without any question of it (folds by repository). `--report` has a line a question, `--ablate` leaves
//! each feature out in turn. The same input gives the same weights.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use codescry::config::{Options, Settings};
use codescry::engine::{CancelToken, Engine, IndexRequest, SearchQuery};
use codescry::search::learn::{Learning, Question, learn, ndcg_at_10};
use codescry::search::{Feature, Weights};
use serde_json::Value;

struct Arguments {
    corpora: PathBuf,
    tasks: PathBuf,
    out: Option<PathBuf>,
    report: Option<PathBuf>,
    folds: usize,
    learning: Learning,
    ablate: bool,
}

/// A question with where it comes from.
struct Labelled {
    repository: String,
    category: String,
    text: String,
    question: Question,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let labelled = measure(&arguments)?;
    let learning = arguments.learning;
    let all: Vec<Question> = labelled.iter().map(|labelled| labelled.question.clone()).collect();
    let weights = learn(&all, &learning);
    let within: Vec<f32> = all.iter().map(|question| ndcg_at_10(question, &weights)).collect();
    let across = cross_validated(&labelled, &learning, arguments.folds);
    let present: Vec<f32> = all.iter().map(|question| ndcg_at_10(question, &Weights::default())).collect();
    let ceiling: Vec<f32> = all.iter().map(best_possible).collect();
    println!(
        "questions {}, candidates {}",
        all.len(),
        all.iter().map(|question| question.candidates.len()).sum::<usize>()
    );
    println!("nDCG@10 with the weights in the program  {:.4}", mean(&present));
    println!("nDCG@10 learned on all                   {:.4}", mean(&within));
    println!("nDCG@10 cross-validated by repository    {:.4}", mean(&across));
    println!("nDCG@10 of the best order of candidates  {:.4}", mean(&ceiling));
    by(&labelled, &across, |labelled| &labelled.category);
    by(&labelled, &across, |labelled| &labelled.repository);
    if arguments.ablate {
        ablate(&labelled, &learning, arguments.folds, mean(&across));
    }
    if let Some(out) = &arguments.out {
        fs::write(
            out,
            format!("# Written by tools/train_ranker.rs: what each feature of a file counts.\n{}", weights.write()),
        )?;
    }
    if let Some(report) = &arguments.report {
        fs::write(report, lines(&labelled, &within, &across))?;
    }
    Ok(())
}

/// Features that measure the same sort of thing.
const GROUPS: &[(&str, &[Feature])] = {
    use Feature::*;
    &[
        ("meaning", &[DenseChunkRank, DenseChunk, DenseMean, DenseFileRank, DenseFile]),
        ("words", &[LexicalChunkRank, LexicalChunk, LexicalFileRank, LexicalFile, LexicalSymbol, Joined]),
        ("chunks alone", &[DenseChunkRank, DenseChunk, DenseMean, LexicalChunkRank, LexicalChunk, CoverageChunk]),
        ("whole files", &[DenseFileRank, DenseFile, LexicalFileRank, LexicalFile, CoverageFile]),
        ("coverage", &[CoverageChunk, CoverageFile, CoverageNames]),
        ("definitions", &[Definition, DefinedType, Exact, ExactType]),
        ("path and file name", &[FileName, Path, Stem, FileNameSymbol]),
        ("sort of file", &[Aside, Docs, Data, Foreign, Entrance, Declarations]),
        ("size and depth", &[Size, Depth]),
    ]
};

/// What each group and each feature is worth: cross-validated again without it.
fn ablate(labelled: &[Labelled], learning: &Learning, folds: usize, whole: f32) {
    let singles = Feature::ALL.iter().map(|feature| (feature.name(), std::slice::from_ref(feature)));
    for (name, features) in GROUPS.iter().copied().chain(singles) {
        let mut without = *learning;
        features.iter().for_each(|feature| without.only[*feature as usize] = false);
        let scores = cross_validated(labelled, &without, folds);
        println!("without {name:18} {:+.4}", mean(&scores) - whole);
    }
}

fn arguments() -> Result<Arguments> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let value = if flag == "--ablate" {
            String::new()
        } else {
            given.next().with_context(|| format!("{flag} wants a value"))?
        };
        values.insert(flag, value);
    }
    let mut take = |flag: &str| values.remove(flag);
    let standard = Learning::default();
    let arguments = Arguments {
        corpora: take("--corpora").context("give --corpora FOLDER")?.into(),
        tasks: take("--tasks").context("give --tasks FOLDER")?.into(),
        out: take("--out").map(PathBuf::from),
        report: take("--report").map(PathBuf::from),
        folds: take("--folds").map_or(Ok(10), |folds| folds.parse())?,
        learning: Learning {
            decay: take("--decay").map_or(Ok(standard.decay), |decay| decay.parse())?,
            rounds: take("--rounds").map_or(Ok(standard.rounds), |rounds| rounds.parse())?,
            ..standard
        },
        ablate: take("--ablate").is_some(),
    };
    if let Some(flag) = values.keys().next() {
        bail!("unknown argument {flag}");
    }
    Ok(arguments)
}

/// Indexes each repository in memory and asks its questions.
fn measure(arguments: &Arguments) -> Result<Vec<Labelled>> {
    let mut labelled = Vec::new();
    for repository in list(&arguments.tasks.join("repos.json"))? {
        let name = text(&repository, "name");
        let root = arguments.corpora.join(&name).join(text(&repository, "benchmark_root"));
        let index_dir = std::env::temp_dir().join("codescry-train-ranker").join(&name);
        let options =
            Options { path: Some(root), max_cache_bytes: Some(0), index_dir: Some(index_dir), ..Options::default() };
        let engine = Engine::open(Settings::resolve(&options)?)?;
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ())?;
        for task in list(&arguments.tasks.join("annotations").join(format!("{name}.json")))? {
            let right: Vec<String> = ["relevant", "secondary"]
                .iter()
                .filter_map(|key| task[*key].as_array())
                .flatten()
                .map(target)
                .collect();
            if right.is_empty() {
                continue;
            }
            let query = SearchQuery { text: text(&task, "query"), limit: 10, ..SearchQuery::default() };
            let candidates = engine.measure(&query)?.into_iter();
            let target_of = |path: &str| right.iter().position(|target| same(path, target));
            let candidates = candidates.map(|(path, features)| (features, target_of(path.as_str()))).collect();
            labelled.push(Labelled {
                repository: name.clone(),
                category: text(&task, "category"),
                text: query.text,
                question: Question { candidates, right: right.len() },
            });
        }
    }
    Ok(labelled)
}

fn list(path: &Path) -> Result<Vec<Value>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no list", path.display()))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The path of a target, which may have lines.
fn target(target: &Value) -> String {
    target.as_str().map_or_else(|| text(target, "path"), str::to_owned)
}

fn same(a: &str, b: &str) -> bool {
    a == b || a.ends_with(&format!("/{b}")) || b.ends_with(&format!("/{a}"))
}

/// nDCG@10 of each question under weights learned without its repository.
fn cross_validated(labelled: &[Labelled], learning: &Learning, folds: usize) -> Vec<f32> {
    let mut repositories: Vec<&str> = labelled.iter().map(|labelled| labelled.repository.as_str()).collect();
    repositories.dedup();
    let fold = |labelled: &Labelled| {
        repositories.iter().position(|name| *name == labelled.repository).unwrap_or_default() % folds.max(2)
    };
    let weights: Vec<Weights> = (0..folds.max(2))
        .map(|held| {
            let others = labelled.iter().filter(|labelled| fold(labelled) != held);
            learn(&others.map(|labelled| labelled.question.clone()).collect::<Vec<_>>(), learning)
        })
        .collect();
    labelled.iter().map(|labelled| ndcg_at_10(&labelled.question, &weights[fold(labelled)])).collect()
}

/// nDCG@10 if every right file that was retrieved came first.
fn best_possible(question: &Question) -> f32 {
    let found: BTreeSet<usize> = question.candidates.iter().filter_map(|(_, target)| *target).collect();
    let found = found.len();
    let gain = |count: usize| (0..count.min(10)).map(|rank| (rank as f32 + 2.0).log2().recip()).sum::<f32>();
    gain(found) / gain(question.right.max(1))
}

fn mean(scores: &[f32]) -> f32 {
    scores.iter().sum::<f32>() / scores.len().max(1) as f32
}

fn by(labelled: &[Labelled], scores: &[f32], key: fn(&Labelled) -> &String) {
    let mut groups: BTreeMap<&String, Vec<f32>> = BTreeMap::new();
    labelled.iter().zip(scores).for_each(|(labelled, score)| groups.entry(key(labelled)).or_default().push(*score));
    for (name, scores) in groups {
        println!("  {name:24} {:4}  {:.3}", scores.len(), mean(&scores));
    }
}

/// A line a question: repository, category, learned on all, cross-validated, the question.
fn lines(labelled: &[Labelled], within: &[f32], across: &[f32]) -> String {
    let line = |((labelled, within), across): ((&Labelled, &f32), &f32)| {
        let Labelled { repository, category, text, .. } = labelled;
        format!("{repository}\t{category}\t{within:.3}\t{across:.3}\t{text}\n")
    };
    let head = "repository\tcategory\tlearned on all\tcross-validated\tquestion\n".to_owned();
    labelled.iter().zip(within).zip(across).map(line).fold(head, |all, line| all + &line)
}
