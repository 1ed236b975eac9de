//! The output of `codescry doctor --json`.

use doctor::{CheckState, DoctorCheck};
use serde::Serialize;

/// The output of `codescry doctor --json`.
#[derive(Serialize)]
pub struct DoctorJson<'a> {
    version: &'static str,
    /// Whether no check failed; warnings are allowed.
    well: bool,
    checks: Vec<CheckJson<'a>>,
}

/// One check.
#[derive(Serialize)]
struct CheckJson<'a> {
    name: &'static str,
    /// The outcome: `ok`, `warn` or `fail`.
    state: &'static str,
    /// The finding of the check, for people.
    message: &'a str,
    /// The remedy; `null` if there is none.
    remedy: Option<&'a str>,
    /// The duration of the check in milliseconds; 0 if it was not measured.
    ms: u64,
}

impl<'a> DoctorJson<'a> {
    /// Converts the checks.
    pub fn new(checks: &'a [DoctorCheck]) -> Self {
        let well = checks.iter().all(|check| check.state != CheckState::Fail);
        Self { version: env!("CARGO_PKG_VERSION"), well, checks: checks.iter().map(CheckJson::new).collect() }
    }
}

impl<'a> CheckJson<'a> {
    fn new(check: &'a DoctorCheck) -> Self {
        Self {
            name: check.name,
            state: match check.state {
                CheckState::Ok => "ok",
                CheckState::Warn => "warn",
                CheckState::Fail => "fail",
            },
            message: &check.message,
            remedy: check.remedy.as_deref(),
            ms: check.ms,
        }
    }
}
