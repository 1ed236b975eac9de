//! Renders the coverage of the index, and the answer to a call before anything is indexed.

use answer::RenderedAnswer;
use engine::IndexCoverage;
use mcp_schema::parts::CoverageOutput;

/// Converts a coverage to its wire type, in which 0 stands for an unknown number of found files.
pub fn to_coverage_output(coverage: &IndexCoverage) -> CoverageOutput {
    CoverageOutput {
        complete: coverage.complete,
        files_indexed: coverage.files_indexed,
        files_found: coverage.files_found.unwrap_or(0),
        chunks: coverage.chunks,
    }
}

/// Returns the wire type of the coverage; `None` when the index is complete.
pub fn to_incomplete_coverage(coverage: &IndexCoverage) -> Option<CoverageOutput> {
    (!coverage.complete).then(|| to_coverage_output(coverage))
}

/// Renders the answer to a call before anything is indexed. `structured` builds its data from the note, which is also
/// the text of the answer, and the coverage.
pub fn render_not_indexed<T>(
    text: String,
    structured: impl FnOnce(Option<String>, Option<CoverageOutput>) -> T,
) -> RenderedAnswer<T> {
    let coverage = to_incomplete_coverage(&IndexCoverage::default());
    RenderedAnswer { structured: structured(Some(text.clone()), coverage), text }
}
