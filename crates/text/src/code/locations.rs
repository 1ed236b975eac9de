//! Removes the locations in source code that libraries put into their messages.
//!
//! Such locations name folders of the machine that built the program, such as
//! `/root/.cargo/registry/src/…/lib.rs:12:34`, and tell a user nothing.

/// Characters, besides white space, that may precede the path of a location.
const PATH_DELIMITERS: &str = "(\"'[,";

/// Returns `message` without locations in Rust source files (`PATH.rs:LINE:COLUMN`) and the words that lead to them.
pub fn strip_code_locations(message: &str) -> String {
    const SUFFIX: &str = ".rs:";
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(SUFFIX) {
        let after = &rest[at + SUFFIX.len()..];
        let numbers = after.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(after.len());
        if !after.starts_with(|c: char| c.is_ascii_digit()) {
            out.push_str(&rest[..at + SUFFIX.len()]);
            rest = after;
            continue;
        }
        let delimiter =
            rest[..at].char_indices().rev().find(|(_, c)| c.is_whitespace() || PATH_DELIMITERS.contains(*c));
        let start = delimiter.map_or(0, |(at, c)| at + c.len_utf8());
        let mut before = rest[..start].trim_end();
        for word in ["location:", " at", " in"] {
            before = before.strip_suffix(word).unwrap_or(before).trim_end();
        }
        out.push_str(before.trim_end_matches([',', ' ']));
        rest = &after[numbers..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_removed_and_other_paths_stay() {
        let stripped = [
            (
                "lance error: Encountered corrupt file a/b.lance: too short, /root/.cargo/registry/src/x/lance-14/src/a.rs:12:34",
                "lance error: Encountered corrupt file a/b.lance: too short",
            ),
            ("LanceError(IO): no, location: src/io.rs:1:2, and more, src/x.rs:3:4", "LanceError(IO): no, and more"),
            (
                "thread 'lance' panicked at /a b/c.rs:5:6:\nindex out of bounds",
                "thread 'lance' panicked at /a\nindex out of bounds",
            ),
            ("cannot read src/pool.rs: it is gone", "cannot read src/pool.rs: it is gone"),
            ("cannot open main.rs", "cannot open main.rs"),
            ("", ""),
        ];
        for (message, wanted) in stripped {
            assert_eq!(strip_code_locations(message), wanted);
        }
    }
}
