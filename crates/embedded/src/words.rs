//! Whole words in markup and style sheets, where a hyphen is a part of a name.

/// Returns whether `name` stands at `at` as a whole word. `--` before it is not a part of the word.
pub(crate) fn is_word_at(text: &str, at: usize, name: &str) -> bool {
    let Some(after) = text.get(at..).and_then(|rest| rest.strip_prefix(name)) else { return false };
    let before = &text[..at];
    let before = before.strip_suffix("--").unwrap_or(before);
    !before.ends_with(is_name_char) && !after.starts_with(is_name_char)
}

/// Returns the byte positions in `range` at which `name` stands as a whole word.
pub(crate) fn find_words<'t>(
    text: &'t str,
    range: std::ops::Range<usize>,
    name: &'t str,
) -> impl Iterator<Item = usize> + 't {
    let part = if name.is_empty() { "" } else { text.get(range.clone()).unwrap_or_default() };
    let found = memchr::memmem::find_iter(part.as_bytes(), name.as_bytes()).map(move |at| range.start + at);
    found.collect::<Vec<_>>().into_iter().filter(move |at| is_word_at(text, *at, name))
}

/// Returns whether a character can be in the name of an element, class or variable.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// Returns the end of the name that begins at `at`.
pub(crate) fn name_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest.find(|c| !is_name_char(c)).unwrap_or(rest.len())
}

/// Returns whether an element's name in kebab case, such as `user-card`, means the component `name` (`UserCard`).
pub(crate) fn is_kebab_of(element: &str, name: &str) -> bool {
    let mut at_start = true;
    let mut wanted = element.chars();
    for c in name.chars() {
        if c.is_uppercase() && !at_start && wanted.next() != Some('-') {
            return false;
        }
        if !c.to_lowercase().eq(wanted.next()) {
            return false;
        }
        at_start = false;
    }
    wanted.next().is_none()
}

/// Returns whether a text begins with `name`, such as `UserCard`, or with an element's name in kebab case that means
/// it, such as `user-card`.
pub fn begins_with_component(text: &str, name: &str) -> bool {
    text.starts_with(name) || is_kebab_of(&text[..name_end(text, 0)], name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_elements_are_compared_in_kebab_case() {
        assert!(is_kebab_of("user-card", "UserCard") && is_kebab_of("x", "X") && is_kebab_of("user-card", "userCard"));
        assert!(!is_kebab_of("user-cards", "UserCard") && !is_kebab_of("usercard", "UserCard"));
        assert!(
            begins_with_component("user-card :a>", "UserCard") && !begins_with_component("user-card-x>", "UserCard")
        );
    }
}
