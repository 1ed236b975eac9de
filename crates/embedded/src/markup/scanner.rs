//! The scanner of markup.

use std::ops::Range;

use super::attributes::{self, Attribute};
use super::component_members;
use super::dialect::{Braces, Dialect, script_language, style_language};
use super::headings::{PageHeading, heading_level, longest_words, section_definitions};
use super::razor;
use super::state::MarkupState;
use crate::brackets::BracketFinder;
use crate::found::{EmbeddedText, HostDefinition, HostScan, HostUse, INSIDE_DEPTH};
use crate::words::{is_kebab_of, is_word_at, name_end};
use types::SymbolKind;

/// Finds the texts of other languages, the definitions and the comments in markup, and the uses of `name` in elements
/// and attributes.
pub(crate) fn scan_markup(text: &str, dialect: Dialect, name: Option<&str>) -> HostScan {
    let state = MarkupState {
        text,
        dialect,
        name: name.unwrap_or_default(),
        found: HostScan::default(),
        brackets: BracketFinder::new(text),
    };
    let mut scanner = MarkupScanner { state, open: Vec::new(), headings: Vec::new() };
    scanner.scan();
    let MarkupScanner { state: MarkupState { mut found, .. }, headings, .. } = scanner;
    found.texts.sort_by_key(|one| one.range.start);
    if dialect.has_props {
        let is_script = |one: &&EmbeddedText| !one.is_expression && one.language != "css";
        let scripts: Vec<_> = found.texts.iter().filter(is_script).map(|one| one.range.clone()).collect();
        let members = component_members::find_members(text, &scripts);
        // A member may be a string, in which the script's language sees no name.
        let named = members.iter().filter(|one| Some(&text[one.name.clone()]) == name);
        found.uses.extend(named.map(|one| (one.name.start, HostUse::Other)));
        found.uses.extend(name.into_iter().flat_map(|name| component_members::find_emitted(text, name)));
        found.definitions.extend(members);
    }
    found.depths.sort_by_key(|(at, _)| *at);
    found.definitions.extend(section_definitions(&headings, &found.texts, text.len()));
    found
}

/// The state of a scan.
struct MarkupScanner<'t> {
    state: MarkupState<'t>,
    /// Names of the open elements.
    open: Vec<&'t str>,
    headings: Vec<PageHeading>,
}

/// Elements without an end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Number of innermost open elements that are searched for the one that an end tag closes.
const MAX_UNCLOSED: usize = 64;

impl<'t> MarkupScanner<'t> {
    fn scan(&mut self) {
        let mut at = self.scan_frontmatter();
        let bytes = self.state.text.as_bytes();
        while let Some(next) = memchr::memchr3(b'<', b'{', b'@', &bytes[at..]).map(|found| at + found) {
            at = match bytes[next] {
                b'<' => self.scan_angle(next),
                b'{' => self.scan_brace(next),
                _ if self.state.dialect.is_razor => razor::scan_sign(&mut self.state, next),
                _ => next + 1,
            };
        }
    }

    /// Scans the code between two lines `---` at the start of an Astro component. Returns the position after the second
    /// `---`; 0 if there is no such code.
    fn scan_frontmatter(&mut self) -> usize {
        let white = self.state.text.len() - self.state.text.trim_start().len();
        let body = self.state.text[white..].strip_prefix("---").filter(|_| self.state.dialect.has_frontmatter);
        let Some(body) = body else { return 0 };
        let start = white + 3;
        let Some(end) = body.find("\n---").map(|end| start + end + 1) else { return 0 };
        self.add_code(start..end, "typescript");
        self.state.found.depths.extend([(white, 0), (end, INSIDE_DEPTH), (end + 3, 0)]);
        end + 3
    }

    /// Adds code that can define something.
    fn add_code(&mut self, range: Range<usize>, language: &'static str) {
        if self.state.text[range.clone()].trim().is_empty() {
            return;
        }
        let holes =
            if self.state.dialect.has_holes { attributes::find_holes(self.state.text, &range) } else { Vec::new() };
        self.state.found.texts.push(EmbeddedText { range, language, holes, ..EmbeddedText::default() });
    }

    /// Returns the position after the next `end` from `at` on, or the length of the text.
    fn after(&self, at: usize, end: &str) -> usize {
        let rest = &self.state.text.as_bytes()[at..];
        memchr::memmem::find(rest, end.as_bytes()).map_or(self.state.text.len(), |found| at + found + end.len())
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(INSIDE_DEPTH)
    }

    /// Scans the comment, tag or other code that a `<` begins. Returns the position after it, or after the `<` if it
    /// begins none.
    fn scan_angle(&mut self, at: usize) -> usize {
        let rest = &self.state.text[at..];
        let next = rest[1..].chars().next().unwrap_or(' ');
        if rest.starts_with("<!--") {
            let end = self.after(at, "-->");
            self.state.found.comments.push(at..end);
            self.state.found.depths.extend([(at, self.depth()), (at + 1, INSIDE_DEPTH), (end, self.depth())]);
            end
        } else if rest.starts_with("<?") {
            self.after(at, "?>")
        } else if rest.starts_with("<%") && self.state.dialect.has_holes {
            self.after(at, "%>")
        } else if next == '/' {
            self.close_element(at);
            self.after(at, ">")
        } else if next == '!' {
            self.after(at, ">")
        } else if next.is_ascii_alphabetic() {
            self.scan_tag(at)
        } else {
            at + 1
        }
    }

    fn close_element(&mut self, at: usize) {
        let name = &self.state.text[at + 2..tag_name_end(self.state.text, at + 2)];
        let top = self.open.len().saturating_sub(MAX_UNCLOSED);
        if let Some(level) = self.open[top..].iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            self.open.truncate(top + level);
        }
        self.state.found.depths.extend([(at, INSIDE_DEPTH), (self.after(at, ">"), self.depth())]);
    }

    /// Scans the expression, Svelte block or template tag that a brace begins. Returns the position after it, or after
    /// the brace if it begins none.
    fn scan_brace(&mut self, at: usize) -> usize {
        let rest = &self.state.text[at..];
        if self.state.dialect.has_holes && rest.starts_with("{%") {
            return self.after(at, "%}");
        }
        match self.state.dialect.braces {
            Braces::Double if rest.starts_with("{{") => {
                let Some(end) = self.state.text[at + 2..].find("}}").map(|end| at + 2 + end) else {
                    return self.state.text.len();
                };
                self.state.add_expression(at + 2..end);
                end + 2
            }
            Braces::Single => match self.state.brackets.after_closing(at) {
                Some(end) => {
                    self.scan_block(at, end);
                    end
                }
                None => at + 1,
            },
            _ => at + 1,
        }
    }

    /// Scans `{expression}`, `{#if expression}`, `{@html expression}` or `{#snippet name(…)}`.
    fn scan_block(&mut self, at: usize, end: usize) {
        let inner = &self.state.text[at + 1..end - 1];
        let Some(word) = inner.strip_prefix(['#', ':', '@']) else {
            if !inner.starts_with('/') {
                let holes = self.scan_code_in_expression(at + 1..end - 1);
                self.state.add_expression_around(at + 1..end - 1, holes);
            }
            return;
        };
        let start = at + 2 + word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        if word.starts_with("snippet ") {
            let name_start = start + 1;
            let name = name_start..name_end(self.state.text, name_start);
            let close = self.after(end, "{/snippet}");
            let (kind, body_start) = (SymbolKind::Function, Some(end));
            self.state.found.definitions.push(HostDefinition { kind, node: at..close, name, body_start });
        }
        let start = if self.state.text[start..end].starts_with(" if ") { start + 4 } else { start };
        self.state.add_expression(start.min(end - 1)..end - 1);
    }

    /// Scans the script and style elements in an expression, as in Astro's `{isShown && <script>…</script>}`. Returns
    /// holes ([`EmbeddedText::holes`]) that replace each element by an identifier, so that the expression is in one
    /// language.
    fn scan_code_in_expression(&mut self, range: Range<usize>) -> Vec<(Range<usize>, u8)> {
        let mut holes = Vec::new();
        let mut at = range.start;
        // The expressions of other dialects hold no elements.
        while self.state.dialect.has_frontmatter
            && let Some((start, element)) = find_code_element(&self.state.text[..range.end], at)
        {
            let tag = attributes::scan_attributes(&mut self.state, element, start + 1 + element.len());
            at = tag.end;
            if !tag.is_closed {
                let before_end = &self.state.text[..range.end];
                if at >= range.end || find_ignoring_case(before_end, at, &format!("</{element}")).is_none() {
                    break;
                }
                let close = self.scan_code(element, &tag.attributes, at);
                at = self.after(close, ">");
            }
            at = at.min(range.end);
            holes.extend([(start..start + 1, b'_'), (start + 1..at, b' ')]);
        }
        holes
    }

    /// Scans a start tag, and the text of an element that holds code. Returns the position after the tag, or after that
    /// text.
    fn scan_tag(&mut self, at: usize) -> usize {
        let name_end = tag_name_end(self.state.text, at + 1);
        let element = &self.state.text[at + 1..name_end];
        self.add_element_use(at + 1, element);
        self.state.found.depths.extend([(at, self.depth()), (at + 1, INSIDE_DEPTH)]);
        let tag = attributes::scan_attributes(&mut self.state, element, name_end);
        let end = match element.to_ascii_lowercase().as_str() {
            kind @ ("script" | "style") if !tag.is_closed => self.scan_code(kind, &tag.attributes, tag.end),
            // A template in another language, such as Pug.
            "template"
                if !tag.is_closed && self.attribute(&tag.attributes, "lang").is_some_and(|lang| lang != "html") =>
            {
                find_ignoring_case(self.state.text, tag.end, "</template").unwrap_or(self.state.text.len())
            }
            lower => {
                if !tag.is_closed && !VOID.contains(&lower) {
                    self.open.push(element);
                }
                if let Some(level) = heading_level(lower).filter(|_| self.state.dialect.has_sections) {
                    let name = longest_words(self.state.text, tag.end);
                    self.headings.extend(name.map(|name| PageHeading { start: at, level, name }));
                }
                tag.end
            }
        };
        self.state.found.depths.push((end, self.depth()));
        end
    }

    /// Scans the text of a script or style element. Returns the byte at which its end tag begins, or the length of the
    /// text.
    fn scan_code(&mut self, element: &str, attributes: &[Attribute], from: usize) -> usize {
        let close = format!("</{element}");
        let end = find_ignoring_case(self.state.text, from, &close).unwrap_or(self.state.text.len());
        let given = self.attribute(attributes, "lang").or_else(|| self.attribute(attributes, "type"));
        let language = match element {
            // The scripts of Astro's templates may be in TypeScript without a mark.
            "script" if self.state.dialect.has_frontmatter => script_language(given, "typescript"),
            "script" => script_language(given, "javascript"),
            _ => style_language(given),
        };
        if let Some(language) = language {
            self.state.found.depths.push((from, self.depth() + 1));
            self.add_code(from..end, language);
        }
        end
    }

    fn attribute(&self, attributes: &[Attribute], name: &str) -> Option<&'t str> {
        let found = attributes.iter().find(|one| &self.state.text[one.name.clone()] == name)?;
        Some(&self.state.text[found.value.clone()])
    }

    /// Adds a use of the name as an element: `<UserCard>`, `<user-card>`, `<Form.Field>`.
    fn add_element_use(&mut self, at: usize, element: &str) {
        if self.state.name.is_empty() {
            return;
        }
        let kebab = element.contains('-') && is_kebab_of(element, self.state.name);
        let part = element.split('.').next_back().unwrap_or(element);
        let start = at + element.len() - part.len();
        if kebab || element == self.state.name {
            self.state.found.uses.push((at, HostUse::Call));
        } else if part == self.state.name {
            self.state.found.uses.push((start, HostUse::Call));
        } else if element.contains('.') && is_word_at(self.state.text, at, self.state.name) {
            self.state.found.uses.push((at, HostUse::Other));
        }
    }
}

/// Returns the end of the name of an element that begins at `at`.
fn tag_name_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    at + rest.find(|c| !is_part(c)).unwrap_or(rest.len())
}

/// Finds the next script or style element that does not begin a string: its start and its name.
fn find_code_element(text: &str, from: usize) -> Option<(usize, &'static str)> {
    memchr::memchr_iter(b'<', &text.as_bytes()[from..]).map(|at| from + at).find_map(|at| {
        let element = ["script", "style"].into_iter().find(|name| text[at + 1..].starts_with(name))?;
        let ends = tag_name_end(text, at + 1) == at + 1 + element.len();
        let is_string = text[..at].ends_with(['"', '\'', '`']);
        (ends && !is_string).then_some((at, element))
    })
}

/// Returns the position of `wanted`, an ASCII text that begins with `<`, at or after `from`, ignoring case; `None` if
/// it does not occur.
fn find_ignoring_case(text: &str, from: usize, wanted: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|at| from + at)
        .find(|at| bytes.get(*at..at + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes())))
}
