//! Caveats on an answer: an incomplete index, stale results, and notes.

use engine::IndexCoverage;

/// Formats the caveats on an answer, each after `; `: an incomplete index, `stale` results, and a note. Empty when
/// there are none.
pub fn format_caveats(coverage: &IndexCoverage, stale: usize, note: Option<&str>) -> String {
    let mut caveats = String::new();
    if !coverage.complete {
        caveats.push_str(&format!("; the index is incomplete: {}", format_coverage(coverage)));
    }
    if stale > 0 {
        caveats.push_str(&format!("; {stale} from files changed since they were indexed: call index_project"));
    }
    if let Some(note) = note {
        caveats.push_str("; ");
        caveats.push_str(note);
    }
    caveats
}

/// Formats a coverage, such as `12 of 4000 files, 130 chunks`.
pub fn format_coverage(coverage: &IndexCoverage) -> String {
    let of = match coverage.files_found {
        None => String::new(),
        Some(found) => format!(" of {found}"),
    };
    format!("{}{of} files, {} chunks", coverage.files_indexed, coverage.chunks)
}

/// Appends `more` to a note, after a semicolon.
pub fn append_note(note: &mut Option<String>, more: &str) {
    match note {
        Some(note) => {
            note.push_str("; ");
            note.push_str(more);
        }
        None => *note = Some(more.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caveats_are_listed_and_absent_without_a_reason() {
        let complete = IndexCoverage { files_indexed: 4, files_found: Some(4), chunks: 9, complete: true };
        assert_eq!(format_caveats(&complete, 0, None), "");
        let partial = IndexCoverage { files_indexed: 2, complete: false, ..complete };
        let wanted = "; the index is incomplete: 2 of 4 files, 9 chunks; \
                      1 from files changed since they were indexed: call index_project; a note";
        assert_eq!(format_caveats(&partial, 1, Some("a note")), wanted);
        assert_eq!(format_coverage(&IndexCoverage { files_found: None, ..partial }), "2 files, 9 chunks");
    }

    #[test]
    fn notes_are_joined() {
        let mut note = None;
        append_note(&mut note, "one");
        append_note(&mut note, "two");
        assert_eq!(note.as_deref(), Some("one; two"));
    }
}
