//! Style sheets with braces: CSS, SCSS and Less.

use std::ops::Range;

use crate::brackets::string_end;
use crate::found::{HostDefinition, HostScan, HostUse, INSIDE_DEPTH};
use crate::words::{find_words, is_name_char, name_end};
use types::SymbolKind;

/// Finds the classes and ids that rules select, mixins, functions, animations and variables; and the uses of `name`.
pub(crate) fn scan_stylesheet(text: &str, name: Option<&str>) -> HostScan {
    let mut scanner = StyleScanner { text, found: HostScan::default(), strings: Vec::new(), open: Vec::new() };
    scanner.scan();
    let StyleScanner { mut found, strings, .. } = scanner;
    if let Some(name) = name {
        let is_in = |ranges: &[Range<usize>], at: usize| {
            let next = ranges.partition_point(|range| range.start <= at);
            next > 0 && at < ranges[next - 1].end
        };
        let words = find_words(text, 0..text.len(), name);
        let words = words.filter(|at| !is_in(&found.comments, *at) && !is_in(&strings, *at));
        found.uses = words.map(|at| (at, use_kind(text, at, name))).collect();
    }
    found
}

fn use_kind(text: &str, at: usize, name: &str) -> HostUse {
    let is_called = text[at + name.len()..].starts_with('(') || text[..at].trim_end().ends_with("@include");
    if is_called { HostUse::Call } else { HostUse::Other }
}

struct StyleScanner<'t> {
    text: &'t str,
    found: HostScan,
    strings: Vec<Range<usize>>,
    /// The definitions of each open block, as a range of indexes.
    open: Vec<Range<usize>>,
}

impl StyleScanner<'_> {
    fn scan(&mut self) {
        let bytes = self.text.as_bytes();
        // Start of the current statement; `None` between two statements.
        let mut start: Option<usize> = None;
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match *byte {
                b'/' if bytes.get(at + 1) == Some(&b'*') => {
                    let end = memchr::memmem::find(&bytes[at..], b"*/").map_or(bytes.len(), |end| at + end + 2);
                    self.add_comment(at..end);
                    at = end;
                    continue;
                }
                b'/' if bytes.get(at + 1) == Some(&b'/') && start.is_none() => {
                    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
                    self.add_comment(at..end);
                    at = end;
                    continue;
                }
                b'"' | b'\'' => {
                    let end = string_end(bytes, at);
                    self.strings.extend((end > at).then_some(at..end));
                    at = end;
                }
                // The address in `url(data:…;base64,…)` may contain `//` and `;`.
                b'(' if self.text[..at].ends_with("url") => {
                    at = memchr::memchr2(b')', b'\n', &bytes[at..]).map_or(bytes.len() - 1, |end| at + end);
                }
                b'#' if bytes.get(at + 1) == Some(&b'{') => {
                    start = start.or(Some(at));
                    at = memchr::memchr2(b'}', b'\n', &bytes[at..]).map_or(bytes.len() - 1, |end| at + end);
                }
                b'{' => {
                    let first = start.take().unwrap_or(at);
                    self.open_block(first, at);
                }
                b'}' => {
                    if let Some(first) = start.take() {
                        self.add_variable(first, at);
                    }
                    self.close_block(at);
                }
                b';' => {
                    if let Some(first) = start.take() {
                        self.add_variable(first, at + 1);
                    }
                    self.found.depths.push((at + 1, self.depth()));
                }
                byte if start.is_none() && !byte.is_ascii_whitespace() => {
                    start = Some(at);
                    self.found.depths.extend([(at, self.depth()), (at + 1, INSIDE_DEPTH)]);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(INSIDE_DEPTH)
    }

    fn add_comment(&mut self, range: Range<usize>) {
        self.found.depths.extend([
            (range.start, self.depth()),
            (range.start + 1, INSIDE_DEPTH),
            (range.end, self.depth()),
        ]);
        self.found.comments.push(range);
    }

    /// Adds the definitions in the head, which begins at `first`, of the block that begins at `brace`.
    fn open_block(&mut self, first: usize, brace: usize) {
        let before = self.found.definitions.len();
        let head = &self.text[first..brace];
        let mut add = |kind, name: Range<usize>| {
            let node = first..brace;
            self.found.definitions.push(HostDefinition { kind, node, name, body_start: Some(brace) });
        };
        if let Some(rule) = head.strip_prefix('@') {
            let word = rule.split(|c: char| !is_name_char(c)).next().unwrap_or_default();
            let kind = match word {
                "mixin" | "function" => Some(SymbolKind::Function),
                "keyframes" | "-webkit-keyframes" => Some(SymbolKind::Constant),
                _ => None,
            };
            let white = rule[word.len()..].len() - rule[word.len()..].trim_start().len();
            let start = first + 1 + word.len() + white;
            let name = start..name_end(self.text, start);
            if let Some(kind) = kind.filter(|_| !name.is_empty()) {
                add(kind, name);
            }
        } else if !head.trim_end().ends_with(':') {
            let mut at = first;
            for selector in head.split(',') {
                if let Some(name) = subject(selector) {
                    add(SymbolKind::Class, at + name.start..at + name.end);
                }
                at += selector.len() + 1;
            }
        }
        self.open.push(before..self.found.definitions.len());
        self.found.depths.push((brace + 1, self.depth()));
    }

    fn close_block(&mut self, at: usize) {
        if let Some(opened) = self.open.pop() {
            self.found.definitions[opened].iter_mut().for_each(|one| one.node.end = at + 1);
        }
        self.found.depths.extend([(at, INSIDE_DEPTH), (at + 1, self.depth())]);
    }

    /// Adds the variable that a statement sets: `--gap: 4px`, and `$gap: 4px` or `@gap: 4px` outside of rules.
    fn add_variable(&mut self, first: usize, end: usize) {
        let statement = &self.text[first..end];
        let sign = match statement.as_bytes() {
            [b'-', b'-', ..] => 2,
            [b'$' | b'@', ..] if self.open.is_empty() => 1,
            _ => return,
        };
        let name = first + sign..name_end(self.text, first + sign);
        if !name.is_empty() && self.text[name.end..end].trim_start().starts_with(':') {
            let (kind, node) = (SymbolKind::Variable, first..end);
            self.found.definitions.push(HostDefinition { kind, node, name, body_start: None });
        }
    }
}

/// Returns the byte range of the name of the class, id or placeholder that a selector selects. A state of it
/// (`.a:hover`) and a combination (`.a.b`) define nothing.
fn subject(selector: &str) -> Option<Range<usize>> {
    let trimmed = selector.trim_end();
    let is_combinator = |c: char| c.is_whitespace() || matches!(c, '>' | '+' | '~');
    let start = trimmed.len() - trimmed.rsplit(is_combinator).next().unwrap_or(trimmed).len();
    let compound = &trimmed[start..];
    let mark = compound.find(['.', '#', '%'])?;
    let name = start + mark + 1..trimmed.len();
    let is_plain = !name.is_empty()
        && trimmed[name.clone()].chars().all(is_name_char)
        && trimmed[name.clone()].starts_with(|c: char| !c.is_ascii_digit())
        && compound[..mark].chars().all(is_name_char);
    is_plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        let scan = scan_stylesheet(text, None);
        scan.definitions.iter().map(|one| (one.kind.as_str(), &text[one.name.clone()])).collect()
    }

    #[test]
    fn rules_mixins_and_variables_are_definitions() {
        let text = "$gap: 4px;\n:root { --brand-color: #fff; }\n.card > .title, #menu { color: red; .icon { x: y } &:hover { } }\n\
                    @mixin flex-row($a) { display: flex }\n@keyframes spin { from { a: b } 50.5% { c: d } }\n.a:hover, .a.b, p { }\n\
                    .x { background: url(data:image/png;base64,a{b}) }\n// .y { }\n%base { }\n";
        assert_eq!(
            found(text),
            [
                ("variable", "gap"),
                ("variable", "brand-color"),
                ("class", "title"),
                ("class", "menu"),
                ("class", "icon"),
                ("function", "flex-row"),
                ("constant", "spin"),
                ("class", "x"),
                ("class", "base"),
            ]
        );
    }

    #[test]
    fn a_use_is_a_whole_name_outside_of_comments() {
        let text = "/* gap */ $gap: 1;\n.a { margin: $gap; x: \"gap\"; @include gap(2); y: var(--gap); z: big-gap; }\n";
        let scan = scan_stylesheet(text, Some("gap"));
        let uses: Vec<_> = scan.uses.iter().map(|(at, kind)| (&text[at - 2..at + 3], *kind)).collect();
        assert_eq!(
            uses,
            [(" $gap", HostUse::Other), (" $gap", HostUse::Other), ("e gap", HostUse::Call), ("--gap", HostUse::Other)]
        );
    }
}
