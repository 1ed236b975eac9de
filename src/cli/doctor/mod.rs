//! `codescry doctor`: checks the installation, and suggests a remedy for each problem.
//!
//! This file runs the checks in order and prints them; each submodule checks one part. No check
//! uses the network or creates an index: if the folder has none, the server is tested on a
//! temporary sample folder.

mod configurations;
mod folder;
mod handshakes;
mod mcp_client;
mod models;
#[cfg(feature = "onnx")]
mod onnx;
mod program;
mod server;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::CommandExit;
use super::arguments::{DoctorArguments, SharedArguments};
use super::palette::{Palette, TextRole};
use super::printer::Printer;
use super::text;
use config::{Settings, UserEnvironment};

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CheckState {
    Ok,
    Warn,
    Fail,
}

/// One check with its outcome.
#[derive(Clone, Debug, Serialize)]
struct DoctorCheck {
    name: &'static str,
    state: CheckState,
    /// The finding.
    message: String,
    /// The remedy; `null` if none is needed.
    remedy: Option<String>,
    /// The duration of the check in milliseconds.
    ms: u64,
}

impl DoctorCheck {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: CheckState::Ok, message: message.into(), remedy: None, ms: 0 }
    }

    fn warn(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: CheckState::Warn, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    fn fail(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: CheckState::Fail, ..Self::warn(name, message, remedy) }
    }

    /// Sets the duration to the time since `start`.
    fn timed_since(self, start: Instant) -> Self {
        Self { ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), ..self }
    }
}

/// The output of `codescry doctor --json`.
#[derive(Serialize)]
struct DoctorJson<'a> {
    version: &'static str,
    /// Whether no check failed; warnings are allowed.
    well: bool,
    checks: &'a [DoctorCheck],
}

/// Runs `codescry doctor`.
///
/// # Errors
/// If standard output cannot be written. A failed check is not an error.
pub fn run_doctor(shared: &SharedArguments, arguments: &DoctorArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let mut report = DoctorReport {
        printer: Printer::new(),
        palette: Palette::for_stdout(shared),
        json: arguments.json,
        checks: Vec::new(),
    };
    report.add(program::check_program(&user))?;
    match shared.settings(arguments.path.as_deref()) {
        Ok(settings) => check_folder(&mut report, &user, settings)?,
        Err(error) => {
            report.add(configurations::check_configurations(&user, &user.working))?;
            let remedy =
                "correct the setting and run `codescry doctor` again; the index and the server were not checked";
            report.add([DoctorCheck::fail("settings", error.to_string(), remedy)])?;
        }
    }
    report.finish()
}

fn check_folder(report: &mut DoctorReport, user: &UserEnvironment, settings: Settings) -> anyhow::Result<()> {
    report.add(configurations::check_configurations(user, settings.root.as_path()))?;
    report.add(folder::check_machine(&settings))?;
    #[cfg(feature = "onnx")]
    report.add(onnx::check_onnx(&settings))?;
    #[cfg(not(feature = "onnx"))]
    report.add([DoctorCheck::ok(
        "onnx runtime",
        "not in this build: only the built-in model and model2vec models run",
    )])?;
    report.add([models::check_models(&settings.models)])?;
    let (checks, is_indexed) = folder::check_index(&settings);
    report.add(checks)?;
    report.add(server::check_server(user, &settings, is_indexed))
}

/// Prints each check as soon as it is added, or all checks at the end as JSON.
struct DoctorReport {
    printer: Printer,
    palette: Palette,
    json: bool,
    checks: Vec<DoctorCheck>,
}

impl DoctorReport {
    fn add(&mut self, checks: impl IntoIterator<Item = DoctorCheck>) -> anyhow::Result<()> {
        for check in checks {
            if !self.json {
                for line in check_lines(&check, self.palette) {
                    self.printer.line(&line)?;
                }
                self.printer.flush()?;
            }
            self.checks.push(check);
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<CommandExit> {
        let count = |state| self.checks.iter().filter(|check| check.state == state).count() as u64;
        let (warned, failed) = (count(CheckState::Warn), count(CheckState::Fail));
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            self.printer.json(&DoctorJson { version, well: failed == 0, checks: &self.checks })?;
        } else {
            let summary = match (warned, failed) {
                (0, 0) => "all checks passed".to_owned(),
                (warned, 0) => format!("no failures, {}", text::pluralize(warned, "warning")),
                (warned, failed) => {
                    format!("{}, {}", text::pluralize(failed, "failure"), text::pluralize(warned, "warning"))
                }
            };
            self.printer.line("")?;
            self.printer.line(&summary)?;
        }
        self.printer.finish()?;
        Ok(if failed == 0 { CommandExit::Done } else { CommandExit::CheckFailed })
    }
}

fn check_lines(check: &DoctorCheck, palette: Palette) -> Vec<String> {
    let (word, role) = match check.state {
        CheckState::Ok => ("ok  ", TextRole::Good),
        CheckState::Warn => ("warn", TextRole::Warning),
        CheckState::Fail => ("fail", TextRole::Bad),
    };
    let duration = match check.ms {
        0 => String::new(),
        ms => format!(" ({})", text::format_seconds(Duration::from_millis(ms))),
    };
    let finding = text::escape_controls(&format!("{:<15} {}{duration}", check.name, check.message));
    let mut lines = vec![format!("{}  {finding}", palette.paint(role, word))];
    lines.extend(
        check.remedy.iter().map(|remedy| format!("{:22}{}", "", palette.paint(TextRole::Name, &format!("→ {remedy}")))),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_printed_below_the_finding() {
        let plain = Palette { is_coloured: false, columns: 80 };
        let check = DoctorCheck { ms: 420, ..DoctorCheck::warn("program", "not on \x1bPATH", "add it") };
        assert_eq!(
            check_lines(&check, plain),
            ["warn  program         not on ␛PATH (0.42 s)", "                      → add it"]
        );
        assert_eq!(check_lines(&DoctorCheck::ok("disk", "much"), plain), ["ok    disk            much"]);
    }
}
