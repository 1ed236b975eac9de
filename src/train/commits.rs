//! A commit's message and the functions it changed: another way in which people say what code does.
//!
//! The `git` program of the machine tells; where there is none, or the folder is no repository, there
//! are no such pairs. Which function a change is in is what git writes above it. Nothing is fetched
//! and no program of the repository's configuration is run.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::pairs::{Found, Pair, PairKind, Repository, definitions, of_definitions, pair, passage, split_words};
use crate::types::{AbsPath, SymbolKind};
use crate::walk::WalkError;

/// A commit that changes more functions says too little of each.
const MAX_FUNCTIONS: usize = 3;

/// Fewest words of a message that says something.
const MIN_WORDS: usize = 3;

/// Longer histories are cut there.
const MAX_BYTES: usize = 256 << 20;

/// Words of messages that are not about what the code does.
const ASIDE: &[&str] = &[
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

/// As [`super::pairs::of_folder`], with pairs from the last `commits` commits where the folder is a git repository.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn of_folder_and_history(name: &str, root: &AbsPath, commits: usize) -> Result<Repository, WalkError> {
    let found = definitions(root)?;
    let mut pairs = of_definitions(&found);
    pairs.extend(of_history(root.as_path(), &found, commits));
    Ok(Repository { name: name.to_owned(), pairs })
}

/// Pairs of the last `commits` commits that are not merges.
fn of_history(root: &Path, found: &[Found], commits: usize) -> Vec<Pair> {
    if commits == 0 {
        return Vec::new();
    }
    let mut by_path: HashMap<&str, Vec<&Found>> = HashMap::new();
    for one in found.iter().filter(|one| is_function(one)) {
        by_path.entry(one.path.as_str()).or_default().push(one);
    }
    let mut pairs = Vec::new();
    let mut commit = Change::default();
    history(root, commits, &mut |line| {
        if let Some(subject) = line.strip_prefix('\u{1}') {
            pairs.append(&mut commit.pairs(found));
            commit = Change { subject: message(subject), ..Change::default() };
        } else if let Some(path) = line.strip_prefix("+++ b/") {
            path.clone_into(&mut commit.path);
        } else if let Some(context) = line.strip_prefix("@@ ").and_then(|rest| rest.split_once(" @@")) {
            let here = by_path.get(commit.path.as_str()).into_iter().flatten();
            let named = here.filter(|one| is_named(context.1, &one.symbol.name));
            let longest = named.max_by_key(|one| one.symbol.name.len());
            commit.targets.extend(longest.map(|one| one.target));
        }
    });
    pairs.append(&mut commit.pairs(found));
    pairs
}

fn is_function(one: &Found) -> bool {
    matches!(one.symbol.kind, SymbolKind::Function | SymbolKind::Method | SymbolKind::Constructor)
}

/// What is known of a commit so far.
#[derive(Default)]
struct Change {
    /// `None` for a message that says nothing.
    subject: Option<String>,
    path: String,
    targets: BTreeSet<u64>,
}

impl Change {
    fn pairs(&self, found: &[Found]) -> Vec<Pair> {
        let Some(subject) = self.subject.as_ref().filter(|_| self.targets.len() <= MAX_FUNCTIONS) else {
            return Vec::new();
        };
        let of = |target: &u64| {
            let one = found.iter().find(|one| one.target == *target)?;
            Some(pair(one, PairKind::Commit, subject.clone(), passage(one, &one.symbol.name, &one.rest)))
        };
        self.targets.iter().filter_map(of).collect()
    }
}

/// Which languages git knows the functions of.
const ATTRIBUTES: &str = "*.rs diff=rust\n*.py diff=python\n*.go diff=golang\n*.java diff=java\n*.rb diff=ruby\n\
    *.php diff=php\n*.cs diff=csharp\n*.kt diff=kotlin\n*.ex diff=elixir\n*.exs diff=elixir\n*.sh diff=bash\n\
    *.c diff=cpp\n*.h diff=cpp\n*.cc diff=cpp\n*.cpp diff=cpp\n*.hpp diff=cpp\n";

/// Hands each line of the history to `each`; none where git cannot tell.
fn history(root: &Path, commits: usize, each: &mut dyn FnMut(&str)) {
    let attributes = std::env::temp_dir().join(format!(
        "codescry-attributes-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    // Without it git names the class of a change and not the method.
    _ = fs::write(&attributes, ATTRIBUTES);
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["-c", "core.fsmonitor=false", "-c"]);
    git.arg(format!("core.attributesFile={}", attributes.display()));
    git.args(["log", "--no-merges", "--no-color", "--no-ext-diff"]);
    git.args(["--no-textconv", "--unified=0", "--diff-filter=M", "--relative", "--format=%x01%s", "-p"]);
    git.arg(format!("--max-count={commits}")).env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = git.spawn() else { return };
    let mut read_bytes = 0;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            read_bytes += line.len();
            each(&String::from_utf8_lossy(&line));
            if read_bytes > MAX_BYTES {
                break;
            }
        }
    }
    // It may still be writing.
    _ = child.kill();
    _ = child.wait();
    _ = fs::remove_file(&attributes);
}

/// A message without its prefix (`fix(core):`) and its number (`(#12)`); `None` if it says nothing.
fn message(subject: &str) -> Option<String> {
    let text = match subject.split_once(": ") {
        Some((prefix, rest)) if prefix.len() <= 24 && prefix.split_whitespace().count() == 1 => rest,
        _ => subject,
    };
    let text = text.split(" (#").next().unwrap_or(text).trim();
    let words = split_words(text);
    let says = words.len() >= MIN_WORDS && !words.iter().any(|word| ASIDE.contains(&word.as_str()));
    says.then(|| text.to_owned())
}

/// Whether `name` stands in `context` as a whole word.
fn is_named(context: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    name.len() > 2
        && context
            .match_indices(name)
            .any(|(at, _)| !context[..at].ends_with(is_part) && !context[at + name.len()..].starts_with(is_part))
}
