//! Pairs of a commit message and the functions that the commit changed.
//!
//! Commits are read with the `git` program. Without it, or outside of a repository, there are no such pairs. Git's hunk
//! header names the function that contains a change. Git fetches nothing and runs no program that the repository
//! configures.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::definitions::{CodeDefinition, read_definitions};
use super::pairing::{collect_words, definition_passage, make_pair, pair_definitions};
use super::text_pair::{PairKind, TextPair, TrainingRepository};
use source::walk::WalkError;
use types::{AbsPath, SymbolKind};

/// Maximum number of functions that a commit may change; the message of a larger commit says too little about each.
const MAX_FUNCTIONS: usize = 3;

/// Minimum number of words of an informative message.
const MIN_WORDS: usize = 3;

/// Maximum size in bytes of the output of `git log` that is read.
const MAX_HISTORY_BYTES: usize = 256 << 20;

/// Words of messages that do not describe the code's behavior.
const UNRELATED_WORDS: &[&str] = &[
    "merge",
    "bump",
    "release",
    "version",
    "typo",
    "typos",
    "format",
    "formatting",
    "lint",
    "clippy",
    "rubocop",
    "wip",
    "revert",
    "rename",
    "cleanup",
    "refactor",
    "changelog",
    "readme",
    "dependabot",
    "upgrade",
    "copyright",
];

/// A folder or a history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("cannot read the git history of {root}: {source}")]
    Git { root: PathBuf, source: io::Error },
}

/// Reads the pairs of a folder like [`super::read_pairs`], with pairs from its last `commits` commits if
/// it is a git repository.
///
/// # Errors
///
/// Fails if the folder or its history cannot be read.
pub fn read_pairs_with_history(name: &str, root: &AbsPath, commits: usize) -> Result<TrainingRepository, HistoryError> {
    let found = read_definitions(root)?;
    let mut pairs = pair_definitions(&found);
    let from_commits = pair_commits(root.as_path(), &found, commits);
    pairs.extend(from_commits.map_err(|source| HistoryError::Git { root: root.as_path().to_owned(), source })?);
    Ok(TrainingRepository { name: name.to_owned(), pairs })
}

/// Returns the pairs of the last `commits` commits that are not merges.
fn pair_commits(root: &Path, found: &[CodeDefinition], commits: usize) -> io::Result<Vec<TextPair>> {
    if commits == 0 {
        return Ok(Vec::new());
    }
    let mut by_path: HashMap<&str, Vec<&CodeDefinition>> = HashMap::new();
    for one in found.iter().filter(|one| is_function(one)) {
        by_path.entry(one.path.as_str()).or_default().push(one);
    }
    let mut pairs = Vec::new();
    let mut commit = CommitDraft::default();
    read_history(root, commits, &mut |line| {
        if let Some(subject) = line.strip_prefix('\u{1}') {
            pairs.append(&mut commit.pairs(found));
            commit = CommitDraft { subject: clean_subject(subject), ..CommitDraft::default() };
        } else if let Some(path) = line.strip_prefix("+++ b/") {
            path.clone_into(&mut commit.path);
        } else if let Some(context) = line.strip_prefix("@@ ").and_then(|rest| rest.split_once(" @@")) {
            let here = by_path.get(commit.path.as_str()).into_iter().flatten();
            let named = here.filter(|one| contains_word(context.1, &one.symbol.name));
            let longest = named.max_by_key(|one| one.symbol.name.len());
            commit.targets.extend(longest.map(|one| one.target));
        }
    })?;
    pairs.append(&mut commit.pairs(found));
    Ok(pairs)
}

fn is_function(one: &CodeDefinition) -> bool {
    matches!(one.symbol.kind, SymbolKind::Function | SymbolKind::Method | SymbolKind::Constructor)
}

/// The commit that is being read.
#[derive(Default)]
struct CommitDraft {
    /// The cleaned subject; `None` if it is not informative.
    subject: Option<String>,
    path: String,
    targets: BTreeSet<u64>,
}

impl CommitDraft {
    fn pairs(&self, found: &[CodeDefinition]) -> Vec<TextPair> {
        let Some(subject) = self.subject.as_ref().filter(|_| self.targets.len() <= MAX_FUNCTIONS) else {
            return Vec::new();
        };
        let of = |target: &u64| {
            let one = found.iter().find(|one| one.target == *target)?;
            Some(make_pair(
                one,
                PairKind::Commit,
                subject.clone(),
                definition_passage(one, &one.symbol.name, &one.rest),
            ))
        };
        self.targets.iter().filter_map(of).collect()
    }
}

/// Git attributes that select the function patterns of each language.
const ATTRIBUTES: &str = "*.rs diff=rust\n*.py diff=python\n*.go diff=golang\n*.java diff=java\n*.rb diff=ruby\n\
    *.php diff=php\n*.cs diff=csharp\n*.kt diff=kotlin\n*.ex diff=elixir\n*.exs diff=elixir\n*.sh diff=bash\n\
    *.c diff=cpp\n*.h diff=cpp\n*.cc diff=cpp\n*.cpp diff=cpp\n*.hpp diff=cpp\n";

/// Passes the lines of the last `commits` commits to `each`, until they exceed [`MAX_HISTORY_BYTES`]. Passes no line if
/// git is not installed or the folder is not in a repository.
fn read_history(root: &Path, commits: usize, each: &mut dyn FnMut(&str)) -> io::Result<()> {
    // Without attributes, git names the class that contains a change instead of the method.
    let mut attributes = tempfile::NamedTempFile::new()?;
    attributes.write_all(ATTRIBUTES.as_bytes())?;
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["-c", "core.fsmonitor=false", "-c"]);
    git.arg(format!("core.attributesFile={}", attributes.path().display()));
    git.args(["log", "--no-merges", "--no-color", "--no-ext-diff"]);
    git.args(["--no-textconv", "--unified=0", "--diff-filter=M", "--relative", "--format=%x01%s", "-p"]);
    git.arg(format!("--max-count={commits}")).env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match git.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut read = Ok(());
    if let Some(out) = child.stdout.take() {
        let mut read_bytes = 0;
        for line in BufReader::new(out).split(b'\n') {
            match line {
                Ok(line) => {
                    read_bytes += line.len();
                    each(&String::from_utf8_lossy(&line));
                }
                Err(error) => read = Err(error),
            }
            if read.is_err() || read_bytes > MAX_HISTORY_BYTES {
                break;
            }
        }
    }
    // Git may still be writing.
    _ = child.kill();
    _ = child.wait();
    read
}

/// Returns the subject of a commit message without its prefix (`fix(core):`) and its number (`(#12)`), or `None` if it
/// is not informative.
fn clean_subject(subject: &str) -> Option<String> {
    let text = match subject.split_once(": ") {
        Some((prefix, rest)) if prefix.len() <= 24 && prefix.split_whitespace().count() == 1 => rest,
        _ => subject,
    };
    let text = text.split(" (#").next().unwrap_or(text).trim();
    let words = collect_words(text);
    let is_informative = words.len() >= MIN_WORDS && !words.iter().any(|word| UNRELATED_WORDS.contains(&word.as_str()));
    is_informative.then(|| text.to_owned())
}

/// Returns whether `context` contains `name` as a whole word. Names of one or two bytes are never found.
fn contains_word(context: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    name.len() > 2
        && context
            .match_indices(name)
            .any(|(at, _)| !context[..at].ends_with(is_part) && !context[at + name.len()..].starts_with(is_part))
}
