//! `cargo xtask train-ranker`: learns the weights of the ranking from labelled questions, and measures them.
//!
//! `--tasks` names a folder with `repos.json` (name and `benchmark_root` of each repository below `--corpora`) and
//! `annotations/NAME.json` (`query`, `relevant`, `secondary`, `category`). Each repository adds lookups: names that
//! only one of its files (including tests) defines, and unique names of files, written in several ways. The weights for
//! names are learned from the questions and lookups that are names, the weights for words from the others.
//!
//! The printed results are nDCG@10: with the weights in the program, with weights learned on all questions,
//! cross-validated by repository, and of the best possible order. In cross-validation, the weights for a repository's
//! questions are learned without that repository. Lookups have their own results. The same input gives the same
//! weights.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use engine::{CancelToken, DefinedName, Engine, IndexRequest, Options, RankingWeights, SearchQuery, Settings};
use search::{Feature, FeatureWeights};
use serde_json::Value;

use self::learn::{LearningOptions, TrainingQuery, learn_weights, ndcg_at_10};

mod learn;

/// Learns the weights of the ranking from labelled questions, and measures them
#[derive(clap::Args)]
pub struct TrainRankerArguments {
    /// Folder of the repositories
    #[arg(long)]
    corpora: PathBuf,
    /// Folder with `repos.json` and `annotations`
    #[arg(long)]
    tasks: PathBuf,
    /// File to write the weights to, such as `crates/search/assets/ranker.txt`
    #[arg(long)]
    out: Option<PathBuf>,
    /// File to write one line per question to
    #[arg(long)]
    report: Option<PathBuf>,
    /// Parts of the cross-validation
    #[arg(long, default_value_t = 10)]
    folds: usize,
    /// Names looked up in each repository; files are a quarter as many
    #[arg(long, default_value_t = 18)]
    lookups: usize,
    /// Strength of L2 regularization
    #[arg(long, default_value_t = LearningOptions::default().decay)]
    decay: f32,
    /// Passes over all questions
    #[arg(long, default_value_t = LearningOptions::default().rounds)]
    rounds: usize,
    /// Measures the results without each feature and group of features too
    #[arg(long)]
    ablate: bool,
}

/// A question with its candidates and its source.
struct RankerQuestion {
    repository: String,
    category: String,
    text: String,
    /// Whether the weights for names apply.
    is_name: bool,
    /// Whether the question was made from the repository itself.
    is_lookup: bool,
    candidates: TrainingQuery,
}

/// Groups of features that measure similar things.
const FEATURE_GROUPS: &[(&str, &[Feature])] = {
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

/// Learns the weights and prints the results. Writes the weights to the file of `--out` and the questions with their
/// scores to that of `--report`, if these are given.
///
/// # Errors
/// If the questions cannot be read, a repository cannot be indexed or searched, or a file cannot be written.
pub fn run_train_ranker(arguments: &TrainRankerArguments) -> Result<()> {
    let questions = measure_questions(arguments)?;
    let learning = LearningOptions { decay: arguments.decay, rounds: arguments.rounds, ..LearningOptions::default() };
    let weights = learn_ranking(questions.iter(), &learning);
    if let Some(out) = &arguments.out {
        let head =
            "# Written by `cargo xtask train-ranker`: the weight of each feature of a file, for names and for words.";
        fs::write(out, format!("{head}\n{}", weights.to_text()))?;
    }
    let within: Vec<f32> = questions.iter().map(|question| score(question, &weights)).collect();
    let across = cross_validate(&questions, &learning, arguments.folds);
    let present: Vec<f32> = questions.iter().map(|question| score(question, &RankingWeights::default())).collect();
    let ceiling: Vec<f32> = questions.iter().map(|question| best_possible_score(&question.candidates)).collect();
    for (name, lookups) in [("questions", false), ("lookups", true)] {
        let select = |scores: &[f32]| {
            let both = questions.iter().zip(scores).filter(|(question, _)| question.is_lookup == lookups);
            mean(&both.map(|(_, score)| *score).collect::<Vec<_>>())
        };
        println!("{name}: {}", questions.iter().filter(|question| question.is_lookup == lookups).count());
        println!("nDCG@10 with the weights in the program  {:.4}", select(&present));
        println!("nDCG@10 learned on all                   {:.4}", select(&within));
        println!("nDCG@10 cross-validated by repository    {:.4}", select(&across));
        println!("nDCG@10 of the best order of candidates  {:.4}", select(&ceiling));
    }
    print_groups(&questions, &across, |question| Some(&question.category));
    print_groups(&questions, &across, |question| Some(&question.repository).filter(|_| !question.is_lookup));
    if arguments.ablate {
        print_ablation(&questions, &learning, &across, arguments.folds);
    }
    if let Some(report) = &arguments.report {
        fs::write(report, format_report(&questions, &within, &across))?;
    }
    Ok(())
}

/// Prints how the cross-validated scores change without each group of features and without each feature.
fn print_ablation(questions: &[RankerQuestion], learning: &LearningOptions, across: &[f32], folds: usize) {
    let singles = Feature::ALL.iter().map(|feature| (feature.name(), std::slice::from_ref(feature)));
    for (name, features) in FEATURE_GROUPS.iter().copied().chain(singles) {
        let mut without = *learning;
        features.iter().for_each(|feature| without.active[*feature as usize] = false);
        let scores = cross_validate(questions, &without, folds);
        let mean_change = |lookups: bool| {
            let changes = questions.iter().zip(scores.iter().zip(across));
            let changes = changes.filter(|(question, _)| question.is_lookup == lookups);
            mean(&changes.map(|(_, (without, with))| without - with).collect::<Vec<_>>())
        };
        println!("without {name:18} {:+.4}  lookups {:+.4}", mean_change(false), mean_change(true));
    }
}

/// Learns the weights for names and those for words, each from the questions that they apply to.
fn learn_ranking<'l>(
    questions: impl Iterator<Item = &'l RankerQuestion>,
    learning: &LearningOptions,
) -> RankingWeights {
    let (names, words): (Vec<&RankerQuestion>, Vec<&RankerQuestion>) = questions.partition(|question| question.is_name);
    let learn = |questions: &[&RankerQuestion]| {
        learn_weights(&questions.iter().map(|question| question.candidates.clone()).collect::<Vec<_>>(), learning)
    };
    let mut weights = RankingWeights::default();
    weights.files.names = learn(&names).0;
    weights.files.words = learn(&words).0;
    weights
}

/// Returns the nDCG@10 of a question with the weights that apply to it.
fn score(question: &RankerQuestion, weights: &RankingWeights) -> f32 {
    let weights = if question.is_name { weights.files.names } else { weights.files.words };
    ndcg_at_10(&question.candidates, &FeatureWeights(weights))
}

/// Indexes each repository, and measures the candidates of its questions and lookups.
fn measure_questions(arguments: &TrainRankerArguments) -> Result<Vec<RankerQuestion>> {
    let mut questions = Vec::new();
    for repository in read_list(&arguments.tasks.join("repos.json"))? {
        let name = field(&repository, "name");
        let root = arguments.corpora.join(&name).join(field(&repository, "benchmark_root"));
        let index_dir = std::env::temp_dir().join("codescry-train-ranker").join(&name);
        let options =
            Options { path: Some(root), max_cache_bytes: Some(0), index_dir: Some(index_dir), ..Options::default() };
        let engine = Engine::open(Settings::resolve(&options)?)?;
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ())?;
        for task in read_list(&arguments.tasks.join("annotations").join(format!("{name}.json")))? {
            let targets: Vec<String> = ["relevant", "secondary"]
                .iter()
                .filter_map(|key| task[*key].as_array())
                .flatten()
                .map(target_path)
                .collect();
            if targets.is_empty() {
                continue;
            }
            questions.push(measure_question(
                &engine,
                &name,
                (field(&task, "category"), field(&task, "query")),
                &targets,
            )?);
        }
        for (form, query, target) in select_lookups(&engine.defined_names()?, &name, arguments.lookups) {
            let category = format!("lookup: {form}");
            let mut lookup = measure_question(&engine, &name, (category, query), &[target])?;
            lookup.is_lookup = true;
            questions.push(lookup);
        }
    }
    Ok(questions)
}

/// Measures the candidates of a question; the files at `targets` are the right answers.
fn measure_question(
    engine: &Engine,
    repository: &str,
    (category, text): (String, String),
    targets: &[String],
) -> Result<RankerQuestion> {
    let query = SearchQuery { text, limit: 10, ..SearchQuery::default() };
    let measured = engine.measure_features(&query)?;
    let target_of = |path: &str| targets.iter().position(|target| is_same_path(path, target));
    let candidates = measured.files.into_iter().map(|file| (file.features[0], target_of(file.path.as_str()))).collect();
    Ok(RankerQuestion {
        repository: repository.to_owned(),
        category,
        text: query.text,
        is_name: measured.is_name,
        is_lookup: false,
        candidates: TrainingQuery { candidates, target_count: targets.len() },
    })
}

/// Selects names that only one file defines, and files with a unique name, by hash. Returns the form of each lookup,
/// its text and the path of its target.
fn select_lookups(defined: &[DefinedName], repository: &str, count: usize) -> Vec<(&'static str, String, String)> {
    let mut by_name: BTreeMap<String, Vec<&DefinedName>> = BTreeMap::new();
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut stems: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for one in defined {
        by_name.entry(normalize_name(&one.name)).or_default().push(one);
        files.entry(one.path.file_name()).or_default().insert(one.path.as_str());
        stems.entry(normalize_name(one.path.stem())).or_default().insert(one.path.as_str());
    }
    let is_unique = |all: &Vec<&DefinedName>| all.iter().all(|one| one.path == all[0].path);
    let mut names: Vec<&DefinedName> = by_name.values().filter(|all| is_unique(all)).map(|all| all[0]).collect();
    names.retain(|one| one.name.len() >= 4 && one.name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    names.sort_by_key(|one| hash_parts(&[repository, &one.name]));
    let mut lookups = Vec::new();
    for (at, one) in names.into_iter().take(count).enumerate() {
        let container = one.container.rsplit('.').next().unwrap_or_default();
        let (form, text) = match at % 6 {
            1 if !container.is_empty() => ("Container.name", format!("{container}.{}", one.name)),
            2 if !container.is_empty() => ("Container::name", format!("{container}::{}", one.name)),
            3 => ("other case", change_case(&one.name)),
            4 if one.name.len() >= 8 => ("typo", misspell(&one.name)),
            _ => ("name", one.name.clone()),
        };
        lookups.push((form, text, one.path.to_string()));
    }
    let mut named: Vec<(&str, &str)> = files
        .into_iter()
        .filter(|(_, paths)| paths.len() == 1)
        .flat_map(|(name, paths)| paths.into_iter().map(move |path| (name, path)))
        .collect();
    named.sort_by_key(|(name, _)| hash_parts(&[repository, name]));
    for (at, (name, path)) in named.into_iter().take(count / 4).enumerate() {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let sole = stems.get(&normalize_name(stem)).is_some_and(|paths| paths.len() == 1)
            && !by_name.contains_key(&normalize_name(stem));
        let (form, text) = if at % 2 == 0 && sole { ("file stem", stem) } else { ("file name", name) };
        lookups.push((form, text.to_owned(), path.to_owned()));
    }
    lookups
}

/// Removes the differences between spellings of a name: case and punctuation.
fn normalize_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn hash_parts(parts: &[&str]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    parts.iter().for_each(|part| hasher.write(part.as_bytes()));
    hasher.finish()
}

/// Returns `parse_header` for `parseHeader`, and `ParseHeader` for `parse_header`.
fn change_case(name: &str) -> String {
    let mut words = Vec::new();
    text::words::for_each_word(name, |word| words.push(word.to_owned()));
    if !name.contains('_') {
        return words.join("_");
    }
    let capital = |word: &String| word[..1].to_uppercase() + &word[1..];
    if words.iter().all(|word| word.is_ascii()) { words.iter().map(capital).collect() } else { name.to_owned() }
}

/// Exchanges the two letters in the middle of a name, or removes one of them if they are equal.
fn misspell(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    if letters[middle] == letters[middle + 1] {
        letters.remove(middle);
    } else {
        letters.swap(middle, middle + 1);
    }
    letters.into_iter().collect()
}

/// Reads a JSON list.
fn read_list(path: &Path) -> Result<Vec<Value>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not a JSON list", path.display()))
}

/// Returns the text of a field, or an empty one.
fn field(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Returns the path of a relevant location, which is a JSON string (the path) or an object with a path and lines.
fn target_path(target: &Value) -> String {
    target.as_str().map_or_else(|| field(target, "path"), str::to_owned)
}

/// Returns whether two paths are equal, or one ends with `/` and the other.
fn is_same_path(a: &str, b: &str) -> bool {
    a == b || a.ends_with(&format!("/{b}")) || b.ends_with(&format!("/{a}"))
}

/// Returns the nDCG@10 of each question with weights learned without its repository.
fn cross_validate(questions: &[RankerQuestion], learning: &LearningOptions, folds: usize) -> Vec<f32> {
    let mut repositories: Vec<&str> = questions.iter().map(|question| question.repository.as_str()).collect();
    repositories.dedup();
    let fold = |question: &RankerQuestion| {
        repositories.iter().position(|name| *name == question.repository).unwrap_or_default() % folds.max(2)
    };
    let weights: Vec<RankingWeights> = (0..folds.max(2))
        .map(|held| learn_ranking(questions.iter().filter(|question| fold(question) != held), learning))
        .collect();
    questions.iter().map(|question| score(question, &weights[fold(question)])).collect()
}

/// Returns the nDCG@10 of the best order of the candidates.
fn best_possible_score(query: &TrainingQuery) -> f32 {
    let found: BTreeSet<usize> = query.candidates.iter().filter_map(|(_, target)| *target).collect();
    let found = found.len();
    let gain = |count: usize| (0..count.min(10)).map(|rank| (rank as f32 + 2.0).log2().recip()).sum::<f32>();
    gain(found) / gain(query.target_count.max(1))
}

fn mean(scores: &[f32]) -> f32 {
    scores.iter().sum::<f32>() / scores.len().max(1) as f32
}

/// Prints, for each key, the number and the mean score of its questions. Questions without a key are left out.
fn print_groups(questions: &[RankerQuestion], scores: &[f32], key: fn(&RankerQuestion) -> Option<&String>) {
    let mut groups: BTreeMap<&String, Vec<f32>> = BTreeMap::new();
    for (question, score) in questions.iter().zip(scores) {
        if let Some(key) = key(question) {
            groups.entry(key).or_default().push(*score);
        }
    }
    for (name, scores) in groups {
        println!("  {name:24} {:4}  {:.3}", scores.len(), mean(&scores));
    }
}

/// Formats the report: a header, and one line per question with its scores.
fn format_report(questions: &[RankerQuestion], within: &[f32], across: &[f32]) -> String {
    let line = |((question, within), across): ((&RankerQuestion, &f32), &f32)| {
        let RankerQuestion { repository, category, text, .. } = question;
        format!("{repository}\t{category}\t{within:.3}\t{across:.3}\t{text}\n")
    };
    let head = "repository\tcategory\tlearned on all\tcross-validated\tquestion\n".to_owned();
    questions.iter().zip(within).zip(across).map(line).fold(head, |all, line| all + &line)
}
