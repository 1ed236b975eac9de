//! Finds comments in Rust source text.

/// Returns the comments of a file: consecutive lines that begin with `//`, joined by spaces.
pub fn list_comments(text: &str) -> Vec<String> {
    let mut comments = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            comments.extend(current.take());
            continue;
        };
        let comment = comment.strip_prefix(['/', '!']).unwrap_or(comment).trim();
        let joined = current.get_or_insert_default();
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(comment);
    }
    comments.extend(current);
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_lines_are_one_comment() {
        let text = "//! One\n//! two.\n\nfn a() {\n    // Three.\n    b(); // not on a line alone\n}\n/// Four.\n";
        assert_eq!(list_comments(text), ["One two.", "Three.", "Four."]);
    }
}
