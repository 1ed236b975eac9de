//! Checks of the client configurations: whether each has the entry, and which program it starts.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::DoctorCheck;
use super::handshakes::EntryHandshakes;
use clients::{self, ClientConfigFile, InstalledEntry};
use config::UserEnvironment;

/// The time limit for `--version` of another program.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the user's client configurations, and the configurations in the folder that have the entry.
pub(super) fn check_configurations(user: &UserEnvironment, root: &Path) -> Vec<DoctorCheck> {
    let mut checks = Vec::new();
    let mut entries = EntryHandshakes::default();
    let mut set_up = 0;
    for config_file in clients::user_config_files(user).into_iter().filter(|config_file| config_file.in_use) {
        let entry = config_file.read_entry();
        set_up += usize::from(matches!(entry, Ok(Some(_))));
        checks.push(match entry {
            Ok(Some(entry)) => check_entry(user, &config_file, entry, &mut entries),
            Ok(None) => {
                let remedy = format!("codescry install --client {}", config_file.client.name);
                DoctorCheck::warn(
                    config_file.client.title,
                    format!("{} has no entry", user.display_path(&config_file.file)),
                    remedy,
                )
            }
            Err(error) => DoctorCheck::fail(config_file.client.title, error.to_string(), "correct the file"),
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
                checks.push(DoctorCheck::fail(config_file.client.title, error.to_string(), "correct the file"))
            }
        }
    }
    if checks.is_empty() {
        let remedy = "codescry install --client NAME, for a client that was not found";
        return vec![DoctorCheck::warn("clients", "no MCP client found on this machine", remedy)];
    }
    if set_up > 0 {
        // One configured client suffices; the others may lack the entry.
        for check in checks.iter_mut().filter(|check| check.message.ends_with("has no entry")) {
            check.state = super::CheckState::Ok;
        }
    }
    checks.extend(entries.check_all(user, root));
    checks
}

/// Checks an entry, and adds it to `entries` for a handshake if it starts this program.
fn check_entry(
    user: &UserEnvironment,
    config_file: &ClientConfigFile,
    entry: InstalledEntry,
    entries: &mut EntryHandshakes,
) -> DoctorCheck {
    let check = inspect_entry(user, config_file, &entry);
    let program = entry.command.as_ref().and_then(|command| resolve_command(user, command));
    let is_ours = program.is_some_and(|program| program.canonicalize().ok() == user.program.canonicalize().ok());
    if is_ours && check.state == super::CheckState::Ok {
        entries.add(config_file, entry);
    }
    check
}

/// Returns the path of the program that a client's command starts.
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

/// Returns the first absolute path among the arguments that does not exist.
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
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let output = command.spawn().map_err(|error| format!("cannot be started: {error}")).and_then(read_output);
    Some(output.and_then(|output| {
        let version = output.trim().strip_prefix("codescry ").map(str::to_owned);
        version.ok_or_else(|| "does not print its version".to_owned())
    }))
}

/// Returns the standard output of a program, which is killed after [`VERSION_TIMEOUT`].
fn read_output(mut child: Child) -> Result<String, String> {
    let deadline = Instant::now() + VERSION_TIMEOUT;
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if Instant::now() > deadline {
            _ = child.kill();
            _ = child.wait();
            return Err("does not print its version in time".to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let mut output = String::new();
    if let Some(mut out) = child.stdout.take() {
        _ = out.read_to_string(&mut output);
    }
    Ok(output)
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
