//! The patterns of one of git's ignore files, with exactly git's meaning.

use std::cmp::Ordering;

use crate::wildcard::Wildcard;

/// The patterns of a file, in the order of its lines.
#[derive(Debug)]
pub struct GitPatterns {
    text: Box<[u8]>,
    patterns: Vec<GitPattern>,
    /// Indexes of the patterns without wildcards, sorted by [`Self::compare_literals`]. A file that lists thousands of
    /// paths costs a binary search for each path, not a comparison with each line.
    literals: Vec<u32>,
    /// Indexes of the patterns with wildcards, in the order of their lines.
    wildcards: Vec<u32>,
    fold_case: bool,
}

/// The pattern of a line.
#[derive(Debug)]
struct GitPattern {
    /// Start of the pattern in the file, after `!` and a leading `/`.
    start: u32,
    /// End of the pattern, before a trailing `/`.
    end: u32,
    /// Number of the line in the file, from 1.
    line: u32,
    /// Length of the part before the first wildcard, in bytes.
    literal_bytes: u32,
    /// Whether the pattern begins with `!` and so includes the paths that it matches.
    is_negated: bool,
    /// Whether the pattern matches folders only: `build/`.
    is_for_folders: bool,
    /// Whether the pattern matches names in any folder; otherwise, it matches paths.
    is_for_names: bool,
    /// The part from the first wildcard; `None` if there is none.
    wildcard: Option<Box<Wildcard>>,
}

/// The line that decides about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GitMatch {
    /// Whether the line includes the path.
    pub is_negated: bool,
    /// Number of the line in the file, from 1.
    pub line: u32,
    /// Start of the pattern in the file.
    start: u32,
}

impl GitPatterns {
    /// Parses an ignore file, of at most 4 GiB. Never fails: a malformed line matches nothing.
    ///
    /// With `fold_case`, upper and lower case are equal, as git's setting `core.ignoreCase` says.
    pub fn parse(bytes: Vec<u8>, fold_case: bool) -> Self {
        let mut patterns = Vec::new();
        let mut start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for (line, text) in (1..).zip(bytes[start..].split(|byte| *byte == b'\n')) {
            patterns.extend(GitPattern::parse(text, start, line, fold_case));
            start += text.len() + 1;
        }
        let (literals, wildcards) =
            (0..).take(patterns.len()).partition(|index| patterns[*index as usize].wildcard.is_none());
        let mut parsed = Self { text: bytes.into(), patterns, literals, wildcards, fold_case };
        let mut literals = std::mem::take(&mut parsed.literals);
        literals.sort_unstable_by(|a, b| {
            let (first, second) = (parsed.pattern(*a), parsed.pattern(*b));
            parsed.compare_literals(first, second.is_for_names, parsed.text_of(second)).then(a.cmp(b))
        });
        parsed.literals = literals;
        parsed
    }

    /// Returns whether there is any pattern.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Returns the last line that matches a path below the file's folder. `path` is relative to that folder. The
    /// folders above the path are not compared. `None` if no line matches.
    pub fn find_match(&self, path: &[u8], is_folder: bool) -> Option<GitMatch> {
        let name = &path[memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)..];
        let by_name = self.find_literal(true, name, is_folder);
        let literal = by_name.max(self.find_literal(false, path, is_folder));
        let later = self.wildcards.iter().rev().take_while(|index| literal.is_none_or(|literal| **index > literal));
        let wildcard = later.copied().find(|index| {
            let pattern = self.pattern(*index);
            let subject = if pattern.is_for_names { name } else { path };
            (is_folder || !pattern.is_for_folders) && self.matches_wildcard(pattern, subject)
        });
        let GitPattern { is_negated, line, start, .. } = *self.pattern(wildcard.or(literal)?);
        Some(GitMatch { is_negated, line, start })
    }

    /// Returns the text of a line that matched, without white space at its ends.
    pub fn line_text(&self, found: GitMatch) -> String {
        let (before, after) = self.text.split_at(found.start as usize);
        let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let length = memchr::memchr(b'\n', after).unwrap_or(after.len());
        let line = String::from_utf8_lossy(&self.text[start..found.start as usize + length]);
        line.trim_start_matches('\u{feff}').trim().to_owned()
    }

    /// Returns the index of the last pattern without wildcards that matches the name or path. A pattern for folders
    /// matches only a folder.
    fn find_literal(&self, is_name: bool, subject: &[u8], is_folder: bool) -> Option<u32> {
        let compare = |index: &u32| self.compare_literals(self.pattern(*index), is_name, subject);
        let end = self.literals.partition_point(|index| compare(index).is_le());
        let equal = self.literals[..end].iter().rev().take_while(|index| compare(index).is_eq());
        equal.copied().find(|index| is_folder || !self.pattern(*index).is_for_folders)
    }

    /// Compares a literal with a name or a path: first all paths, then all names, each by bytes.
    fn compare_literals(&self, literal: &GitPattern, is_name: bool, subject: &[u8]) -> Ordering {
        let text = self.text_of(literal);
        let by_kind = literal.is_for_names.cmp(&is_name);
        by_kind.then_with(|| match self.fold_case {
            false => text.cmp(subject),
            true => text.iter().map(u8::to_ascii_lowercase).cmp(subject.iter().map(u8::to_ascii_lowercase)),
        })
    }

    fn matches_wildcard(&self, pattern: &GitPattern, subject: &[u8]) -> bool {
        let literal_bytes = pattern.literal_bytes as usize;
        let (Some(wildcard), Some((start, rest))) = (&pattern.wildcard, subject.split_at_checked(literal_bytes)) else {
            return false;
        };
        let literal = &self.text_of(pattern)[..literal_bytes];
        let starts = if self.fold_case { start.eq_ignore_ascii_case(literal) } else { start == literal };
        starts && wildcard.matches_text(rest)
    }

    fn pattern(&self, index: u32) -> &GitPattern {
        &self.patterns[index as usize]
    }

    fn text_of(&self, pattern: &GitPattern) -> &[u8] {
        &self.text[pattern.start as usize..pattern.end as usize]
    }
}

impl GitPattern {
    /// Parses the line at the byte offset `start` of a file. Returns `None` if it has no pattern, like a comment or a
    /// blank line, or if it ends more than 4 GiB after the start of the file.
    fn parse(line: &[u8], start: usize, number: u32, fold_case: bool) -> Option<Self> {
        if line.first() == Some(&b'#') {
            return None;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Git handles lines as C strings, which end at a zero byte.
        let line = &line[..memchr::memchr(0, line).unwrap_or(line.len())];
        let line = trim_trailing_spaces(line);
        let mut text = line.strip_prefix(b"!").unwrap_or(line);
        let is_negated = text.len() < line.len();
        let is_for_folders = text.ends_with(b"/");
        text = text.strip_suffix(b"/").unwrap_or(text);
        let is_for_names = !text.contains(&b'/');
        let mut skipped = usize::from(is_negated);
        if let Some(rest) = text.strip_prefix(b"/") {
            (text, skipped) = (rest, skipped + 1);
        }
        if text.is_empty() {
            return None;
        }
        let first_wildcard = text.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
        let literal_bytes = first_wildcard.unwrap_or(text.len());
        let wildcard = first_wildcard.map(|at| Box::new(Wildcard::compile(&text[at..], fold_case)));
        let start = u32::try_from(start + skipped).ok()?;
        let length = u32::try_from(text.len()).ok()?;
        let literal_bytes = u32::try_from(literal_bytes).ok()?;
        let end = start.checked_add(length)?;
        Some(Self { start, end, line: number, literal_bytes, is_negated, is_for_folders, is_for_names, wildcard })
    }
}

/// Removes the spaces at the end of a line, but not one that a backslash escapes.
fn trim_trailing_spaces(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b'\\' if at + 1 == line.len() => return line,
            b'\\' => {
                at += 2;
                end = at;
            }
            b' ' => at += 1,
            _ => {
                at += 1;
                end = at;
            }
        }
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the rules exclude a file, or one of the folders above it.
    fn excludes(rules: &[u8], path: &[u8]) -> bool {
        let patterns = GitPatterns::parse(rules.to_vec(), false);
        let slashes = (0..path.len()).filter(|at| path[*at] == b'/');
        let mut above = slashes.map(|end| (&path[..end], true)).chain([(path, false)]);
        above.any(|(path, is_folder)| patterns.find_match(path, is_folder).is_some_and(|found| !found.is_negated))
    }

    /// The expectations are the output of git 2.47.
    #[test]
    fn patterns_mean_what_git_says() {
        let excluded: &[(&[u8], &[u8])] = &[
            (b"secret[[:digit:]].txt\n", b"secret1.txt"),
            (b"*.[[:alpha:]]\n", b"x.q"),
            (b"{a,b}\n", b"{a,b}"),
            (b"{a\n", b"{a"),
            (b"a \n", b"a"),
            (b"a\\ \n", b"a "),
            (b"a\r\n", b"a"),
            (b"a\r", b"a"),
            (b"\xef\xbb\xbfa\n", b"a"),
            (b"[a-c-z]\n", b"-"),
            (b"***/x\n", b"a/b/x"),
            (b"a/***/x\n", b"a/b/c/x"),
            (b"[!]a]\n", b"b"),
            (b"/**\n", b"a"),
            (b"**\n", b"a"),
            (b"a/**/b\n", b"a/b"),
            (b"x/**/y/**/z\n", b"x/y/1/2/z"),
            (b"**/a\n", b"b/a"),
            (b"a/\n!a/b\n", b"a/b"),
            (b"\\!a\n", b"!a"),
            (b"c/\n", b"c/a"),
            (b"[^a]b\n", b"cb"),
            (b"\\a\n", b"a"),
            ("café\n".as_bytes(), "café".as_bytes()),
            (b"a**b\n", b"axxb"),
            (b"a**/b\n", b"axx/b"),
            (b"a**/b\n", b"ax/y/b"),
            (b"a/ \n", b"a/x"),
            (b"\t\n", b"\t"),
            (b"$a\n", b"$a"),
            (b"a\0b\n", b"a"),
            (b"caf\xe9\n", b"caf\xe9"),
        ];
        let included: &[(&[u8], &[u8])] = &[
            (b"[[:alpha:]]\n", b":"),
            (b"*.{log,tmp}\n", b"a.log"),
            (b"a\t\n", b"a"),
            (b"a\xff\n", b"a"),
            (b"foo\\/\n", b"foo/a"),
            (b"\\/\n", b"d/a"),
            (b"[a\\]\n", b"a"),
            (b"a/**\n!a/b\n", b"a/b"),
            (b"a/*\n!a/b/\na/b/*\n!a/b/c\n", b"a/b/c"),
            (b"!a\n", b"a"),
            (b"#a\n", b"#a"),
            (b"A\n", b"a"),
            (b" a\n", b"a"),
            (b"a/b\n", b"c/a/b"),
            (b"/a\n", b"c/a"),
            (b"a?b\n", b"a/b"),
            (b"a[/]b\n", b"a/b"),
            (b"a*b\n", b"a/b"),
            (b"*a**/b\n", b"a/y/b"),
            (b"a\\\n", b"a\\"),
            (b"\n\n", b"a"),
            (b"a//b\n", b"a/b"),
            (b"./a\n", b"a"),
            (b"a/.\n", b"a/x"),
            (b"[a\n", b"[a"),
            (b"x[]\n", b"x[]"),
            (b"?\n", "é".as_bytes()),
            (b"/\n", b"a"),
            (b"//\n", b"a"),
            (b"[[:nope:]]\n", b"a"),
        ];
        for (cases, is_excluded) in [(excluded, true), (included, false)] {
            for (rules, path) in cases {
                let shown = (rules.escape_ascii().to_string(), path.escape_ascii().to_string());
                assert_eq!(excludes(rules, path), is_excluded, "{shown:?}");
            }
        }
    }

    #[test]
    fn the_last_line_decides_and_is_quoted() {
        let rules = b"\xef\xbb\xbfa\n# b\n!a  \r\n*.c\nsub/x.c\n!x.c\n".to_vec();
        let patterns = GitPatterns::parse(rules, false);
        let decision = |path: &[u8]| {
            let found = patterns.find_match(path, false)?;
            Some((found.line, found.is_negated, patterns.line_text(found)))
        };
        assert_eq!(decision(b"a"), Some((3, true, "!a".to_owned())));
        assert_eq!(decision(b"b.c"), Some((4, false, "*.c".to_owned())));
        assert_eq!(decision(b"sub/x.c"), Some((6, true, "!x.c".to_owned())));
        assert_eq!(decision(b"b"), None);
        let first = GitPatterns::parse(b"\xef\xbb\xbfa\n".to_vec(), false);
        assert_eq!(first.find_match(b"a", false).map(|found| first.line_text(found)), Some("a".to_owned()));
    }

    /// Matching ends at once; git's own function takes exponential time.
    #[test]
    fn no_pattern_takes_exponential_time() {
        let deep = b"a/".repeat(150);
        for part in ["**/", "**/a/", "*a", "**/*a*a/"] {
            let rules = format!("{}x\n", part.repeat(100));
            assert!(!excludes(rules.as_bytes(), &[deep.as_slice(), b"y"].concat()), "{part}");
        }
        assert!(excludes(format!("{}x\n", "**/".repeat(100)).as_bytes(), &[deep.as_slice(), b"x"].concat()));
    }

    #[test]
    fn a_list_of_many_paths_is_searched_and_not_scanned() {
        let lines: Vec<String> = (0..10_000).map(|at| format!("/dir{}/file{at}\n", at % 7)).collect();
        let patterns = GitPatterns::parse(lines.concat().into_bytes(), false);
        assert_eq!((patterns.literals.len(), patterns.wildcards.len()), (10_000, 0));
        let lines = [b"dir3/file3".as_slice(), b"dir3/file9999", b"dir4/file9999", b"file3"]
            .map(|path| patterns.find_match(path, false).map(|found| found.line));
        assert_eq!(lines, [Some(4), Some(10_000), None, None]);
    }
}
