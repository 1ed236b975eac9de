//! Definitions that enclose others without a syntax of their own: the component in a whole file, and the cells of a
//! notebook.

use types::SymbolKind;

use crate::language;
use crate::parse::definitions::Definition;
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use crate::parse::source_file::SourceFile;

/// Maximum length of a cell's signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = 120;

/// Returns the component that a whole file defines, or the cells of a notebook; nothing for any other file.
pub(super) fn find_enclosing(file: &SourceFile, lines: &LineIndex<'_>) -> Vec<Definition> {
    let text = file.text.as_str();
    if embedded::is_notebook(&file.path) {
        let build = |cell: embedded::CellMark<'_>| {
            let first_line = collapse_whitespace(cell.first_line, MAX_SIGNATURE_BYTES);
            let signature = format!("cell {}: {first_line}", cell.number);
            enclose(
                lines,
                cell.range.start..cell.range.end,
                (format!("cell {}", cell.number), signature),
                SymbolKind::Section,
            )
        };
        return embedded::find_cells(text).into_iter().map(build).collect();
    }
    let Some(name) = embedded::component_name(&file.path) else { return Vec::new() };
    let start = text.len() - text.trim_start().len();
    if start == text.len() {
        return Vec::new();
    }
    let signature = format!("{} component {name}", language::language_title(file.language));
    vec![enclose(lines, start..text.len(), (name.to_owned(), signature), SymbolKind::Class)]
}

/// Returns a definition of the lines that contain `range`, which begins in a line that is not blank.
fn enclose(
    lines: &LineIndex<'_>,
    range: std::ops::Range<usize>,
    (name, signature): (String, String),
    kind: SymbolKind,
) -> Definition {
    let first_line = lines.line_at_byte(range.start);
    let last_line = lines.line_at_byte(range.end.saturating_sub(1).max(range.start));
    let (_, past) = lines.trim(first_line, last_line + 1);
    Definition {
        name,
        kind,
        receiver: None,
        signature,
        first_line,
        last_line: past.saturating_sub(1).max(first_line),
        name_start: range.start,
        name_line: first_line,
        node: (range.start, range.end),
        parent: None,
    }
}
