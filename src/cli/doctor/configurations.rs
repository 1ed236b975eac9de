//! The clients' configurations: is the entry there, and does it start a program that is there.
//!
//! Must never import: anything of this crate but `clients` and `config`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Check;
use super::entries::Entries;
use crate::clients::{self, Found, Place};
use crate::config::Surroundings;

/// How long another program may take to say its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(5);

/// Checks the configurations of the user, and those in the folder that have the entry.
pub(super) fn checks(user: &Surroundings, root: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut entries = Entries::default();
    let mut set_up = 0;
    for place in clients::user_places(user).into_iter().filter(|place| place.found) {
        let entry = place.entry();
        set_up += usize::from(matches!(entry, Ok(Some(_))));
        checks.push(match entry {
            Ok(Some(entry)) => check(user, &place, entry, &mut entries),
            Ok(None) => {
                let remedy = format!("codescry install --client {}", place.client.name);
                Check::warn(place.client.title, format!("{} has no entry", user.shown(&place.file)), remedy)
            }
            Err(error) => Check::fail(place.client.title, error.to_string(), "correct the file"),
        });
        // A broken file has been told.
        if let Ok(Some(entry)) = place.entry_of_project(root) {
            set_up += 1;
            let check = check(user, &place, entry, &mut entries);
            checks.push(Check { message: format!("for this folder alone, {}", check.message), ..check });
        }
    }
    for place in clients::project_places(root, user) {
        match place.entry() {
            Ok(Some(entry)) => {
                set_up += 1;
                checks.push(check(user, &place, entry, &mut entries));
            }
            Ok(None) => {}
            Err(error) => checks.push(Check::fail(place.client.title, error.to_string(), "correct the file")),
        }
    }
    if checks.is_empty() {
        let remedy = "codescry install --client NAME, for one that is elsewhere";
        return vec![Check::warn("clients", "no MCP client is found on this machine", remedy)];
    }
    if set_up > 0 {
        // Nobody has to use every client there is.
        for check in checks.iter_mut().filter(|check| check.message.ends_with("has no entry")) {
            check.state = super::State::Ok;
        }
    }
    checks.extend(entries.checks(user, root));
    checks
}

/// Looks at an entry; one of this program is to be tried.
fn check(user: &Surroundings, place: &Place, entry: Found, entries: &mut Entries) -> Check {
    let check = look(user, place, &entry);
    let program = entry.command.as_ref().and_then(|command| resolve(user, command));
    let is_ours = program.is_some_and(|program| program.canonicalize().ok() == user.program.canonicalize().ok());
    if is_ours && check.state == super::State::Ok {
        entries.add(place, entry);
    }
    check
}

/// The file that a client's command starts.
fn resolve(user: &Surroundings, command: &str) -> Option<PathBuf> {
    match Path::new(command) {
        path if path.is_absolute() => Some(path.to_owned()).filter(|path| path.is_file()),
        _ => user.on_path(command),
    }
}

fn look(user: &Surroundings, place: &Place, entry: &Found) -> Check {
    let begin = Instant::now();
    let (title, file) = (place.client.title, user.shown(&place.file));
    let again = format!("codescry install --client {}", place.client.name);
    let Some(command) = &entry.command else {
        return Check::ok(title, format!("{file} has an entry that starts no program; it was not checked"));
    };
    let Some(program) = resolve(user, command) else {
        return Check::fail(title, format!("{file} starts {command}, which is not there"), again);
    };
    if !is_executable(&program) {
        let remedy = format!("chmod +x {}", program.display());
        return Check::fail(title, format!("{file} starts {command}, which may not be run"), remedy);
    }
    if let Some(folder) = missing_folder(&entry.args) {
        let remedy = format!("{again} PATH, with the folder of your code");
        return Check::fail(title, format!("{file} serves {folder}, which is not there"), remedy);
    }
    match other_version(user, &program) {
        None => Check::ok(title, format!("{file} starts {}", user.shown(&program))).since(begin),
        Some(Ok(version)) if version == env!("CARGO_PKG_VERSION") => {
            Check::ok(title, format!("{file} starts another copy of this version: {}", user.shown(&program)))
                .since(begin)
        }
        Some(Ok(version)) => {
            let said = format!("{file} starts {} of version {version}, not this program", user.shown(&program));
            Check::warn(title, said, format!("{again}, to have it start this one")).since(begin)
        }
        Some(Err(problem)) => {
            Check::warn(title, format!("{file} starts {}, which {problem}", user.shown(&program)), again).since(begin)
        }
    }
}

/// A folder among the arguments that is not there. Options and variables are none.
fn missing_folder(args: &[String]) -> Option<&String> {
    args.iter().find(|word| Path::new(word).is_absolute() && !Path::new(word).exists())
}

/// What another program of this name says its version is; `None` for this program, and for one of
/// another name, which is not started: it may do anything.
fn other_version(user: &Surroundings, program: &Path) -> Option<Result<String, String>> {
    let is_named_so = program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("codescry"));
    if !is_named_so || program.canonicalize().ok() == user.program.canonicalize().ok() {
        return None;
    }
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let said = command.spawn().map_err(|error| format!("cannot be started: {error}")).and_then(first_output);
    Some(said.and_then(|said| {
        let version = said.trim().strip_prefix("codescry ").map(str::to_owned);
        version.ok_or_else(|| "does not say its version".to_owned())
    }))
}

/// What a program writes until it ends, which must be soon.
fn first_output(mut child: Child) -> Result<String, String> {
    let until = Instant::now() + VERSION_PATIENCE;
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if Instant::now() > until {
            _ = child.kill();
            _ = child.wait();
            return Err("does not say its version in time".to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        _ = out.read_to_string(&mut said);
    }
    Ok(said)
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
