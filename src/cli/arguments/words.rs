//! Words of a query that begin with a dash: filters such as `-test`, which are no options.

use std::ffi::{OsStr, OsString};

use text::edit_distance::count_edits_within;

/// The commands whose arguments may be filters.
const COMMANDS_WITH_FILTERS: [&str; 4] = ["search", "references", "similar", "symbol"];

/// The filters without a value.
const CLASS_FILTERS: [&str; 7] = ["test", "tests", "example", "examples", "generated", "vendored", "vendor"];

/// Minimum length of a misspelled filter without a value that may have two errors, in bytes.
const MIN_LETTERS_FOR_TWO_EDITS: usize = 6;

/// The filters with a value.
const KEY_FILTERS: [&str; 8] = ["lang:", "path:", "file:", "kind:", "project:", "language:", "repo:", "repository:"];

/// Puts a space in front of each argument after a command of [`COMMANDS_WITH_FILTERS`] for which [`is_dash_filter`]
/// holds, so that it is not taken for an option. Arguments after `--` stay as they are. The parser of queries ignores
/// the space.
pub fn mark_dash_filters(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let (mut is_query, mut is_plain) = (false, false);
    let mark = |argument: OsString| {
        is_plain |= argument == "--";
        if is_query && !is_plain && argument.to_str().is_some_and(is_dash_filter) {
            let mut marked = OsString::from(" ");
            marked.push(argument);
            return marked;
        }
        is_query |= COMMANDS_WITH_FILTERS.iter().any(|command| argument == *command);
        argument
    };
    arguments.into_iter().map(mark).collect()
}

/// Returns an argument without the space that [`mark_dash_filters`] puts in front of it.
pub fn without_mark(argument: &OsStr) -> &OsStr {
    let unmarked = argument.to_str().and_then(|word| word.strip_prefix(' ')).filter(|word| word.starts_with('-'));
    unmarked.map_or(argument, OsStr::new)
}

/// Returns whether an argument is a filter with a value, such as `path:src/**` or `-lang:go`, or lacks only the value. A
/// name such as `path::Path` and a URL are none. Spaces around it are ignored.
pub fn is_filter(argument: &str) -> bool {
    let argument = argument.trim();
    let word = argument.strip_prefix('-').unwrap_or(argument);
    let value = KEY_FILTERS.iter().find_map(|key| word.strip_prefix(key));
    value.is_some_and(|value| !value.starts_with(':') && !value.starts_with("//"))
}

/// Returns whether an argument is a filter without a value, such as `-test`. Spaces around it are ignored.
pub fn is_class_filter(argument: &str) -> bool {
    argument.trim().strip_prefix('-').is_some_and(|word| CLASS_FILTERS.contains(&word))
}

/// Returns an argument whose letters an error calls the unknown option `letter`, such as `-t` of `-tset`, and the filter
/// without a value that is spelled like it; `None` if there is none, or no command that takes filters.
pub fn find_misspelled_filter<'a>(letter: &str, arguments: &'a [OsString]) -> Option<(&'a str, String)> {
    let letter = letter.strip_prefix('-').filter(|letter| letter.chars().count() == 1)?;
    let takes_filters = |argument: &OsString| COMMANDS_WITH_FILTERS.iter().any(|command| argument == *command);
    let command = arguments.iter().position(takes_filters)?;
    arguments[command..].iter().filter_map(|argument| argument.to_str()).find_map(|argument| {
        let word = argument.strip_prefix('-').filter(|word| word.contains(letter))?;
        let most = if word.len() < MIN_LETTERS_FOR_TWO_EDITS { 1 } else { 2 };
        let near = CLASS_FILTERS.iter().filter_map(|class| Some((count_edits_within(class, word, most)?, class)));
        near.min().map(|(_, class)| (argument, format!("-{class}")))
    })
}

/// Returns the filter that stands for an option which a command does not have, such as `kind:function` for `--kind
/// function`, in single quotes if a shell needs them. The value is that of `arguments`, or else an example. `None` if
/// there is no such filter.
pub fn filter_of_option(option: &str, arguments: &[OsString]) -> Option<String> {
    let name = option.strip_prefix("--")?;
    if let Some(class) = CLASS_FILTERS.iter().find(|class| **class == name) {
        return Some(format!("-{class}"));
    }
    let key = KEY_FILTERS.iter().find(|key| key.strip_suffix(':') == Some(name))?;
    let inline = format!("{option}=");
    let value = arguments.iter().enumerate().find_map(|(at, argument)| {
        let argument = argument.to_str()?;
        match argument.strip_prefix(&inline) {
            Some(value) => Some(value),
            None if argument == option => arguments.get(at + 1)?.to_str(),
            None => None,
        }
    });
    let example = match *key {
        "kind:" => "function",
        "file:" => "config.rs",
        _ => "NAME",
    };
    let filter = format!("{key}{}", terminal_text::escape_controls(value.unwrap_or(example)));
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:,".contains(c);
    Some(if filter.chars().all(is_plain) { filter } else { format!("'{filter}'") })
}

/// Returns whether an argument begins with a dash and is part of a query: a filter, quoted text, or several words. An
/// option with a value, such as `--path=a b`, is not.
fn is_dash_filter(argument: &str) -> bool {
    let Some(rest) = argument.strip_prefix('-') else { return false };
    let word = rest.split_whitespace().next().unwrap_or_default();
    let is_option_with_value = rest.starts_with('-') && word.contains('=');
    let has_blank = rest.contains(char::is_whitespace) && !is_option_with_value;
    has_blank || rest.starts_with('"') || is_class_filter(argument) || is_filter(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_with_a_value_are_no_folders() {
        for filter in ["path:src/**", " -path:src/**", "lang:go"] {
            assert!(is_filter(filter), "{filter}");
        }
        for word in ["src/lib", "a:b/c", "-test", "xpath:a/b", "path::Path", "file:///a.rs"] {
            assert!(!is_filter(word), "{word}");
        }
    }

    #[test]
    fn an_option_that_is_a_filter_is_shown_as_one() {
        let filter = |option: &str, words: &[&str]| {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            filter_of_option(option, &arguments)
        };
        assert_eq!(filter("--kind", &["search", "q", "--kind", "struct"]).as_deref(), Some("kind:struct"));
        assert_eq!(filter("--file", &["search", "q", "--file=*.rs"]).as_deref(), Some("'file:*.rs'"));
        assert_eq!(filter("--kind", &["search", "q", "--kind"]).as_deref(), Some("kind:function"));
        assert_eq!(filter("--test", &["search", "--test"]).as_deref(), Some("-test"));
        assert_eq!([filter("--lmit", &[]), filter("-k", &[])], [None, None]);
    }

    #[test]
    fn a_misspelled_filter_is_told_from_options() {
        let find = |letter: &str, words: &[&str]| {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            find_misspelled_filter(letter, &arguments).map(|(word, filter)| format!("{word} {filter}"))
        };
        assert_eq!(find("-t", &["codescry", "search", "score", "-tset"]).as_deref(), Some("-tset -test"));
        assert_eq!(find("-e", &["codescry", "symbol", "-vendord"]).as_deref(), Some("-vendord -vendor"));
        assert_eq!(find("-x", &["codescry", "search", "score", "-x"]), None);
        assert_eq!(find("-t", &["codescry", "index", "-tset"]), None);
    }

    #[test]
    fn filters_and_sentences_are_words_and_options_stay() {
        let mark = |words: &[&str]| -> Vec<String> {
            let marked = mark_dash_filters(words.iter().map(OsString::from));
            marked.into_iter().map(|word| word.into_string().expect("UTF-8")).collect()
        };
        let words = ["codescry", "search", "-test", "-path:a/**", "-test retry", "--dry run", "-\"a\"", "x"];
        let marked = ["codescry", "search", " -test", " -path:a/**", " -test retry", " --dry run", " -\"a\"", "x"];
        assert_eq!(mark(&words), marked);
        for same in [
            &["codescry", "search", "-n", "5", "-C3", "-v", "--limit", "3", "--path=a b", "-"][..],
            &["codescry", "search", "--", "-test"],
            &["codescry", "models", "-test"],
        ] {
            assert_eq!(mark(same), same);
        }
    }
}
