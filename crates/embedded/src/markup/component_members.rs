//! Props and events of Vue, Svelte and Astro components: where scripts declare them, and where scripts emit events.
//!
//! Vue declares them with `defineProps`, `defineEmits`, `defineModel` or the options `props` and `emits`; Svelte with
//! `$props()`, `export let` (a variable like any other) and events that are dispatched; Astro with the type `Props` or by
//! the properties that it reads from `Astro.props`.

use std::ops::Range;

use types::SymbolKind;

use crate::brackets::{BracketFinder, string_end};
use crate::found::{HostDefinition, HostUse};
use crate::words::find_words;

/// Maximum number of members of a component.
const MAX_MEMBERS: usize = 500;

/// Functions that emit the event that their first argument names.
const EMITTERS: [&str; 3] = ["emit", "$emit", "dispatch"];

/// Finds the declared props and events in the scripts of a component.
pub(super) fn find_members(text: &str, scripts: &[Range<usize>]) -> Vec<HostDefinition> {
    let mut finder = MemberFinder { text, brackets: BracketFinder::new(text), found: Vec::new() };
    for script in scripts {
        finder.scan_script(script, scripts);
    }
    finder.found
}

/// Finds the places at which a component emits the event `name`.
pub(super) fn find_emitted<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = (usize, HostUse)> + 't {
    find_words(text, 0..text.len(), name).filter(|at| is_emitted(text, *at)).map(|at| (at, HostUse::Call))
}

/// Returns whether a string that begins at `at` is the first argument of a function that emits events.
fn is_emitted(text: &str, at: usize) -> bool {
    let Some(before) = text[..at].strip_suffix(['\'', '"', '`']) else { return false };
    let Some(function) = before.trim_end().strip_suffix('(') else { return false };
    let word = &function[function.trim_end_matches(is_identifier_char).len()..];
    EMITTERS.contains(&word)
}

fn is_identifier_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// The kind of text in brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MemberList {
    /// A type, in which a line end may separate members.
    Type,
    /// An object, a pattern or a list.
    Values,
}

struct MemberFinder<'t> {
    text: &'t str,
    brackets: BracketFinder<'t>,
    found: Vec<HostDefinition>,
}

impl<'t> MemberFinder<'t> {
    fn scan_script(&mut self, script: &Range<usize>, scripts: &[Range<usize>]) {
        let text = self.text;
        let words = |word: &'t str| find_words(text, script.clone(), word);
        let mut types: Vec<&str> = Vec::new();
        for word in ["defineProps", "defineEmits", "createEventDispatcher"] {
            for at in words(word) {
                types.extend(self.scan_arguments(at + word.len()));
            }
        }
        for at in words("defineModel") {
            let open = text[at..script.end].find('(').map_or(script.end, |open| at + open + 1);
            let quote = self.skip_white(open);
            if matches!(text.as_bytes().get(quote), Some(b'\'' | b'"')) {
                self.add_string(quote);
            }
        }
        for word in ["$props()", "Astro.props"] {
            let found = memchr::memmem::find_iter(&text.as_bytes()[script.clone()], word.as_bytes());
            for at in found.map(|at| script.start + at).collect::<Vec<_>>() {
                // The names in the type come first, because they have a documentation.
                let pattern = self.pattern_before(script.start, at);
                let annotated = pattern.and_then(|open| self.annotation_after(open));
                let declared = annotated.or_else(|| word.starts_with("Astro").then_some("Props"));
                declared.into_iter().for_each(|name| self.scan_type(name, scripts));
                if let Some(open) = pattern {
                    self.scan_members(open, MemberList::Values);
                }
            }
        }
        types.into_iter().for_each(|name| self.scan_type(name, scripts));
        if text[script.clone()].contains("export default") {
            for word in ["props", "emits"] {
                let option = words(word).find_map(|at| {
                    let is_key = text[..at].trim_end().ends_with(['{', ',']);
                    let colon = self.skip_white(at + word.len());
                    let open = self.skip_white(colon + 1);
                    let is_list = matches!(text.as_bytes().get(open), Some(b'{' | b'['));
                    (is_key && text[colon..].starts_with(':') && is_list).then_some(open)
                });
                option.into_iter().for_each(|open| self.scan_members(open, MemberList::Values));
            }
        }
    }

    /// Scans the type argument or the first argument of a macro whose name ends at `at`. Returns the type argument if
    /// it is a name, so that its members are looked up.
    fn scan_arguments(&mut self, at: usize) -> Option<&'t str> {
        let open = self.skip_white(at);
        let first = self.skip_white(open + 1);
        let bytes = self.text.as_bytes();
        match (bytes.get(open)?, bytes.get(first)?) {
            (b'<', b'{') => self.scan_members(first, MemberList::Type),
            (b'(', b'{' | b'[') => self.scan_members(first, MemberList::Values),
            (b'<', _) => return Some(self.identifier_at(first)).filter(|name| !name.is_empty()),
            _ => {}
        }
        None
    }

    /// Scans the members of a type that a script declares.
    fn scan_type(&mut self, name: &str, scripts: &[Range<usize>]) {
        let text = self.text;
        for at in scripts.iter().flat_map(|script| find_words(text, script.clone(), name)) {
            let word = text[..at].trim_end().rsplit(|c| !is_identifier_char(c)).next();
            let rest = &text[at..];
            let open = match word {
                Some("interface") => rest.find('{').map(|open| at + open),
                Some("type") => rest.find('=').map(|equals| self.skip_white(at + equals + 1)),
                _ => None,
            };
            if let Some(open) = open.filter(|open| text[*open..].starts_with('{')) {
                return self.scan_members(open, MemberList::Type);
            }
        }
    }

    /// Returns the brace of the pattern in `let {…} = value`, whose value begins at `at`.
    fn pattern_before(&self, start: usize, at: usize) -> Option<usize> {
        let before = self.text[start..at].trim_end().strip_suffix('=')?;
        let keyword = ["let ", "const "].into_iter().filter_map(|word| Some(before.rfind(word)? + word.len())).max()?;
        let open = self.skip_white(start + keyword);
        self.text[open..].starts_with('{').then_some(open)
    }

    /// Returns the name of the type that annotates the pattern whose brace is at `open`; `None` if it has no such
    /// annotation.
    fn annotation_after(&mut self, open: usize) -> Option<&'t str> {
        let colon = self.brackets.after_closing(open).map(|end| self.skip_white(end))?;
        let name = self.identifier_at(self.skip_white(colon + 1));
        (self.text[colon..].starts_with(':') && !name.is_empty()).then_some(name)
    }

    /// Adds the members in the brackets that begin at `open`.
    fn scan_members(&mut self, open: usize, list: MemberList) {
        let Some(end) = self.brackets.after_closing(open) else { return };
        let bytes = &self.text.as_bytes()[..end - 1];
        // The member whose end is not known yet.
        let mut current: Option<Range<usize>> = None;
        let (mut is_start, mut angles) = (true, 0_u32);
        let mut at = open + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'/' if matches!(bytes.get(at + 1), Some(b'/' | b'*')) => {
                    at = self.after_comment(at).min(bytes.len());
                    continue;
                }
                b',' | b';' if angles == 0 => {
                    self.add_member(current.take(), at);
                    is_start = true;
                }
                b'\n' if angles == 0 && list == MemberList::Type && self.begins_member(at + 1) => {
                    self.add_member(current.take(), at);
                    is_start = true;
                }
                b'(' if is_start => {
                    // A signature of an event: `(e: 'change', id: number): void`.
                    let close = self.brackets.after_closing(at).unwrap_or(bytes.len()).min(bytes.len());
                    self.add_strings(at..close);
                    (at, is_start) = (close, false);
                    continue;
                }
                b'(' | b'[' | b'{' => {
                    is_start = false;
                    at = self.brackets.after_closing(at).unwrap_or(bytes.len());
                    continue;
                }
                b'"' | b'\'' | b'`' => {
                    let close = string_end(bytes, at);
                    if is_start && close > at + 1 {
                        current = Some(at + 1..close);
                    }
                    (at, is_start) = (close, false);
                }
                b'<' if !is_start => angles += 1,
                b'>' if bytes[at - 1] != b'=' => angles = angles.saturating_sub(1),
                byte if byte.is_ascii_whitespace() => {}
                _ if is_start => {
                    let name = self.identifier_at(at);
                    is_start = name == "readonly";
                    if !name.is_empty() && !is_start {
                        current = Some(at..at + name.len());
                    }
                    at += name.len().max(1);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        self.add_member(current, bytes.len());
    }

    /// Returns whether a member of a type begins at the next character that is not white space.
    fn begins_member(&self, at: usize) -> bool {
        let start = self.skip_white(at);
        let after = &self.text[start + self.identifier_at(start).len()..];
        let is_named = !self.identifier_at(start).is_empty() && after.trim_start().starts_with([':', '?', '(']);
        is_named || after.starts_with(['(', '\'', '"'])
    }

    /// Adds the strings in the first argument of a signature.
    fn add_strings(&mut self, signature: Range<usize>) {
        let bytes = &self.text.as_bytes()[..signature.end];
        let mut at = signature.start;
        while let Some(byte) = bytes.get(at).filter(|byte| **byte != b',') {
            if matches!(byte, b'"' | b'\'') {
                self.add_string(at);
                at = string_end(bytes, at);
            }
            at += 1;
        }
    }

    /// Adds the string whose quote is at `quote`.
    fn add_string(&mut self, quote: usize) {
        let close = string_end(self.text.as_bytes(), quote);
        if close > quote + 1 {
            self.add_member(Some(quote + 1..close), close + 1);
        }
    }

    /// Adds a member, unless the component has one of this name or [`MAX_MEMBERS`], or the text is not a name.
    fn add_member(&mut self, name: Option<Range<usize>>, end: usize) {
        let Some(name) = name.filter(|_| self.found.len() < MAX_MEMBERS) else { return };
        let word = &self.text[name.clone()];
        let is_name = word.chars().all(|c| is_identifier_char(c) || matches!(c, '-' | ':'));
        if is_name && !self.found.iter().any(|one| &self.text[one.name.clone()] == word) {
            let node = name.start..name.start + self.text[name.start..end.max(name.end)].trim_end().len();
            self.found.push(HostDefinition { kind: SymbolKind::Property, node, name, body_start: None });
        }
    }

    /// Returns the byte after the comment at `at`.
    fn after_comment(&self, at: usize) -> usize {
        let rest = &self.text.as_bytes()[at..];
        let (end, width) = if rest.starts_with(b"//") { ("\n", 0) } else { ("*/", 2) };
        memchr::memmem::find(rest, end.as_bytes()).map_or(self.text.len(), |found| at + found + width)
    }

    fn skip_white(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at.min(self.text.len()) + (rest.len() - rest.trim_start().len())
    }

    fn identifier_at(&self, at: usize) -> &'t str {
        let rest = self.text.get(at..).unwrap_or_default();
        let name = &rest[..rest.find(|c| !is_identifier_char(c)).unwrap_or(rest.len())];
        if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
    }
}
