//! Finds the pattern of a grep in a shell command, and the words in a pattern.

/// Programs that search files for a pattern.
const SEARCH_PROGRAMS: &[&str] = &["rg", "grep", "egrep", "fgrep", "ugrep", "ag", "ack"];

/// Options whose value is the next word.
const OPTIONS_WITH_VALUE: &[&str] = &[
    "-A",
    "-B",
    "-C",
    "-m",
    "-g",
    "-t",
    "-T",
    "-d",
    "-M",
    "-j",
    "-r",
    "--type",
    "--glob",
    "--iglob",
    "--max-count",
    "--max-depth",
    "--include",
    "--exclude",
    "--exclude-dir",
    "--context",
    "--after-context",
    "--before-context",
];

/// Minimum number of letters and digits of a word that is searched for.
const MIN_WORD_LETTERS: usize = 3;

/// Returns the pattern of the first search of files in a shell command; `None` if there is none. A program that
/// searches the output of another one does not count.
pub fn pattern_of_command(command: &str) -> Option<String> {
    let mut is_fed = false;
    for segment in split_commands(command) {
        if !is_fed && let Some(pattern) = pattern_of_words(&segment.words) {
            return Some(pattern);
        }
        is_fed = segment.feeds_next;
    }
    None
}

/// Returns the words of a regular expression that have at least [`MIN_WORD_LETTERS`] letters and digits, separated by
/// spaces; `None` if there are none.
pub fn words_of_pattern(pattern: &str) -> Option<String> {
    let mut words = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // A class or an assertion, such as \s or \b, or an escaped character.
            '\\' => match letters.next() {
                Some(escaped) if escaped.is_alphanumeric() => words.push(' '),
                Some(escaped) if ".-:/".contains(escaped) => words.push(escaped),
                _ => words.push(' '),
            },
            letter if letter.is_alphanumeric() || "_:".contains(letter) => words.push(letter),
            _ => words.push(' '),
        }
    }
    let words: Vec<&str> = words
        .split_whitespace()
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '_'))
        .filter(|word| word.chars().filter(|letter| letter.is_alphanumeric()).count() >= MIN_WORD_LETTERS)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A command between separators of the shell.
struct Segment {
    words: Vec<String>,
    /// Whether the command's output is the input of the next command.
    feeds_next: bool,
}

/// Splits a line of the shell into commands and their words. Expansions are left as they are.
fn split_commands(command: &str) -> Vec<Segment> {
    let mut segments = vec![Segment { words: Vec::new(), feeds_next: false }];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(segment) = segments.last_mut() else { break };
        match (quote, letter) {
            (Some(mark), letter) if letter == mark => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some('"') | None, '\\') => {
                let next = letters.next().unwrap_or('\\');
                // A quoted backslash belongs to the pattern, unless it escapes a quotation mark.
                if quote.is_some() && next != '"' && next != '\\' {
                    word.get_or_insert_default().push('\\');
                }
                word.get_or_insert_default().push(next);
            }
            (Some(_), letter) => word.get_or_insert_default().push(letter),
            (None, '|' | ';' | '&' | '\n') => {
                segment.words.extend(word.take());
                let is_double = letters.next_if_eq(&letter).is_some();
                segment.feeds_next = letter == '|' && !is_double;
                segments.push(Segment { words: Vec::new(), feeds_next: false });
            }
            (None, letter) if letter.is_whitespace() => segment.words.extend(word.take()),
            (None, letter) => word.get_or_insert_default().push(letter),
        }
    }
    if let Some(segment) = segments.last_mut() {
        segment.words.extend(word);
    }
    segments
}

/// Returns the pattern in the words of one command; `None` if the command does not search, or has no pattern.
fn pattern_of_words(words: &[String]) -> Option<String> {
    let mut words = words.iter().map(String::as_str).skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let program = words.next()?.rsplit('/').next()?;
    let is_search = SEARCH_PROGRAMS.contains(&program) || (program == "git" && words.next() == Some("grep"));
    if !is_search {
        return None;
    }
    while let Some(word) = words.next() {
        if word == "-e" || word == "--regexp" || word == "--" {
            return words.next().map(str::to_owned);
        }
        if let Some(pattern) = word.strip_prefix("--regexp=") {
            return Some(pattern.to_owned());
        }
        if OPTIONS_WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_pattern(command: &str, pattern: Option<&str>) {
        assert_eq!(pattern_of_command(command).as_deref(), pattern, "{command}");
    }

    #[test]
    fn the_pattern_of_a_shell_command_is_found() {
        check_pattern("rg retry_request src", Some("retry_request"));
        check_pattern("grep -rn \"fn retry\" .", Some("fn retry"));
        check_pattern("cd src && LC_ALL=C /usr/bin/grep -A 3 --include '*.rs' -e 'a b' .", Some("a b"));
        check_pattern("git grep -n parse_header", Some("parse_header"));
        check_pattern("rg \"\\bretry\\(\" | head -5", Some("\\bretry\\("));
        check_pattern("rg -t rust -- -flag", Some("-flag"));
    }

    #[test]
    fn other_commands_have_no_pattern() {
        for command in ["ls -la | grep retry", "cargo test grep", "echo 'rg x'", "rg", "git log", "", "'", "git", "|"] {
            check_pattern(command, None);
        }
    }

    #[test]
    fn words_are_what_a_pattern_looks_for() {
        let check = |pattern: &str, words: Option<&str>| {
            assert_eq!(words_of_pattern(pattern).as_deref(), words, "{pattern}");
        };
        check("fn\\s+retry_request\\(", Some("retry_request"));
        check("class (Engine|Store)", Some("class Engine Store"));
        check("Config::load", Some("Config::load"));
        check("\\.parse_header$", Some("parse_header"));
        check("größe", Some("größe"));
        check("x", None);
        check("^\\s*$", None);
    }
}
