//! Fenced code blocks of Markdown.

/// Formats `code` as a fenced block after a line break. The block names no language: the path above it tells the
/// language.
pub fn format_code_block(code: &str) -> String {
    let fence = choose_fence(code);
    format!("\n{fence}\n{code}\n{fence}")
}

/// Returns a fence for `code`: at least three backticks, and more than stand together anywhere in `code`, also after the
/// number of a line.
fn choose_fence(code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_any_in_the_code() {
        assert_eq!(format_code_block("fn a() {}"), "\n```\nfn a() {}\n```");
        assert_eq!(format_code_block("a `b`\n7 ````\n8 ```"), "\n`````\na `b`\n7 ````\n8 ```\n`````");
    }
}
