//! The output of `codescry references --json`.

use serde::Serialize;

use engine::{ReferenceAnswer, ReferencedFile};

/// The output of `codescry references --json`.
#[derive(Serialize)]
pub struct ReferencesJson<'a> {
    name: &'a str,
    results: Vec<ReferenceJson<'a>>,
    definitions_left_out: usize,
    files_with_name: usize,
    files_read: usize,
    more: bool,
    out_of_time: bool,
    notes: &'a [String],
}

/// One use.
#[derive(Serialize)]
struct ReferenceJson<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    language: &'a str,
    kind: &'a str,
    within: &'a str,
    text: &'a str,
    /// Whether the use may be of another definition than that in the requested container.
    uncertain: bool,
}

impl<'a> ReferencesJson<'a> {
    /// Converts the answer.
    pub fn new(answer: &'a ReferenceAnswer) -> Self {
        let of_file = |file: &'a ReferencedFile| {
            file.references.iter().map(|one| ReferenceJson {
                path: file.path.as_str(),
                line: one.line,
                column: one.column,
                language: file.language.0,
                kind: one.kind.as_str(),
                within: &one.within,
                text: &one.text,
                uncertain: file.is_uncertain,
            })
        };
        Self {
            name: &answer.name,
            results: answer.files.iter().flat_map(of_file).collect(),
            definitions_left_out: answer.definitions_left_out,
            files_with_name: answer.files_with_name,
            files_read: answer.files_read,
            more: answer.next.is_some(),
            out_of_time: answer.out_of_time,
            notes: &answer.notes,
        }
    }
}
