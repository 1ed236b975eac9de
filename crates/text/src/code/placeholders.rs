//! Strings in the code and the placeholders in them.

/// Returns whether `text[start..end]` has all words of a string in the code, except placeholders such as `{name}`.
pub fn is_whole_string(text: &str, start: usize, end: usize) -> bool {
    let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let Some(quote) = text[line..start].rfind(['"', '\'', '`']).map(|at| line + at) else { return false };
    let rest = &text[end..];
    let mark = &text[quote..=quote];
    let Some(close) = rest.find(mark).filter(|close| !rest[..*close].contains('\n')) else { return false };
    let has_no_words = |part: &str| !remove_placeholders(part).contains(char::is_alphanumeric);
    has_no_words(&text[quote + 1..start]) && has_no_words(&rest[..close])
}

/// Removes placeholders: `%s`, `%-5.2f`, `%(name)s`, `{}`, `{name}`, `${name}`, `#{name}`, `\(name)`.
fn remove_placeholders(part: &str) -> String {
    let mut kept = String::new();
    let mut rest = part;
    while let Some(at) = rest.find(['%', '{', '\\']) {
        kept.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        let closed = |open: char, close: char| after.strip_prefix(open).and_then(|inside| inside.split_once(close));
        rest = match sign {
            "{" => after.split_once('}').map_or(after, |(_, rest)| rest),
            "\\" => closed('(', ')').map_or_else(|| after.get(1..).unwrap_or_default(), |(_, rest)| rest),
            _ => {
                let after = closed('(', ')').map_or(after, |(_, rest)| rest);
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.#*$".contains(c));
                let after = after.trim_start_matches(['l', 'z', 'h']);
                after.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(after)
            }
        };
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_words_of_a_string() {
        for text in ["f(\"%s: not open\")", "f('not open {name}!')", "f(`${kind} not open`)", "f \"not open \\(x)\""] {
            let start = text.find("not").expect("the words are in it");
            assert!(is_whole_string(text, start, start + "not open".len()), "{text}");
        }
        for text in ["f(\"is not open\")", "f(\"not open yet\")", "// not open", "f(\"not open"] {
            let start = text.find("not").expect("the words are in it");
            assert!(!is_whole_string(text, start, start + "not open".len()), "{text}");
        }
    }
}
