//! `codescry doctor`: what a user stumbles over, each with a remedy.
//!
//! Owns the order of the checks and how they are told; each file of this module checks one part.
//! Nothing here goes to the network, and no index is begun: where there is none, the server is
//! tried on a folder made for the purpose. Must never import: anything of this crate but
//! `clients`, `config` and `engine`.

mod configurations;
mod entries;
mod folder;
mod onnx;
mod program;
mod server;
mod talk;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Exit;
use super::arguments::{DoctorArguments, Shared};
use super::palette::{Palette, Role};
use super::printer::Printer;
use super::text;
use crate::config::{Settings, Surroundings};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One line of the answer.
#[derive(Clone, Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// What is so.
    message: String,
    /// What to do about it; `null` where all is well.
    remedy: Option<String>,
    /// How long it took.
    ms: u64,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Ok, message: message.into(), remedy: None, ms: 0 }
    }

    fn warn(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warn, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    fn fail(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Fail, ..Self::warn(name, message, remedy) }
    }

    fn since(self, begin: Instant) -> Self {
        Self { ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX), ..self }
    }
}

/// `doctor --json`.
#[derive(Serialize)]
struct Answer<'a> {
    version: &'static str,
    /// Whether no check failed.
    well: bool,
    checks: &'a [Check],
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written. A check that fails is an answer.
pub fn run(shared: &Shared, given: &DoctorArguments) -> anyhow::Result<Exit> {
    let user = Surroundings::of_this_process()?;
    let mut telling =
        Telling { printer: Printer::new(), palette: Palette::of(shared), json: given.json, told: Vec::new() };
    telling.tell(program::checks(&user))?;
    match shared.settings(given.path.as_deref()) {
        Ok(settings) => check_folder(&mut telling, &user, settings)?,
        Err(error) => {
            telling.tell(configurations::checks(&user, &user.working))?;
            let remedy = "correct it and run `codescry doctor` again: the index and the server were not checked";
            telling.tell([Check::fail("settings", error.to_string(), remedy)])?;
        }
    }
    telling.end()
}

fn check_folder(telling: &mut Telling, user: &Surroundings, settings: Settings) -> anyhow::Result<()> {
    telling.tell(configurations::checks(user, settings.root.as_path()))?;
    telling.tell(folder::of_the_machine(&settings))?;
    telling.tell(onnx::checks(&settings))?;
    let (checks, is_indexed) = folder::of_the_index(&settings);
    telling.tell(checks)?;
    telling.tell(server::checks(user, &settings, is_indexed))
}

/// Says each check as soon as it is done, or all of them at the end.
struct Telling {
    printer: Printer,
    palette: Palette,
    json: bool,
    told: Vec<Check>,
}

impl Telling {
    fn tell(&mut self, checks: impl IntoIterator<Item = Check>) -> anyhow::Result<()> {
        for check in checks {
            if !self.json {
                for line in lines(&check, self.palette) {
                    self.printer.line(&line)?;
                }
                self.printer.flush()?;
            }
            self.told.push(check);
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<Exit> {
        let count = |state| self.told.iter().filter(|check| check.state == state).count() as u64;
        let (warned, failed) = (count(State::Warn), count(State::Fail));
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            self.printer.json(&Answer { version, well: failed == 0, checks: &self.told })?;
        } else {
            let summary = match (warned, failed) {
                (0, 0) => "all is well".to_owned(),
                (warned, 0) => format!("all works; {}", text::plural(warned, "warning")),
                (warned, failed) => format!("{}, {}", text::plural(failed, "failure"), text::plural(warned, "warning")),
            };
            self.printer.line("")?;
            self.printer.line(&summary)?;
        }
        self.printer.finish()?;
        Ok(if failed == 0 { Exit::Done } else { Exit::Unwell })
    }
}

fn lines(check: &Check, palette: Palette) -> Vec<String> {
    let (word, role) = match check.state {
        State::Ok => ("ok  ", Role::Good),
        State::Warn => ("warn", Role::Warning),
        State::Fail => ("fail", Role::Bad),
    };
    let took = match check.ms {
        0 => String::new(),
        ms => format!(" ({})", text::seconds(Duration::from_millis(ms))),
    };
    let what = text::visible(&format!("{:<15} {}{took}", check.name, check.message));
    let mut lines = vec![format!("{}  {what}", palette.paint(role, word))];
    lines.extend(
        check.remedy.iter().map(|remedy| format!("{:22}{}", "", palette.paint(Role::Name, &format!("→ {remedy}")))),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_below_what_is_so() {
        let plain = Palette { on: false, columns: 80 };
        let check = Check { ms: 420, ..Check::warn("program", "not on \x1bPATH", "add it") };
        assert_eq!(
            lines(&check, plain),
            ["warn  program         not on ␛PATH (0.42 s)", "                      → add it"]
        );
        assert_eq!(lines(&Check::ok("disk", "much"), plain), ["ok    disk            much"]);
    }
}
