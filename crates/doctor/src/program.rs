//! Checks of the program: its version and path, whether a shell finds it, and its features.

use std::path::Path;

use config::UserEnvironment;

use crate::check::DoctorCheck;
use crate::installation::{self, Installation};

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
        Some(found) if installation::is_launcher_of(&found, &user.program) => {
            DoctorCheck::ok("PATH", format!("`codescry` is {}, which starts the program", user.display_path(&found)))
        }
        Some(found) if found.canonicalize().ok() != user.program.canonicalize().ok() => DoctorCheck::warn(
            "PATH",
            format!("`codescry` on PATH is another program: {}", user.display_path(&found)),
            "remove the one you do not want, or change the order of PATH",
        ),
        Some(found) => DoctorCheck::ok("PATH", format!("`codescry` is {}", user.display_path(&found))),
    });
    checks.push(Installation::detect(&user.program).check());
    if installation::is_build_folder(&user.program) {
        checks.push(DoctorCheck::warn(
            "place",
            "the program is in a build folder, which `cargo clean` deletes",
            "cargo install --path . --locked, then run `codescry install` with the installed program",
        ));
    }
    checks.push(check_features());
    checks
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
