//! `codescry doctor`: prints the checks of the installation.

use std::time::Duration;

use config::UserEnvironment;
use doctor::{CheckState, DoctorCheck};

use crate::cli::arguments::{DoctorArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::json_output::doctor::DoctorJson;
use crate::cli::printer::Printer;
use crate::cli::text_output::palette::{Palette, TextRole};

/// Runs `codescry doctor`.
///
/// # Errors
/// If the home folder, the working folder or the program's own file cannot be determined, or standard output cannot be
/// written. A failed check is not an error.
pub fn run_doctor(shared: &SharedArguments, arguments: &DoctorArguments) -> anyhow::Result<CommandExit> {
    let user = UserEnvironment::detect()?;
    let mut report = DoctorReport {
        printer: Printer::new(),
        palette: Palette::for_stdout(shared),
        json: arguments.json,
        checks: Vec::new(),
    };
    let settings = shared.settings(arguments.path.as_deref()).map_err(|error| error.to_string());
    doctor::check_installation(&user, settings, |checks| report.add(checks))?;
    report.finish()
}

/// The report of `codescry doctor`: prints each check as soon as it is added, or all checks at the end as JSON.
struct DoctorReport {
    printer: Printer,
    palette: Palette,
    json: bool,
    checks: Vec<DoctorCheck>,
}

impl DoctorReport {
    fn add(&mut self, checks: Vec<DoctorCheck>) -> anyhow::Result<()> {
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
            self.printer.json(&DoctorJson::new(&self.checks))?;
        } else {
            let summary = match (warned, failed) {
                (0, 0) => "all checks passed".to_owned(),
                (warned, 0) => format!("no failures, {}", terminal_text::pluralize(warned, "warning")),
                (warned, failed) => {
                    format!(
                        "{}, {}",
                        terminal_text::pluralize(failed, "failure"),
                        terminal_text::pluralize(warned, "warning")
                    )
                }
            };
            self.printer.line("")?;
            self.printer.line(&summary)?;
        }
        self.printer.finish()?;
        Ok(if failed == 0 { CommandExit::Done } else { CommandExit::CheckFailed })
    }
}

/// Width of the column of names: the longest ones are titles of clients.
const NAME_COLUMNS: usize = 17;

/// Column in which the findings begin: after the state and the name.
const FINDING_COLUMN: usize = "warn  ".len() + NAME_COLUMNS + "  ".len();

/// Minimum width of a terminal, in columns, at which a finding is beside the name.
const WIDE_COLUMNS: usize = 80;

/// Formats a check as its state, name and finding, and the remedy on the next line. On a narrow terminal, all findings
/// are below their names, so that they begin in one column.
fn check_lines(check: &DoctorCheck, palette: Palette) -> Vec<String> {
    let (word, role) = match check.state {
        CheckState::Ok => ("ok  ", TextRole::Good),
        CheckState::Warn => ("warn", TextRole::Warning),
        CheckState::Fail => ("fail", TextRole::Bad),
    };
    let duration = match check.ms {
        0 => String::new(),
        ms => format!(" ({})", terminal_text::format_seconds(Duration::from_millis(ms))),
    };
    let finding = terminal_text::escape_controls(&format!("{}{duration}", check.message));
    let is_beside = palette.columns >= WIDE_COLUMNS;
    let indent = if is_beside { FINDING_COLUMN } else { "warn  ".len() };
    let state = palette.paint(role, word);
    let mut lines = match is_beside {
        true => vec![format!("{state}  {:<NAME_COLUMNS$}  {finding}", check.name)],
        false => vec![format!("{state}  {}", check.name), format!("{:indent$}{finding}", "")],
    };
    let remedy = check.remedy.iter().map(|remedy| palette.paint(TextRole::Name, &format!("→ {remedy}")));
    lines.extend(remedy.map(|remedy| format!("{:indent$}{remedy}", "")));
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
            ["warn  program            not on \\u{1b}PATH (0.42 s)", "                         → add it"]
        );
        assert_eq!(check_lines(&DoctorCheck::ok("disk", "much"), plain), ["ok    disk               much"]);
    }

    #[test]
    fn every_finding_is_below_its_name_on_a_narrow_terminal() {
        let narrow = Palette { is_coloured: false, columns: 60 };
        let check = DoctorCheck::warn("JetBrains Copilot", "the file has no entry for codescry", "add it");
        assert_eq!(
            check_lines(&check, narrow),
            ["warn  JetBrains Copilot", "      the file has no entry for codescry", "      → add it"]
        );
        assert_eq!(check_lines(&DoctorCheck::ok("disk", "much"), narrow), ["ok    disk", "      much"]);
    }
}
