//! Tells comments from other lines.

/// Marks at the beginning of a line of a comment or of a doc string.
const MARKS: [&str; 8] = ["//", "/*", "* ", "*/", "--", "\"\"\"", ";;", "%"];

/// Returns whether a line begins with a mark of a comment or a doc string in a common language. `#define` and
/// `#[test]` are no comments.
pub fn is_comment_line(line: &str) -> bool {
    let line = line.trim_start();
    match line.strip_prefix('#') {
        Some(rest) => rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '#' | '!')),
        None => line == "*" || MARKS.iter().any(|mark| line.starts_with(mark)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_directives_and_statements() {
        for line in
            ["// a", "  /* a", " * a", "*", " */", "# a", "#", "#!/bin/sh", "## a", "-- a", "\"\"\"A.", ";; a", "% a"]
        {
            assert!(is_comment_line(line), "{line}");
        }
        for line in ["", "a // b", "#define A 1", "#include <a.h>", "#[test]", "*a = 1;", "-a", "/a/"] {
            assert!(!is_comment_line(line), "{line}");
        }
    }
}
