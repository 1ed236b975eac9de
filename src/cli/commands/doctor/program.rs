//! Checks of the program: its version and path, whether a shell finds it, and its features.

use std::path::{Component, Path};

use config::UserEnvironment;

use super::check::DoctorCheck;

/// Checks the running program.
pub fn check_program(user: &UserEnvironment) -> Vec<DoctorCheck> {
    let program = user.display_path(&user.program);
    let mut checks = vec![DoctorCheck::ok("program", format!("codescry {} at {program}", env!("CARGO_PKG_VERSION")))];
    checks.push(match user.find_on_path("codescry") {
        None => DoctorCheck::warn(
            "PATH",
            "`codescry` is not on PATH: shells, and clients that start it by name, do not find it",
            format!("add {} to PATH", user.display_path(user.program.parent().unwrap_or(Path::new("")))),
        ),
        Some(found) if found.canonicalize().ok() != user.program.canonicalize().ok() => DoctorCheck::warn(
            "PATH",
            format!("`codescry` on PATH is another program: {}", user.display_path(&found)),
            "remove the one you do not want, or change the order of PATH",
        ),
        Some(found) => DoctorCheck::ok("PATH", format!("`codescry` is {}", user.display_path(&found))),
    });
    if is_build_folder(&user.program) {
        checks.push(DoctorCheck::warn(
            "place",
            "the program is in a build folder, which `cargo clean` deletes",
            "cargo install --path . --locked, then run `codescry install` with the installed program",
        ));
    }
    checks.push(check_features());
    checks
}

/// Returns whether the program is in a Cargo build folder, such as `…/target/release/codescry`.
fn is_build_folder(program: &Path) -> bool {
    let profile = program.parent().and_then(Path::file_name);
    let is_profile = profile.is_some_and(|name| name == "release" || name == "debug");
    is_profile
        && program
            .components()
            .any(|part| matches!(part, Component::Normal(name) if name.to_string_lossy().starts_with("target")))
}

/// Checks that the program was built with all its parts.
fn check_features() -> DoctorCheck {
    if !cfg!(feature = "lance") {
        return DoctorCheck::warn(
            "parts",
            "this program was built without LanceDB: indexes are lost when the process ends",
            "build it with the default features",
        );
    }
    if !cfg!(feature = "onnx") {
        return DoctorCheck::ok("parts", "LanceDB and the embedding model are built in; ONNX Runtime is not supported");
    }
    DoctorCheck::ok("parts", "LanceDB and the embedding model are built in; only other models need ONNX Runtime")
}
