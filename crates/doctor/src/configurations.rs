//! Checks of the client configurations: whether each has the entry, and which program it starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clients::{ClientConfigFile, InstalledEntry};
use config::UserEnvironment;

use crate::check::{CheckState, DoctorCheck};
use crate::servers::handshakes::EntryHandshakes;

/// The time limit for `--version` of another program.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the configurations of the user's clients, and those in the folder that have the entry or cannot be read. Then
/// tests each distinct entry that starts this program and has no problem: its server must answer.
pub fn check_configurations(user: &UserEnvironment, root: &Path) -> Vec<DoctorCheck> {
    let mut checks = Vec::new();
    let mut entries = EntryHandshakes::default();
    let mut set_up = 0;
    // Indices in `checks` of the clients that lack the entry.
    let mut without_entry = Vec::new();
    for config_file in clients::user_config_files(user).into_iter().filter(|config_file| config_file.in_use) {
        let title = config_file.client.title;
        checks.push(match config_file.read_entry() {
            Ok(Some(entry)) => {
                set_up += 1;
                check_entry(user, &config_file, entry, &mut entries)
            }
            Ok(None) => {
                without_entry.push(checks.len());
                let message = format!("{} has no entry", user.display_path(&config_file.file));
                DoctorCheck::warn(title, message, format!("codescry install --client {}", config_file.client.name))
            }
            Err(error) => DoctorCheck::fail(title, error.to_string(), "correct the file"),
        });
        // A file that cannot be read is reported above.
        if let Ok(Some(entry)) = config_file.read_project_entry(root) {
            set_up += 1;
            let check = check_entry(user, &config_file, entry, &mut entries);
            checks.push(DoctorCheck { message: format!("for this folder only, {}", check.message), ..check });
        }
    }
    for config_file in clients::project_config_files(root, user) {
        match config_file.read_entry() {
            Ok(Some(entry)) => {
                set_up += 1;
                checks.push(check_entry(user, &config_file, entry, &mut entries));
            }
            Ok(None) => {}
            Err(error) => {
                checks.push(DoctorCheck::fail(config_file.client.title, error.to_string(), "correct the file"));
            }
        }
    }
    if checks.is_empty() {
        let remedy = "codescry install --client NAME, for a client that was not found";
        return vec![DoctorCheck::warn("clients", "no MCP client found on this machine", remedy)];
    }
    if set_up > 0 {
        // One configured client suffices; the others may lack the entry.
        without_entry.into_iter().for_each(|at: usize| accept_missing_entry(&mut checks[at]));
    }
    checks.extend(entries.check_all(user, root));
    checks
}

/// Turns the warning about a client without the entry into a finding without a problem. Its remedy becomes a remark.
fn accept_missing_entry(check: &mut DoctorCheck) {
    check.state = CheckState::Ok;
    if let Some(install) = check.remedy.take() {
        check.message.push_str(&format!(" ({install} adds one)"));
    }
}

/// Checks an entry, and adds it to `entries` for a handshake if it starts this program and the check found no problem.
fn check_entry(
    user: &UserEnvironment,
    config_file: &ClientConfigFile,
    entry: InstalledEntry,
    entries: &mut EntryHandshakes,
) -> DoctorCheck {
    let check = inspect_entry(user, config_file, &entry);
    let program = entry.command.as_ref().and_then(|command| resolve_command(user, command));
    let is_ours = program.is_some_and(|program| program.canonicalize().ok() == user.program.canonicalize().ok());
    if is_ours && check.state == CheckState::Ok {
        entries.add(config_file, entry);
    }
    check
}

/// Returns the path of the program that a client's command starts; `None` if there is no such program.
fn resolve_command(user: &UserEnvironment, command: &str) -> Option<PathBuf> {
    match Path::new(command) {
        path if path.is_absolute() => Some(path.to_owned()).filter(|path| path.is_file()),
        _ => user.find_on_path(command),
    }
}

/// Checks the program and the folder of an entry without starting the server.
fn inspect_entry(user: &UserEnvironment, config_file: &ClientConfigFile, entry: &InstalledEntry) -> DoctorCheck {
    let start = Instant::now();
    let (title, file) = (config_file.client.title, user.display_path(&config_file.file));
    let again = format!("codescry install --client {}", config_file.client.name);
    let Some(command) = &entry.command else {
        return DoctorCheck::ok(title, format!("{file} has an entry that starts no program; it was not checked"));
    };
    let Some(program) = resolve_command(user, command) else {
        return DoctorCheck::fail(title, format!("{file} starts {command}, which does not exist"), again);
    };
    if !is_executable(&program) {
        let remedy = format!("chmod +x {}", program.display());
        return DoctorCheck::fail(title, format!("{file} starts {command}, which is not executable"), remedy);
    }
    if let Some(folder) = find_missing_folder(&entry.args) {
        let remedy = format!("{again} PATH, where PATH is the folder of your code");
        return DoctorCheck::fail(title, format!("{file} serves {folder}, which does not exist"), remedy);
    }
    match read_other_version(user, &program) {
        None => DoctorCheck::ok(title, format!("{file} starts {}", user.display_path(&program))).timed_since(start),
        Some(Ok(version)) if version == env!("CARGO_PKG_VERSION") => DoctorCheck::ok(
            title,
            format!("{file} starts another copy of this version: {}", user.display_path(&program)),
        )
        .timed_since(start),
        Some(Ok(version)) => {
            let message =
                format!("{file} starts {} of version {version}, not this program", user.display_path(&program));
            DoctorCheck::warn(title, message, format!("{again}, to make it start this program")).timed_since(start)
        }
        Some(Err(problem)) => {
            DoctorCheck::warn(title, format!("{file} starts {}, which {problem}", user.display_path(&program)), again)
                .timed_since(start)
        }
    }
}

/// Returns the first absolute path among the arguments that does not exist; `None` if all exist.
fn find_missing_folder(args: &[String]) -> Option<&String> {
    args.iter().find(|word| Path::new(word).is_absolute() && !Path::new(word).exists())
}

/// Returns the version of another codescry program, or why it is unknown.
///
/// Returns `None` for this program, and for a program of another name, which is never started.
fn read_other_version(user: &UserEnvironment, program: &Path) -> Option<Result<String, String>> {
    let is_codescry = program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("codescry"));
    if !is_codescry || program.canonicalize().ok() == user.program.canonicalize().ok() {
        return None;
    }
    let output = read_version_output(program);
    Some(output.and_then(|output| {
        let version = output.trim().strip_prefix("codescry ").map(str::to_owned);
        version.ok_or_else(|| "does not print its version".to_owned())
    }))
}

/// Returns the standard output of a program for `--version`, or why there is none. Kills the program after
/// [`VERSION_TIMEOUT`].
fn read_version_output(program: &Path) -> Result<String, String> {
    let cannot_start = |error: std::io::Error| format!("cannot be started: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
    runtime.block_on(async {
        let mut command = tokio::process::Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(VERSION_TIMEOUT, command.output()).await {
            Ok(output) => Ok(String::from_utf8_lossy(&output.map_err(cannot_start)?.stdout).into_owned()),
            Err(_) => Err("does not print its version in time".to_owned()),
        }
    })
}

#[cfg(unix)]
fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    program.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_program: &Path) -> bool {
    true
}
