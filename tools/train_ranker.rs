//! Learns the weights of the ranking (`assets/ranker.txt`) from labelled questions, and says how good they are.
//!
//! ```text
//! train_ranker --corpora FOLDER --tasks FOLDER [--out FILE] [--report FILE] [--folds 10] [--decay 0.002] [--rounds 400]
//!     [--lookups 18] [--ablate]
//! ```
//!
//! `--tasks` has `repos.json` (name and benchmark_root of each repository below `--corpora`) and
//! `annotations/NAME.json` (query, relevant, secondary, category). Each repository adds lookups of its own:
//! names that one of its files alone defines, tests included, and names of files, written in a few ways. The weights
//! for words are learned from the questions in words, those for names from the rest and the lookups. Two figures are
//! given: with weights learned on all questions, and cross-validated, the weights for a repository's questions
//! learned without any question of it (folds by repository); the lookups have figures of their own. `--report` has a
//! line a question, `--ablate` leaves each feature out in turn. The same input gives the same weights.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use config::{Options, Settings};
use engine::{CancelToken, DefinedName, Engine, IndexRequest, SearchQuery};
use search::learn::{LearningOptions, TrainingQuery, learn_weights, ndcg_at_10};
use search::{Feature, RankingWeights};
use serde_json::Value;

struct Arguments {
    corpora: PathBuf,
    tasks: PathBuf,
    out: Option<PathBuf>,
    report: Option<PathBuf>,
    folds: usize,
    /// Names looked up in each repository, and a quarter as many files.
    lookups: usize,
    learning: LearningOptions,
    ablate: bool,
}

/// A question with where it comes from.
struct Labelled {
    repository: String,
    category: String,
    text: String,
    /// Whether the weights for names concern it.
    is_name: bool,
    /// Whether it is made from the repository itself.
    is_lookup: bool,
    question: TrainingQuery,
}

/// Features that measure the same sort of thing.
const GROUPS: &[(&str, &[Feature])] = {
    use Feature::*;
    &[
        ("meaning", &[DenseChunkRank, DenseChunk, DenseFile]),
        ("words", &[LexicalChunkRank, LexicalChunk, LexicalFile, Joined]),
        ("chunks alone", &[DenseChunkRank, DenseChunk, LexicalChunkRank, LexicalChunk]),
        ("whole files", &[DenseFile, LexicalFile, CoverageFile]),
        ("coverage", &[CoverageFile, CoverageNames]),
        ("definitions", &[DefinedType, Exact, ExactType, Qualified]),
        ("path and file name", &[FileName, Path, Stem]),
        ("sort of file", &[Aside, Docs, Foreign, Entrance, Declarations]),
        ("size and depth", &[Size, Depth]),
    ]
};

fn main() -> Result<()> {
    let arguments = arguments()?;
    let labelled = measure(&arguments)?;
    let learning = arguments.learning;
    let weights = learn_both(labelled.iter(), &learning);
    if let Some(out) = &arguments.out {
        let head = "# Written by tools/train_ranker.rs: what each feature of a file counts, for names and for words.";
        fs::write(out, format!("{head}\n{}", weights.to_text()))?;
    }
    let within: Vec<f32> = labelled.iter().map(|labelled| judge(labelled, &weights)).collect();
    let across = cross_validated(&labelled, &learning, arguments.folds);
    let present: Vec<f32> = labelled.iter().map(|labelled| judge(labelled, &RankingWeights::default())).collect();
    let ceiling: Vec<f32> = labelled.iter().map(|labelled| best_possible(&labelled.question)).collect();
    for (name, lookups) in [("questions", false), ("lookups", true)] {
        let of = |scores: &[f32]| {
            let both = labelled.iter().zip(scores).filter(|(labelled, _)| labelled.is_lookup == lookups);
            mean(&both.map(|(_, score)| *score).collect::<Vec<_>>())
        };
        println!("{name}: {}", labelled.iter().filter(|labelled| labelled.is_lookup == lookups).count());
        println!("nDCG@10 with the weights in the program  {:.4}", of(&present));
        println!("nDCG@10 learned on all                   {:.4}", of(&within));
        println!("nDCG@10 cross-validated by repository    {:.4}", of(&across));
        println!("nDCG@10 of the best order of candidates  {:.4}", of(&ceiling));
    }
    by(&labelled, &across, |labelled| Some(&labelled.category));
    by(&labelled, &across, |labelled| Some(&labelled.repository).filter(|_| !labelled.is_lookup));
    if arguments.ablate {
        let singles = Feature::ALL.iter().map(|feature| (feature.name(), std::slice::from_ref(feature)));
        for (name, features) in GROUPS.iter().copied().chain(singles) {
            let mut without = learning;
            features.iter().for_each(|feature| without.active[*feature as usize] = false);
            let scores = cross_validated(&labelled, &without, arguments.folds);
            let of = |lookups: bool| {
                let changes = labelled.iter().zip(scores.iter().zip(&across));
                let changes = changes.filter(|(labelled, _)| labelled.is_lookup == lookups);
                mean(&changes.map(|(_, (without, with))| without - with).collect::<Vec<_>>())
            };
            println!("without {name:18} {:+.4}  lookups {:+.4}", of(false), of(true));
        }
    }
    if let Some(report) = &arguments.report {
        fs::write(report, lines(&labelled, &within, &across))?;
    }
    Ok(())
}

/// The weights for names and those for words, each from the questions that they concern.
fn learn_both<'l>(labelled: impl Iterator<Item = &'l Labelled>, learning: &LearningOptions) -> RankingWeights {
    let (names, words): (Vec<&Labelled>, Vec<&Labelled>) = labelled.partition(|labelled| labelled.is_name);
    let learned =
        |of: &[&Labelled]| learn_weights(&of.iter().map(|labelled| labelled.question.clone()).collect::<Vec<_>>(), learning);
    RankingWeights { names: learned(&names), words: learned(&words) }
}

fn judge(labelled: &Labelled, weights: &RankingWeights) -> f32 {
    ndcg_at_10(&labelled.question, if labelled.is_name { &weights.names } else { &weights.words })
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
    let standard = LearningOptions::default();
    let arguments = Arguments {
        corpora: take("--corpora").context("give --corpora FOLDER")?.into(),
        tasks: take("--tasks").context("give --tasks FOLDER")?.into(),
        out: take("--out").map(PathBuf::from),
        report: take("--report").map(PathBuf::from),
        folds: take("--folds").map_or(Ok(10), |folds| folds.parse())?,
        lookups: take("--lookups").map_or(Ok(18), |lookups| lookups.parse())?,
        learning: LearningOptions {
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
            labelled.push(ask(&engine, &name, (text(&task, "category"), text(&task, "query")), &right)?);
        }
        for (form, query, right) in lookups(&engine.defined_names()?, &name, arguments.lookups) {
            let mut lookup = ask(&engine, &name, (format!("lookup: {form}"), query), &[right])?;
            lookup.is_lookup = true;
            labelled.push(lookup);
        }
    }
    Ok(labelled)
}

/// Measures one question, of a category, that these paths answer.
fn ask(engine: &Engine, repository: &str, (category, text): (String, String), right: &[String]) -> Result<Labelled> {
    let query = SearchQuery { text, limit: 10, ..SearchQuery::default() };
    let measured = engine.measure_features(&query)?;
    let target_of = |path: &str| right.iter().position(|target| same(path, target));
    let candidates =
        measured.candidates.into_iter().map(|(path, features)| (features, target_of(path.as_str()))).collect();
    Ok(Labelled {
        repository: repository.to_owned(),
        category,
        text: query.text,
        is_name: measured.is_name,
        is_lookup: false,
        question: TrainingQuery { candidates, target_count: right.len() },
    })
}

/// Names that one file alone defines, and files that alone have their name: the way it is asked, the
/// question, the answer. Which ones is a matter of their hashes.
fn lookups(defined: &[DefinedName], repository: &str, count: usize) -> Vec<(&'static str, String, String)> {
    let mut by_name: BTreeMap<String, Vec<&DefinedName>> = BTreeMap::new();
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut stems: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for one in defined {
        by_name.entry(plain(&one.name)).or_default().push(one);
        files.entry(one.path.file_name()).or_default().insert(one.path.as_str());
        stems.entry(plain(one.path.stem())).or_default().insert(one.path.as_str());
    }
    let alone = |all: &Vec<&DefinedName>| all.iter().all(|one| one.path == all[0].path);
    let mut names: Vec<&DefinedName> = by_name.values().filter(|all| alone(all)).map(|all| all[0]).collect();
    names.retain(|one| one.name.len() >= 4 && one.name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    names.sort_by_key(|one| hash(&[repository, &one.name]));
    let mut lookups = Vec::new();
    for (at, one) in names.into_iter().take(count).enumerate() {
        let container = one.container.rsplit('.').next().unwrap_or_default();
        let (form, text) = match at % 6 {
            1 if !container.is_empty() => ("Container.name", format!("{container}.{}", one.name)),
            2 if !container.is_empty() => ("Container::name", format!("{container}::{}", one.name)),
            3 => ("other case", other_case(&one.name)),
            4 if one.name.len() >= 8 => ("typo", typo(&one.name)),
            _ => ("name", one.name.clone()),
        };
        lookups.push((form, text, one.path.to_string()));
    }
    let mut named: Vec<(&str, &str)> = files
        .into_iter()
        .filter(|(_, paths)| paths.len() == 1)
        .flat_map(|(name, paths)| paths.into_iter().map(move |path| (name, path)))
        .collect();
    named.sort_by_key(|(name, _)| hash(&[repository, name]));
    for (at, (name, path)) in named.into_iter().take(count / 4).enumerate() {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let sole = stems.get(&plain(stem)).is_some_and(|paths| paths.len() == 1) && !by_name.contains_key(&plain(stem));
        let (form, text) = if at % 2 == 0 && sole { ("file stem", stem) } else { ("file name", name) };
        lookups.push((form, text.to_owned(), path.to_owned()));
    }
    lookups
}

/// What spellings of a name have in common.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn hash(parts: &[&str]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    parts.iter().for_each(|part| hasher.write(part.as_bytes()));
    hasher.finish()
}

/// `parse_header` for `parseHeader`, and `ParseHeader` for `parse_header`.
fn other_case(name: &str) -> String {
    let mut words = Vec::new();
    text::words::for_each_word(name, |word| words.push(word.to_owned()));
    if !name.contains('_') {
        return words.join("_");
    }
    let capital = |word: &String| word[..1].to_uppercase() + &word[1..];
    if words.iter().all(|word| word.is_ascii()) { words.iter().map(capital).collect() } else { name.to_owned() }
}

/// With two neighbouring letters in the middle exchanged, or one left out where they are the same.
fn typo(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    if letters[middle] == letters[middle + 1] {
        letters.remove(middle);
    } else {
        letters.swap(middle, middle + 1);
    }
    letters.into_iter().collect()
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
fn cross_validated(labelled: &[Labelled], learning: &LearningOptions, folds: usize) -> Vec<f32> {
    let mut repositories: Vec<&str> = labelled.iter().map(|labelled| labelled.repository.as_str()).collect();
    repositories.dedup();
    let fold = |labelled: &Labelled| {
        repositories.iter().position(|name| *name == labelled.repository).unwrap_or_default() % folds.max(2)
    };
    let weights: Vec<RankingWeights> = (0..folds.max(2))
        .map(|held| learn_both(labelled.iter().filter(|labelled| fold(labelled) != held), learning))
        .collect();
    labelled.iter().map(|labelled| judge(labelled, &weights[fold(labelled)])).collect()
}

/// nDCG@10 if every right file that was retrieved came first.
fn best_possible(question: &TrainingQuery) -> f32 {
    let found: BTreeSet<usize> = question.candidates.iter().filter_map(|(_, target)| *target).collect();
    let found = found.len();
    let gain = |count: usize| (0..count.min(10)).map(|rank| (rank as f32 + 2.0).log2().recip()).sum::<f32>();
    gain(found) / gain(question.target_count.max(1))
}

fn mean(scores: &[f32]) -> f32 {
    scores.iter().sum::<f32>() / scores.len().max(1) as f32
}

fn by(labelled: &[Labelled], scores: &[f32], key: fn(&Labelled) -> Option<&String>) {
    let mut groups: BTreeMap<&String, Vec<f32>> = BTreeMap::new();
    for (labelled, score) in labelled.iter().zip(scores) {
        if let Some(key) = key(labelled) {
            groups.entry(key).or_default().push(*score);
        }
    }
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
