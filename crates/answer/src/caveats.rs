//! Caveats on an answer: an incomplete index, stale results, and notes.

use engine::{IndexCoverage, ReferenceAnswer};

/// Returns the caveats on an answer as one line: an incomplete index, the number of `stale` results, and a note. `None`
/// when there are none.
pub fn format_caveats(coverage: &IndexCoverage, stale: usize, note: Option<&str>) -> Option<String> {
    let mut caveats = Vec::new();
    if !coverage.complete {
        caveats.push(format!("the index is incomplete: {}", format_coverage(coverage)));
    }
    if stale > 0 {
        caveats.push(format!("{stale} stale: changed since indexed, call index_project"));
    }
    caveats.extend(note.map(str::to_owned));
    (!caveats.is_empty()).then(|| caveats.join("; "))
}

/// Formats a coverage, such as `12 of 4000 files, 130 chunks`.
pub fn format_coverage(coverage: &IndexCoverage) -> String {
    let of = match coverage.files_found {
        None => String::new(),
        Some(found) => format!(" of {found}"),
    };
    format!("{}{of} files, {} chunks", coverage.files_indexed, coverage.chunks)
}

/// Formats the kinds of uses that a request asked for, and the numbers of uses of other kinds, such as
/// ` of kind write, but 2 call`; empty if there are neither.
pub fn format_kinds_asked(answer: &ReferenceAnswer) -> String {
    let asked: Vec<&str> = answer.kinds.iter().map(|kind| kind.as_str()).collect();
    let others = answer.other_kinds.iter().map(|(kind, count)| format!("{count} {}", kind.as_str()));
    let others: Vec<String> = others.collect();
    let of_kind = if asked.is_empty() { String::new() } else { format!(" of kind {}", asked.join(" or ")) };
    let but = if others.is_empty() { String::new() } else { format!(", but {}", others.join(", ")) };
    of_kind + &but
}

/// Appends `more` to a note, after a semicolon; without a note, `more` becomes the note.
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
        assert_eq!(format_caveats(&complete, 0, None), None);
        let partial = IndexCoverage { files_indexed: 2, complete: false, ..complete };
        let wanted = "the index is incomplete: 2 of 4 files, 9 chunks; \
                      1 stale: changed since indexed, call index_project; a note";
        assert_eq!(format_caveats(&partial, 1, Some("a note")).as_deref(), Some(wanted));
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
