//! Checks an installation of codescry, and suggests a remedy for each problem.
//!
//! This file runs the checks in order; each module makes one kind of them. No check uses the network or creates an
//! index of the folder: if it has none, or one to be rebuilt, the server is tested on a temporary sample folder.

mod check;
mod configurations;
mod index;
mod installation;
mod machine;
mod models;
#[cfg(feature = "onnx")]
mod onnx;
mod parsers;
mod program;
mod servers;

pub use check::{CheckState, DoctorCheck};

use config::{Settings, UserEnvironment};

use self::servers::own_server::check_server;

/// Checks the program, the client configurations and, unless `settings` is an error, a folder with its index and its
/// server. Calls `report` with the checks of a part as soon as they are made. `settings` are those of the folder, or
/// the error of reading them.
///
/// # Errors
/// The first error of `report`. A failed check is not an error.
pub fn check_installation<E>(
    user: &UserEnvironment,
    settings: Result<Settings, String>,
    mut report: impl FnMut(Vec<DoctorCheck>) -> Result<(), E>,
) -> Result<(), E> {
    report(program::check_program(user))?;
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            report(configurations::check_configurations(user, &user.working))?;
            let remedy =
                "correct the setting and run `codescry doctor` again; the index and the server were not checked";
            return report(vec![DoctorCheck::fail("settings", error, remedy)]);
        }
    };
    report(configurations::check_configurations(user, settings.root.as_path()))?;
    report(machine::check_machine(&settings))?;
    report(vec![parsers::check_parsers(&settings)])?;
    #[cfg(feature = "onnx")]
    report(onnx::check_onnx(&settings))?;
    #[cfg(not(feature = "onnx"))]
    report(vec![DoctorCheck::ok(
        "onnx runtime",
        "not in this build: only the built-in model and model2vec models run",
    )])?;
    report(vec![models::check_models(&settings.models)])?;
    let (checks, is_indexed) = index::check_index(&settings);
    report(checks)?;
    report(check_server(user, &settings, is_indexed))
}
