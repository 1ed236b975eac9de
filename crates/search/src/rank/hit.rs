//! The results of a search: hits and the explanation of their scores.

use types::{Language, RepoPath, Span, Symbol, SymbolKind, qualified_name};

/// One summand of a hit's score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTerm {
    /// The label shown to users, such as `query in the path`.
    pub name: &'static str,
    /// The measured value.
    pub value: f32,
    /// The amount added to the score: the value multiplied by its weight, or a penalty.
    pub share: f32,
}

/// The terms of a hit's score. Their shares add up to the score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    pub terms: Vec<ScoreTerm>,
    /// The terms of the score by which the chunks of the file are ordered. They are not part of the hit's score.
    pub chunk: Vec<ScoreTerm>,
}

/// Another relevant chunk in a hit's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedChunk {
    pub span: Span,
    pub kind: SymbolKind,
    /// The qualified name `container.symbol`; empty for code outside of any definition.
    pub name: String,
}

/// A ranked chunk that answers a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    /// The defined name; empty for code outside of any definition.
    pub symbol: String,
    pub container: String,
    pub signature: String,
    /// The definitions whose names are in the chunk, in order of their lines; empty in an index of an older version.
    pub definitions: Vec<Symbol>,
    /// The indexed text of the chunk, which may differ from the file on disk.
    pub text: String,
    /// The lines of the file that best match the query, best first, counted from 1. Empty if no line matches.
    pub deciding_lines: Vec<u32>,
    /// The score; comparable only within one answer.
    pub score: f32,
    /// Other relevant chunks of the same file that are not hits, best first; only in the first hit of a file.
    pub also: Vec<RelatedChunk>,
    /// The name of the innermost project that contains the file. Set by the engine on request.
    pub project: Option<String>,
    /// The repository of a group that contains the file: the first part of its path; `None` outside of a group.
    pub repository: Option<String>,
    /// Whether the file on disk has changed or is gone since it was indexed. Set by the engine.
    pub stale: bool,
    pub explanation: Option<Explanation>,
}

impl Hit {
    /// Returns the container and the symbol, joined by [`qualified_name`].
    pub fn qualified_name(&self) -> String {
        qualified_name(&self.container, &self.symbol)
    }
}
