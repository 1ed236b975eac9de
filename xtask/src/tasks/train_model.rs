//! `cargo xtask train-model`: trains the built-in embedding on public repositories, with the method of the `train`
//! crate.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use embed::static_model::StaticModel;
use train::{
    MODEL_VERSION, PairKind, TextPair, TrainingOptions, TrainingRepository, TrainingSplit, TrainingTable, commits,
    pairs, train_model,
};
use types::AbsPath;

/// Trains a static embedding model further on repositories
#[derive(clap::Args)]
pub struct TrainModelArguments {
    /// Repositories to train on and to measure with, one folder each
    #[arg(long, num_args = 1.., required = true)]
    corpus: Vec<PathBuf>,
    /// The model to start from
    #[arg(long)]
    start: PathBuf,
    /// File to write the best model to
    #[arg(long)]
    out: PathBuf,
    /// Write the model of every epoch too, to the file of `--out` with the epoch's number added to its name
    #[arg(long)]
    every_epoch: bool,
    /// Names of repositories that are only measured with [default: one in twelve, by a hash of the name]
    #[arg(long, num_args = 1..)]
    held_out: Vec<String>,
    /// Kinds of pairs to train on, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = parse_kind, default_values = ["doc", "name"])]
    kinds: Vec<PairKind>,
    /// Files with an everyday phrase, a tab and code terms in each line, to train on as well
    #[arg(long, num_args = 1..)]
    paraphrases: Vec<PathBuf>,
    #[arg(long)]
    epochs: Option<usize>,
    #[arg(long)]
    decay_epochs: Option<usize>,
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long)]
    threads: Option<usize>,
    #[arg(long)]
    batch_repositories: Option<usize>,
    #[arg(long)]
    batch_pairs: Option<usize>,
    #[arg(long)]
    epoch_pairs: Option<usize>,
    #[arg(long)]
    temperature: Option<f32>,
    #[arg(long)]
    learning_rate: Option<f32>,
    #[arg(long)]
    pull: Option<f32>,
    #[arg(long)]
    path_share: Option<f32>,
    #[arg(long)]
    hard_negatives: Option<usize>,
    #[arg(long)]
    mining_epochs: Option<usize>,
    #[arg(long)]
    kept_share: Option<f32>,
}

/// Without `--held-out`, one in this many repositories is held out on average.
const HELD_OUT_EVERY: u64 = 12;

/// Maximum number of commits of a repository whose messages are read with `--kinds commit`.
const MAX_COMMITS: usize = 1_500;

/// Size in bytes that a model must stay below to be built into the program.
const MAX_ARTIFACT_BYTES: usize = 16_000_000;

/// Trains, prints the measurements of each epoch, and writes the best model.
///
/// # Errors
/// If a repository, a file of paraphrases or the initial model cannot be read, the training fails, or a model is too
/// large or cannot be written.
pub fn run_train_model(arguments: &TrainModelArguments) -> Result<()> {
    let bytes = fs::read(&arguments.start).with_context(|| format!("cannot read {}", arguments.start.display()))?;
    let start = StaticModel::from_bytes(bytes)?;
    let options = arguments.training_options();
    let mut repositories = read_repositories(arguments, options.threads)?;
    repositories.sort_by(|one, other| one.name.cmp(&other.name));
    let is_held_out = |name: &str| {
        if arguments.held_out.is_empty() {
            pairs::hash_text(name).is_multiple_of(HELD_OUT_EVERY)
        } else {
            arguments.held_out.iter().any(|held_out| held_out == name)
        }
    };
    let is_held_out = |name: &str| !name.starts_with("paraphrases-") && is_held_out(name);
    for path in &arguments.paraphrases {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        repositories.extend(pairs::read_paraphrases(&text).with_context(|| path.display().to_string())?);
    }
    print_corpus(&repositories, &is_held_out)?;
    let split = TrainingSplit::by_repository(repositories, is_held_out);
    let mut written = Ok(());
    let trained = train_model(&start, &split, &options, &mut |epoch, table| {
        let measure = epoch.measure;
        let (number, loss, mrr, recall) = (epoch.number, epoch.loss, measure.mrr, measure.recall_at_10);
        if arguments.every_epoch && written.is_ok() {
            written = write_epoch(&arguments.out, epoch.number, table);
        }
        // A failure to print does not stop the training.
        _ = print_line(&format!("epoch {number:3}  loss {loss:.4}  MRR {mrr:.4}  recall@10 {recall:.4}"));
    })?;
    written?;
    ensure!(trained.artifact.len() < MAX_ARTIFACT_BYTES, "the artifact has {} bytes", trained.artifact.len());
    fs::write(&arguments.out, &trained.artifact)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    print_line(&format!(
        "best        epoch {} of {} questions\nsize        {} bytes\nblake3      {}",
        trained.best.number,
        trained.best.measure.questions,
        trained.artifact.len(),
        blake3::hash(&trained.artifact).to_hex()
    ))
}

/// Writes the model of an epoch beside the best one.
fn write_epoch(out: &Path, number: usize, table: &TrainingTable) -> Result<()> {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{number}"));
    let artifact = table.encode_artifact(MODEL_VERSION)?;
    fs::write(&name, artifact).with_context(|| format!("cannot write {}", Path::new(&name).display()))
}

impl TrainModelArguments {
    /// Returns the training options: the given values, and the defaults for all others. If `epochs` is given,
    /// `decay_epochs` has no default.
    fn training_options(&self) -> TrainingOptions {
        let mut options = TrainingOptions::default();
        macro_rules! set {
            ($($name:ident),*) => { $(if let Some(value) = self.$name { options.$name = value; })* };
        }
        set!(epochs, seed, threads, batch_repositories, batch_pairs, epoch_pairs, temperature, learning_rate, pull);
        set!(path_share, hard_negatives, mining_epochs, kept_share);
        if self.epochs.is_some() || self.decay_epochs.is_some() {
            options.decay_epochs = self.decay_epochs;
        }
        options
    }
}

fn parse_kind(name: &str) -> Result<PairKind, String> {
    let kind = PairKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    kind.ok_or_else(|| format!("give some of {}", PairKind::ALL.map(PairKind::as_str).join(", ")))
}

/// Reads the pairs of every repository with several threads.
fn read_repositories(arguments: &TrainModelArguments, threads: usize) -> Result<Vec<TrainingRepository>> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<Result<TrainingRepository>>>> =
        arguments.corpus.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < slots.len()) {
                    let repository = read_repository(&arguments.corpus[at], &arguments.kinds);
                    *slots[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(repository);
                }
            });
        }
    });
    let finish = |slot: Mutex<Option<Result<TrainingRepository>>>| {
        slot.into_inner().unwrap_or_else(PoisonError::into_inner).context("a folder was not read")?
    };
    slots.into_iter().map(finish).collect()
}

/// Reads the training pairs of a repository. Definitions are always included, because the measurement searches for
/// them.
fn read_repository(folder: &Path, kinds: &[PairKind]) -> Result<TrainingRepository> {
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
        let purpose = if is_held_out(&repository.name) { "measure" } else { "train" };
        print_line(&format!("{purpose:8}{:40}{}", repository.name, counts.join("  ")))?;
    }
    Ok(())
}

fn print_line(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
