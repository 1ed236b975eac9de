//! The output of `codescry search --json` and `codescry search --batch`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use answer::{Place, QueryWords};
use engine::{GroupRepository, Hit, RelatedChunk, SearchAnswer};

use super::status::CoverageJson;

/// The output of `codescry search --json`, and of each line of `codescry search --batch`.
#[derive(Serialize)]
pub struct SearchJson<'a> {
    query: &'a str,
    /// The interpretation of the query; only with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    understood: Option<&'a str>,
    /// Notes about the answer, such as a corrected name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    /// The hits, best first.
    results: Vec<HitJson<'a>>,
    /// The folders of the repositories of a group, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    repositories: BTreeMap<&'a str, Cow<'a, str>>,
    coverage: CoverageJson,
}

/// The answer to a failed line of `codescry search --batch`.
#[derive(Serialize)]
pub struct BatchErrorJson {
    /// The number of the line in the input, from 1.
    pub line: u64,
    /// The reason and the remedy.
    pub error: String,
}

/// One hit.
#[derive(Serialize)]
struct HitJson<'a> {
    path: &'a str,
    /// The repository of a group, with which the path begins; absent for a single folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
    start_line: u32,
    end_line: u32,
    /// The project of the file; `null` if it belongs to none.
    project: Option<&'a str>,
    language: &'a str,
    kind: &'a str,
    symbol: &'a str,
    /// The qualified name, and the names of further definitions that the hit holds; empty outside of any definition.
    names: Vec<String>,
    container: &'a str,
    signature: &'a str,
    score: f32,
    stale: bool,
    /// Whether the hit has only a part of the definition that names it.
    part: bool,
    /// The lines that match the query best, best first; line numbers count from the start of the file.
    deciding_lines: &'a [u32],
    text: &'a str,
    /// Further matches in the file; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Vec<TermJson>>,
    /// The terms that chose this chunk of the file, which are not part of the score; absent without an explanation or
    /// without such terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain_chunk: Option<Vec<TermJson>>,
}

/// A further match in the file of a hit.
#[derive(Serialize)]
struct AlsoJson<'a> {
    start_line: u32,
    end_line: u32,
    kind: &'a str,
    /// The qualified name; empty outside of any definition.
    name: &'a str,
}

/// One term of a score.
#[derive(Serialize)]
struct TermJson {
    name: &'static str,
    value: f32,
    share: f32,
}

impl<'a> SearchJson<'a> {
    /// Converts the answer to `query`; `repositories` are those of a group.
    pub fn new(query: &'a str, answer: &'a SearchAnswer, repositories: &'a [GroupRepository]) -> Self {
        let explained = answer.hits.iter().any(|hit| hit.explanation.is_some());
        Self {
            query,
            understood: explained.then_some(answer.understood.as_str()),
            notes: &answer.notes,
            results: answer.hits.iter().map(HitJson::new).collect(),
            repositories: repositories.iter().map(|one| (one.name.as_str(), one.folder.to_string_lossy())).collect(),
            coverage: CoverageJson::new(&answer.coverage),
        }
    }
}

impl<'a> HitJson<'a> {
    fn new(hit: &'a Hit) -> Self {
        let also = |place: &'a RelatedChunk| AlsoJson {
            start_line: place.span.start_line,
            end_line: place.span.end_line,
            kind: place.kind.as_str(),
            name: &place.name,
        };
        let words = QueryWords::default();
        let place = Place::new(hit, &words, 1);
        let term = |term: &engine::ScoreTerm| TermJson { name: term.name, value: term.value, share: term.share };
        Self {
            path: hit.path.as_str(),
            repository: hit.repository.as_deref(),
            start_line: hit.span.start_line,
            end_line: hit.span.end_line,
            project: hit.project.as_deref(),
            language: hit.language.0,
            kind: hit.kind.as_str(),
            symbol: &hit.symbol,
            names: place.names(),
            container: &hit.container,
            signature: &hit.signature,
            score: hit.score,
            stale: hit.stale,
            part: place.is_partial(),
            deciding_lines: &hit.deciding_lines,
            text: &hit.text,
            also: hit.also.iter().map(also).collect(),
            explain: hit.explanation.as_ref().map(|explanation| explanation.terms.iter().map(term).collect()),
            explain_chunk: hit
                .explanation
                .as_ref()
                .filter(|explanation| !explanation.chunk.is_empty())
                .map(|explanation| explanation.chunk.iter().map(term).collect()),
        }
    }
}
