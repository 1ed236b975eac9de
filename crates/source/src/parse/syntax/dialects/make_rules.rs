//! Rules of a makefile that the grammar cannot parse completely, found by their first lines.

use crate::parse::syntax::facts::DefinitionMatch;
use types::SymbolKind;

/// Adds the targets that the grammar did not find.
pub(in crate::parse::syntax) fn add_make_targets(text: &str, definitions: &mut Vec<DefinitionMatch>) {
    let known: std::collections::HashSet<usize> = definitions.iter().map(|one| one.name.start).collect();
    let (mut start, mut is_inside, mut is_continued) = (0, false, false);
    for line in text.split_inclusive('\n') {
        let word = line.split_whitespace().next().unwrap_or_default();
        is_inside = (is_inside || word == "define") && word != "endef";
        if !is_inside && !is_continued {
            let end = start + line.len() + recipe_length(&text[start + line.len()..]);
            let targets = target_list(line).split_whitespace().filter(|name| is_plain_target(name));
            let ranges = targets.map(|name| {
                let at = start + name.as_ptr() as usize - line.as_ptr() as usize;
                at..at + name.len()
            });
            definitions.extend(ranges.filter(|name| !known.contains(&name.start)).map(|name| DefinitionMatch {
                kind: SymbolKind::Task,
                pattern: 0,
                node: start..end,
                body_start: Some(start + line.trim_end().len()).filter(|body| *body > name.end),
                name,
                receiver: None,
            }));
        }
        is_continued = line.trim_end().ends_with('\\');
        start += line.len();
    }
}

/// Returns the targets of a rule's first line; empty for another line.
fn target_list(line: &str) -> &str {
    match line.split_once(':') {
        Some((targets, rest))
            if !line.starts_with(['\t', ' ', '#', '-', '@'])
                && !rest.starts_with('=')
                && !rest.starts_with(":=")
                && !targets.contains(['=', '#', '"', '(']) =>
        {
            targets
        }
        _ => "",
    }
}

/// Returns whether a target is a name, not a pattern, a variable or a directive such as `.PHONY`.
fn is_plain_target(name: &str) -> bool {
    !name.starts_with('.') && !name.contains(['%', '$', '&'])
}

/// Returns the length of the recipe at the start of a text.
fn recipe_length(text: &str) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n').take_while(|line| line.starts_with('\t') || line.trim().is_empty()) {
        length += line.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_by_their_lines() {
        let text = "a b: c\n\tcc \\\n\t  x: y\n\nX := 1\nV ::= 2\n.PHONY: a\n%.o: %.c\ndefine d\nno: x\nendef\nlast:\n";
        let mut found = Vec::new();
        add_make_targets(text, &mut found);
        let names: Vec<_> = found.iter().map(|one| &text[one.name.clone()]).collect();
        assert_eq!(names, ["a", "b", "last"]);
        assert_eq!(text[found[0].node.clone()].trim_end(), "a b: c\n\tcc \\\n\t  x: y");
    }
}
