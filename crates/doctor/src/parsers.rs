//! The check of the parser processes.

use std::time::Instant;

use config::Settings;
use workers::{ParserPool, PoolState};

use crate::check::DoctorCheck;

/// Checks whether files are parsed in processes of their own, by starting one.
pub fn check_parsers(settings: &Settings) -> DoctorCheck {
    let start = Instant::now();
    describe_state(&ParserPool::for_settings(settings).probe()).timed_since(start)
}

fn describe_state(state: &PoolState) -> DoctorCheck {
    let name = "parsers";
    match state {
        PoolState::Isolated { has_memory_limit, is_confined } => {
            let memory = if *has_memory_limit { "with limited memory" } else { "with no limit on memory" };
            let access = if *is_confined {
                "without access to files and network"
            } else {
                "with the rights of this user, which this system cannot take away"
            };
            DoctorCheck::ok(name, format!("files are parsed in processes of their own, {memory} and {access}"))
        }
        PoolState::InProcess { reason } => DoctorCheck::warn(
            name,
            format!(
                "files are parsed in the process of the server, which a file that crashes a grammar ends: {reason}"
            ),
            "let codescry start its own program, and unset CODESCRY_PARSER",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckState;

    #[test]
    fn parsing_in_process_is_a_warning_with_its_reason() {
        let found = describe_state(&PoolState::InProcess { reason: "no fork".to_owned() });
        assert!(found.state == CheckState::Warn && found.message.ends_with(": no fork") && found.remedy.is_some());
        let isolated = PoolState::Isolated { has_memory_limit: true, is_confined: false };
        let found = describe_state(&isolated);
        assert!(found.state == CheckState::Ok && found.message.contains("rights of this user"), "{}", found.message);
    }
}
