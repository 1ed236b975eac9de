//! One check of `codescry doctor`: its finding and the remedy.

use std::time::Instant;

use platform::clock;

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    Ok,
    Warn,
    Fail,
}

/// One check with its outcome.
#[derive(Clone, Debug)]
pub struct DoctorCheck {
    pub name: &'static str,
    pub state: CheckState,
    /// The finding of the check, for people.
    pub message: String,
    /// The remedy, if there is one.
    pub remedy: Option<String>,
    /// The duration of the check in milliseconds; 0 if it was not measured.
    pub ms: u64,
}

impl DoctorCheck {
    /// Creates a check without a problem.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: CheckState::Ok, message: message.into(), remedy: None, ms: 0 }
    }

    /// Creates a check with a problem that leaves codescry usable.
    pub fn warn(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: CheckState::Warn, remedy: Some(remedy.into()), ..Self::ok(name, message) }
    }

    /// Creates a check with a problem that makes the command fail.
    pub fn fail(name: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: CheckState::Fail, ..Self::warn(name, message, remedy) }
    }

    /// Sets the duration to the time since `start`.
    pub fn timed_since(self, start: Instant) -> Self {
        Self { ms: clock::duration_ms(start.elapsed()), ..self }
    }
}
