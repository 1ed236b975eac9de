//! The program itself: which one runs, whether a shell finds it, what it was built with.
//!
//! Must never import: anything of this crate but `config`.

use std::path::{Component, Path};

use super::Check;
use crate::config::Surroundings;

/// Checks the program.
pub(super) fn checks(user: &Surroundings) -> Vec<Check> {
    let program = user.shown(&user.program);
    let mut checks = vec![Check::ok("program", format!("codescry {} at {program}", env!("CARGO_PKG_VERSION")))];
    checks.push(match user.on_path("codescry") {
        None => Check::warn(
            "PATH",
            "`codescry` is not on PATH: a shell does not find it, and neither does a client that is told its name alone",
            format!("add {} to PATH", user.shown(user.program.parent().unwrap_or(Path::new("")))),
        ),
        Some(found) if found.canonicalize().ok() != user.program.canonicalize().ok() => Check::warn(
            "PATH",
            format!("`codescry` on PATH is another program: {}", user.shown(&found)),
            "remove the one you do not want, or change the order of PATH",
        ),
        Some(found) => Check::ok("PATH", format!("`codescry` is {}", user.shown(&found))),
    });
    if is_build_folder(&user.program) {
        checks.push(Check::warn(
            "place",
            "the program is in a build folder, and is gone when that is cleaned",
            "cargo install --path . --locked, then `codescry install` with that one",
        ));
    }
    checks.push(parts());
    checks
}

/// `…/target/release/codescry`, or one of the like.
fn is_build_folder(program: &Path) -> bool {
    let profile = program.parent().and_then(Path::file_name);
    let is_profile = profile.is_some_and(|name| name == "release" || name == "debug");
    is_profile
        && program
            .components()
            .any(|part| matches!(part, Component::Normal(name) if name.to_string_lossy().starts_with("target")))
}

/// What the program was built with. Nothing of it is a library to be found when it runs.
fn parts() -> Check {
    if cfg!(feature = "lance") {
        return Check::ok("parts", "LanceDB and the embedding model are built in; only other models need a library");
    }
    Check::warn(
        "parts",
        "this program was built without LanceDB: an index lives as long as its process",
        "build it with the default features",
    )
}
