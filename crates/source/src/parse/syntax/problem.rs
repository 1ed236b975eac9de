//! The reasons why a text is not analyzed, or only in part.

use std::time::Duration;

use crate::language;
use types::Language;

/// The failure of a parser process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParserFault {
    /// The process ended with an error, such as a failed assertion or an access to invalid memory, or codescry ended
    /// while it parsed the text itself.
    Crashed,
    /// The process used much more processor time than it may, without an answer.
    Hung,
    /// The process needed more memory than it may use.
    OutOfMemory,
    /// The answer of the process cannot be read or does not fit the text.
    DamagedAnswer,
    /// The process gave no answer in time, and did not compute either: it was stopped, or the machine is very busy.
    Late,
    /// Another program or the operating system ended the process, it ended without an error, or its exit status is
    /// unknown.
    Killed,
    /// No parser process could be started.
    NotStarted,
}

impl ParserFault {
    /// Faults that the text causes: another attempt would end in the same way.
    pub const LASTING: [Self; 4] = [Self::Crashed, Self::Hung, Self::OutOfMemory, Self::DamagedAnswer];

    fn describe(self) -> &'static str {
        match self {
            Self::Crashed => "crashed",
            Self::Hung => "hung",
            Self::OutOfMemory => "needed more memory than --max-memory leaves for it",
            Self::DamagedAnswer => "gave a damaged answer",
            Self::Late => {
                "gave no answer in time, perhaps because the machine is busy (`codescry index --rebuild` tries it again)"
            }
            Self::Killed => "was ended by another program or by the system",
            Self::NotStarted => "could not be started",
        }
    }
}

/// The reason why a text is not analyzed, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxProblem {
    /// The time limit was exceeded, or the analysis was cancelled.
    TimedOut,
    /// There is no grammar, or this version of tree-sitter cannot use it.
    UnusableGrammar,
    /// The grammar's scanner is known to fail on such a text.
    KnownScannerFault,
    /// The syntax tree may be larger than the memory limit allows.
    TooLarge,
    /// The time for finding the uses of a name ended at this byte.
    NamesCut { at: usize },
    /// The grammar could not parse this many bytes, a large part of the text.
    MuchUnparsed { bytes: usize },
    /// The parser process failed.
    Fault(ParserFault),
}

impl SyntaxProblem {
    /// Returns the message for users. No text in it comes from a parser process.
    pub fn describe(self, language: Language, time_limit: Duration) -> String {
        let title = language::language_title(language);
        match self {
            Self::TimedOut => {
                format!("the parser gave up after {} ms; the file is split by lines", time_limit.as_millis())
            }
            Self::UnusableGrammar => format!("the {title} grammar does not load; the file is split by lines"),
            Self::KnownScannerFault if language.0 == "bash" => {
                "the Bash grammar cannot parse a brace range with non-ASCII characters; the file is split by lines"
                    .to_owned()
            }
            Self::KnownScannerFault => {
                format!("the {title} grammar is known to fail on this text; the file is split by lines")
            }
            Self::TooLarge => "its syntax tree may not fit into --max-memory; the file is split by lines".to_owned(),
            Self::NamesCut { .. } => "time ran out".to_owned(),
            Self::MuchUnparsed { bytes } if embedded::is_scanned(language.0) => {
                format!("the grammars cannot parse {bytes} bytes of code in the file, so definitions may be missing")
            }
            Self::MuchUnparsed { bytes } => {
                format!("the {title} grammar cannot parse {bytes} bytes of the file, so definitions may be missing")
            }
            Self::Fault(fault) => format!("the {title} parser {}; the file is split by lines", fault.describe()),
        }
    }

    /// Returns whether there is no result beside the problem.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::NamesCut { .. } | Self::MuchUnparsed { .. })
    }
}
