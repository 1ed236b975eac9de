//! A project in a temporary folder, and the program run in it as a user would.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A folder to search, and an empty home for the program.
pub struct Project {
    home: TempDir,
    root: PathBuf,
}

/// How a run of the program ended.
pub struct Ran {
    /// -1 when a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Project {
    /// A folder without files.
    pub fn empty() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        // macOS links its temporary folder from elsewhere.
        let root = home.path().canonicalize().expect("it is there").join("project");
        fs::create_dir(&root).expect("it can be written");
        Self { home, root }
    }

    /// The folder to search.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The user's home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the index goes with [`Project::command`].
    pub fn index_dir(&self) -> PathBuf {
        self.home.path().join("index")
    }

    /// Writes a file, its folders too.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Moves a file, its new folders are made.
    pub fn rename(&self, from: &str, to: &str) {
        let to = self.root.join(to);
        fs::create_dir_all(to.parent().expect("it has a folder")).expect("a folder can be made");
        fs::rename(self.root.join(from), to).expect("a file can be moved");
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).expect("a file can be removed");
    }

    /// The program in the folder, knowing nothing of this machine's user.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codescry"));
        for (name, _) in std::env::vars_os() {
            let of_a_user = ["CODESCRY_", "XDG_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
            let known = ["NO_COLOR", "COLUMNS", "RUST_LOG", "CLAUDE_CONFIG_DIR", "CODEX_HOME"];
            if of_a_user || known.iter().any(|known| name == *known) {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.home.path()).env("XDG_DATA_HOME", self.home.path().join("data"));
        command
            .env("CODESCRY_INDEX_DIR", self.index_dir())
            .env("CODESCRY_RUNTIME_DIR", self.home.path().join("codescry"));
        command.current_dir(&self.root).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs the program over `input`.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads its input");
        drop(stdin);
        child.wait_with_output().expect("it ends").into()
    }

    /// Starts the program with a pipe at each end.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The paths that a search finds, best first; with code 0 or 1 only.
    pub fn paths(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.run(&[&["search", "--json"], arguments].concat());
        assert!(ran.code == 0 || ran.code == 1, "{arguments:?}: {}", ran.err);
        ran.paths()
    }
}

impl Ran {
    /// The answer of a `--json` run.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// The paths of a search's answer, best first.
    pub fn paths(&self) -> Vec<String> {
        paths(&self.json())
    }
}

/// Sends a signal, without waiting.
#[cfg(unix)]
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there until it is waited for");
}

/// The paths of an answer, best first.
pub fn paths(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("no results in {answer}"));
    results.iter().filter_map(|result| result["path"].as_str()).map(str::to_owned).collect()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}
