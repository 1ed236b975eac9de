//! Trains the built-in embedding further on public repositories; `train` has the method.
//!
//! Owns the command line, the choice of held-out repositories and what is printed. Must never import
//! anything but std, codescry's public modules, anyhow and blake3.
//!
//! ```text
//! train_model --corpus FOLDER... --start FILE --out FILE [--held-out NAME...] [--epochs N] [--seed S] …
//! ```
//!
//! Each folder given with `--corpus` is one repository. Repositories named after `--held-out`, else
//! every twelfth by the hash of its name, are not trained on: they measure.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use embed::static_model::StaticModel;
use train::{PairKind, TextPair, TrainingOptions, TrainingRepository, TrainingSplit, commits, pairs, train_model};
use types::AbsPath;

const USAGE: &str = "train_model --corpus FOLDER... --start FILE --out FILE [--held-out NAME...] [--kinds doc,name,…] \
    [--epochs N] [--decay-epochs N] [--seed S] [--threads N] [--batch-repositories N] [--batch-pairs N] [--epoch-pairs N] [--temperature T] \
    [--learning-rate R] [--pull P] [--path-share S] [--hard-negatives N] [--mining-epochs N] [--kept-share S]";

/// One repository in so many is held out when none is named.
const HELD_OUT_EVERY: u64 = 12;

/// Commits whose messages are read with `--kinds …,commit`.
const MAX_COMMITS: usize = 1_500;

/// An artifact above this size does not go into the program.
const MAX_ARTIFACT_BYTES: usize = 16_000_000;

struct Arguments {
    corpora: Vec<PathBuf>,
    start: PathBuf,
    out: PathBuf,
    held_out: Vec<String>,
    kinds: Vec<PairKind>,
    options: TrainingOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let bytes = fs::read(&arguments.start).with_context(|| format!("cannot read {}", arguments.start.display()))?;
    let start = StaticModel::from_bytes(bytes)?;
    let mut repositories = read_all(&arguments)?;
    repositories.sort_by(|one, other| one.name.cmp(&other.name));
    let is_held_out = |name: &str| {
        if arguments.held_out.is_empty() {
            pairs::hash_text(name).is_multiple_of(HELD_OUT_EVERY)
        } else {
            arguments.held_out.iter().any(|held_out| held_out == name)
        }
    };
    print_corpus(&repositories, &is_held_out)?;
    let split = TrainingSplit::by_repository(repositories, is_held_out);
    let trained = train_model(&start, &split, &arguments.options, &mut |epoch, _| {
        let measure = epoch.measure;
        let (number, loss, mrr, recall) = (epoch.number, epoch.loss, measure.mrr, measure.recall_at_10);
        // A line that cannot be printed is no reason to stop.
        let _ = print(&format!("epoch {number:3}  loss {loss:.4}  MRR {mrr:.4}  recall@10 {recall:.4}"));
    })?;
    ensure!(trained.artifact.len() < MAX_ARTIFACT_BYTES, "the artifact has {} bytes", trained.artifact.len());
    fs::write(&arguments.out, &trained.artifact)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    print(&format!(
        "best        epoch {} of {} questions\nsize        {} bytes\nblake3      {}",
        trained.best.number,
        trained.best.measure.questions,
        trained.artifact.len(),
        blake3::hash(&trained.artifact).to_hex()
    ))
}

impl Arguments {
    fn parse(given: impl Iterator<Item = String>) -> Result<Self> {
        let (mut start, mut out) = (None, None);
        let (mut corpora, mut held_out, mut kinds) = (Vec::new(), Vec::new(), vec![PairKind::Doc, PairKind::Name]);
        let mut options = TrainingOptions::default();
        let mut option = String::new();
        for value in given {
            if value.starts_with("--") {
                option = value;
                continue;
            }
            match option.as_str() {
                "--start" => start = Some(PathBuf::from(value)),
                "--out" => out = Some(PathBuf::from(value)),
                "--corpus" => corpora.push(PathBuf::from(value)),
                "--held-out" => held_out.push(value),
                "--kinds" => kinds = parse_kinds(&value)?,
                name => set(&mut options, name, &value)?,
            }
        }
        match (start, out) {
            (Some(start), Some(out)) if !corpora.is_empty() => {
                Ok(Self { corpora, start, out, held_out, kinds, options })
            }
            _ => bail!("usage: {USAGE}"),
        }
    }
}

fn parse_kinds(list: &str) -> Result<Vec<PairKind>> {
    let of = |word: &str| PairKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    list.split(',').map(|word| of(word).with_context(|| format!("--kinds {word}: not a kind of pairs"))).collect()
}

fn set(options: &mut TrainingOptions, name: &str, value: &str) -> Result<()> {
    match name {
        "--epochs" => (options.epochs, options.decay_epochs) = (number(name, value)?, None),
        "--decay-epochs" => options.decay_epochs = Some(number(name, value)?),
        "--seed" => options.seed = number(name, value)?,
        "--threads" => options.threads = number(name, value)?,
        "--batch-repositories" => options.batch_repositories = number(name, value)?,
        "--batch-pairs" => options.batch_pairs = number(name, value)?,
        "--epoch-pairs" => options.epoch_pairs = number(name, value)?,
        "--temperature" => options.temperature = number(name, value)?,
        "--learning-rate" => options.learning_rate = number(name, value)?,
        "--pull" => options.pull = number(name, value)?,
        "--path-share" => options.path_share = number(name, value)?,
        "--hard-negatives" => options.hard_negatives = number(name, value)?,
        "--mining-epochs" => options.mining_epochs = number(name, value)?,
        "--kept-share" => options.kept_share = number(name, value)?,
        _ => bail!("do not know what to do with {name} {value}: {USAGE}"),
    }
    Ok(())
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().ok().with_context(|| format!("{name} {value}: not a number that fits"))
}

/// The pairs of every folder, read by several threads.
fn read_all(arguments: &Arguments) -> Result<Vec<TrainingRepository>> {
    let next = AtomicUsize::new(0);
    let found: Vec<Mutex<Option<Result<TrainingRepository>>>> = arguments.corpora.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..arguments.options.threads.max(1) {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < found.len()) {
                    let repository = read(&arguments.corpora[at], &arguments.kinds);
                    *found[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(repository);
                }
            });
        }
    });
    let taken = |slot: Mutex<Option<Result<TrainingRepository>>>| {
        slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).context("a folder was not read")?
    };
    found.into_iter().map(taken).collect()
}

/// Definitions are always read: held-out repositories are searched for them.
fn read(folder: &Path, kinds: &[PairKind]) -> Result<TrainingRepository> {
    let root = AbsPath::canonical(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let commits = if kinds.contains(&PairKind::Commit) { MAX_COMMITS } else { 0 };
    let mut repository = commits::read_pairs_with_history(&name, &root, commits)?;
    repository.pairs.retain(|pair: &TextPair| pair.kind == PairKind::Definition || kinds.contains(&pair.kind));
    Ok(repository)
}

fn print_corpus(repositories: &[TrainingRepository], is_held_out: &impl Fn(&str) -> bool) -> Result<()> {
    for repository in repositories {
        let count = |kind: PairKind| repository.pairs.iter().filter(|pair| pair.kind == kind).count();
        let counts = PairKind::ALL.map(|kind| format!("{} {}", kind.as_str(), count(kind)));
        let use_of = if is_held_out(&repository.name) { "measure" } else { "train" };
        print(&format!("{use_of:8}{:40}{}", repository.name, counts.join("  ")))?;
    }
    Ok(())
}

fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
