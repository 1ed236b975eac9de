//! Checks that paths in documents exist.

/// A document: its path from the root of the workspace, and its text.
pub type Document = (String, String);

/// Finds paths in documents that do not exist. A path is a word in code, or the target of a link, that begins with one
/// of the folders. Patterns such as `crates/*/src` are not checked.
pub fn check_documents(documents: &[Document], folders: &[&str], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (document, text) in documents {
        for (line, path) in list_paths(text) {
            let is_path = path.split_once('/').is_some_and(|(first, _)| folders.contains(&first));
            if is_path && !exists(path) {
                found.push(format!("{document}:{line} names {path}, which does not exist"));
            }
        }
    }
    found
}

/// Lists the words in code and the targets of links, with their lines.
fn list_paths(text: &str) -> Vec<(usize, &str)> {
    let mut paths = Vec::new();
    let mut is_fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        let mut code: Vec<&str> = if is_fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        code.extend(line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        let words = code.into_iter().flat_map(|code| code.split([' ', '"', '\'', ',', ';', '(', ')']));
        // Removes the line from `path:12`, and the section from `path#section`.
        let words =
            words.filter_map(|word| word.split([':', '#']).next()).map(|word| word.trim_end_matches(['.', '/']));
        paths.extend(words.filter(|word| !word.contains(['*', '<', '{', '…', '$'])).map(|word| (number, word)));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_paths_are_found_in_code_and_links() {
        let text = "See `src/a.rs:12`, `src/b.rs`, src/c.rs and [this](docs/d.md#part).\n```sh\ntests/run 'src/**' src/e/\n```\n";
        let documents = [("README.md".to_owned(), text.to_owned())];
        let found = check_documents(&documents, &["src", "docs", "tests"], |path| path == "src/a.rs");
        let expected = [
            "README.md:1 names src/b.rs, which does not exist",
            "README.md:1 names docs/d.md, which does not exist",
            "README.md:3 names tests/run, which does not exist",
            "README.md:3 names src/e, which does not exist",
        ];
        assert_eq!(found, expected);
    }
}
