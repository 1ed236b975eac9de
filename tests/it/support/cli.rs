//! A project in a temporary folder, and commands that run the program in it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::tested_program;

/// A folder to search, in a temporary home folder.
pub struct Project {
    home: TempDir,
    root: PathBuf,
}

/// The exit code and output of a finished run of the program.
pub struct RunOutput {
    /// The exit code; -1 if a signal ended the program.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Project {
    /// Creates a project without files.
    pub fn empty() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        // On macOS, the path of the temporary folder contains a link.
        let root = home.path().canonicalize().expect("it is there").join("project");
        fs::create_dir(&root).expect("it can be written");
        Self { home, root }
    }

    /// Creates a project with these files.
    pub fn with_files(files: &[(&str, &str)]) -> Self {
        let project = Self::empty();
        files.iter().for_each(|(path, text)| project.write(path, text));
        project
    }

    /// Returns the folder to search.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the home folder that the program sees.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the index folder that [`Project::command`] sets.
    pub fn index_dir(&self) -> PathBuf {
        self.home.path().join("index")
    }

    /// Writes a file, and creates its folders.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Moves a file, and creates its new folders.
    pub fn rename(&self, from: &str, to: &str) {
        let to = self.root.join(to);
        fs::create_dir_all(to.parent().expect("it has a folder")).expect("a folder can be made");
        fs::rename(self.root.join(from), to).expect("a file can be moved");
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).expect("a file can be removed");
    }

    /// Returns a command that runs the program in the folder, without the variables by which this machine's user sets
    /// up the program.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tested_program());
        for (name, _) in std::env::vars_os() {
            let of_a_user = ["CODESCRY_", "XDG_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
            let known = [
                "NO_COLOR",
                "COLUMNS",
                "RUST_LOG",
                "CLAUDE_CONFIG_DIR",
                "CLAUDE_PROJECT_DIR",
                "CODEX_HOME",
                "COPILOT_HOME",
                "CLINE_DIR",
                "WORKSPACE_FOLDER_PATHS",
            ];
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

    /// Runs the program until it exits.
    pub fn run(&self, arguments: &[&str]) -> RunOutput {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs the program with `input` on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> RunOutput {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads its input");
        drop(stdin);
        child.wait_with_output().expect("it ends").into()
    }

    /// Starts the program with pipes for its standard input, output and error.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Runs a search and returns the paths found, best first. Panics unless the exit code is 0 or 1.
    pub fn paths(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.run(&[&["search", "--json"], arguments].concat());
        assert!(ran.code == 0 || ran.code == 1, "{arguments:?}: {}", ran.err);
        ran.paths()
    }
}

impl RunOutput {
    /// Parses standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// Returns the paths of a `--json` search, best first.
    pub fn paths(&self) -> Vec<String> {
        paths(&self.json())
    }
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Sends a signal to a child process, without waiting.
#[cfg(unix)]
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there until it is waited for");
}

/// Returns the paths in a JSON answer, best first.
pub fn paths(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("no results in {answer}"));
    results.iter().filter_map(|result| result["path"].as_str()).map(str::to_owned).collect()
}

impl From<Output> for RunOutput {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}
