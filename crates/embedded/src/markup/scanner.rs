//! The scanner of markup.

use std::ops::Range;

use super::attributes::{self, Attribute};
use super::dialect::{Braces, Dialect, script_language, style_language};
use super::headings::{Heading, heading_level, longest_words, section_definitions};
use super::razor;
use crate::brackets::BracketFinder;
use crate::scan::{EmbeddedText, HostDefinition, HostScan, HostUse, INSIDE_DEPTH};
use crate::words::{find_words, is_kebab_of, is_word_at, name_end};
use types::SymbolKind;

/// Finds the texts of other languages in markup, and the uses of `name` in elements and attributes.
pub(crate) fn scan_markup(text: &str, dialect: Dialect, name: Option<&str>) -> HostScan {
    let mut scanner = MarkupScanner {
        text,
        dialect,
        name: name.unwrap_or_default(),
        found: HostScan::default(),
        open: Vec::new(),
        brackets: BracketFinder::new(text),
        headings: Vec::new(),
    };
    scanner.scan();
    let MarkupScanner { mut found, headings, .. } = scanner;
    found.texts.sort_by_key(|one| one.range.start);
    found.depths.sort_by_key(|(at, _)| *at);
    found.definitions.extend(section_definitions(&headings, &found.texts, text.len()));
    found
}

/// The state of a scan.
pub(super) struct MarkupScanner<'t> {
    pub text: &'t str,
    pub dialect: Dialect,
    /// The name whose uses are found; empty for none.
    pub name: &'t str,
    pub found: HostScan,
    /// Names of the open elements.
    open: Vec<&'t str>,
    pub brackets: BracketFinder<'t>,
    headings: Vec<Heading>,
}

/// Elements without an end.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Number of open elements among which the start of an end tag is looked for.
const MAX_UNCLOSED: usize = 64;

impl<'t> MarkupScanner<'t> {
    fn scan(&mut self) {
        let mut at = self.scan_frontmatter();
        let bytes = self.text.as_bytes();
        while let Some(next) = memchr::memchr3(b'<', b'{', b'@', &bytes[at..]).map(|found| at + found) {
            at = match bytes[next] {
                b'<' => self.scan_angle(next),
                b'{' => self.scan_brace(next),
                _ if self.dialect.is_razor => razor::scan_sign(self, next),
                _ => next + 1,
            };
        }
    }

    /// Scans the code between two lines `---` at the start of an Astro component. Returns the byte after it.
    fn scan_frontmatter(&mut self) -> usize {
        let white = self.text.len() - self.text.trim_start().len();
        let body = self.text[white..].strip_prefix("---").filter(|_| self.dialect.has_frontmatter);
        let Some(body) = body else { return 0 };
        let start = white + 3;
        let Some(end) = body.find("\n---").map(|end| start + end + 1) else { return 0 };
        self.add_code(start..end, "typescript");
        self.found.depths.extend([(white, 0), (end, INSIDE_DEPTH), (end + 3, 0)]);
        end + 3
    }

    /// Adds code that can define something.
    fn add_code(&mut self, range: Range<usize>, language: &'static str) {
        if self.text[range.clone()].trim().is_empty() {
            return;
        }
        let holes = if self.dialect.has_holes { attributes::find_holes(self.text, &range) } else { Vec::new() };
        self.found.texts.push(EmbeddedText { range, language, holes, ..EmbeddedText::default() });
    }

    /// Adds an expression.
    pub fn add_expression(&mut self, range: Range<usize>) {
        let language = self.dialect.expressions;
        if range.start < range.end && !self.text[range.clone()].trim().is_empty() {
            let is_expression = true;
            self.found.texts.push(EmbeddedText { range, language, is_expression, ..EmbeddedText::default() });
        }
    }

    /// Returns the byte after the next `end` from `at` on, or the length of the text.
    fn after(&self, at: usize, end: &str) -> usize {
        let rest = &self.text.as_bytes()[at..];
        memchr::memmem::find(rest, end.as_bytes()).map_or(self.text.len(), |found| at + found + end.len())
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(INSIDE_DEPTH)
    }

    /// Scans a comment, a tag or other code that begins with `<`. Returns the byte after it.
    fn scan_angle(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let next = rest[1..].chars().next().unwrap_or(' ');
        if rest.starts_with("<!--") {
            let end = self.after(at, "-->");
            self.found.comments.push(at..end);
            self.found.depths.extend([(at, self.depth()), (at + 1, INSIDE_DEPTH), (end, self.depth())]);
            end
        } else if rest.starts_with("<?") {
            self.after(at, "?>")
        } else if rest.starts_with("<%") && self.dialect.has_holes {
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
        let name = &self.text[at + 2..tag_name_end(self.text, at + 2)];
        let top = self.open.len().saturating_sub(MAX_UNCLOSED);
        if let Some(level) = self.open[top..].iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            self.open.truncate(top + level);
        }
        self.found.depths.extend([(at, INSIDE_DEPTH), (self.after(at, ">"), self.depth())]);
    }

    /// Scans an expression in braces, or a block of Svelte. Returns the byte after it.
    fn scan_brace(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if self.dialect.has_holes && rest.starts_with("{%") {
            return self.after(at, "%}");
        }
        match self.dialect.braces {
            Braces::Double if rest.starts_with("{{") => {
                let Some(end) = self.text[at + 2..].find("}}").map(|end| at + 2 + end) else { return self.text.len() };
                self.add_expression(at + 2..end);
                end + 2
            }
            Braces::Single => match self.brackets.after_closing(at) {
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
        let inner = &self.text[at + 1..end - 1];
        let Some(word) = inner.strip_prefix(['#', ':', '@']) else {
            if !inner.starts_with('/') {
                self.add_expression(at + 1..end - 1);
            }
            return;
        };
        let start = at + 2 + word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        if word.starts_with("snippet ") {
            let name_start = start + 1;
            let name = name_start..name_end(self.text, name_start);
            let close = self.after(end, "{/snippet}");
            let (kind, body_start) = (SymbolKind::Function, Some(end));
            self.found.definitions.push(HostDefinition { kind, node: at..close, name, body_start });
        }
        let start = if self.text[start..end].starts_with(" if ") { start + 4 } else { start };
        self.add_expression(start.min(end - 1)..end - 1);
    }

    /// Scans a start tag, and the text of an element that holds code. Returns the byte after it.
    fn scan_tag(&mut self, at: usize) -> usize {
        let name_end = tag_name_end(self.text, at + 1);
        let element = &self.text[at + 1..name_end];
        self.add_element_use(at + 1, element);
        self.found.depths.extend([(at, self.depth()), (at + 1, INSIDE_DEPTH)]);
        let tag = attributes::scan_attributes(self, element, name_end);
        let end = match element.to_ascii_lowercase().as_str() {
            kind @ ("script" | "style") if !tag.is_closed => self.scan_code(kind, &tag.attributes, tag.end),
            // A template in another language, such as Pug.
            "template"
                if !tag.is_closed && self.attribute(&tag.attributes, "lang").is_some_and(|lang| lang != "html") =>
            {
                find_ignoring_case(self.text, tag.end, "</template").unwrap_or(self.text.len())
            }
            lower => {
                if !tag.is_closed && !VOID.contains(&lower) {
                    self.open.push(element);
                }
                if let Some(level) = heading_level(lower).filter(|_| self.dialect.has_sections) {
                    let name = longest_words(self.text, tag.end);
                    self.headings.extend(name.map(|name| Heading { start: at, level, name }));
                }
                tag.end
            }
        };
        self.found.depths.push((end, self.depth()));
        end
    }

    /// Scans the text of a script or style element. Returns the byte at which its end tag begins.
    fn scan_code(&mut self, element: &str, attributes: &[Attribute], from: usize) -> usize {
        let close = format!("</{element}");
        let end = find_ignoring_case(self.text, from, &close).unwrap_or(self.text.len());
        let given = self.attribute(attributes, "lang").or_else(|| self.attribute(attributes, "type"));
        let language = match element {
            // The scripts of Astro's templates may be in TypeScript without a mark.
            "script" if self.dialect.has_frontmatter => script_language(given, "typescript"),
            "script" => script_language(given, "javascript"),
            _ => style_language(given),
        };
        if let Some(language) = language {
            self.found.depths.push((from, self.depth() + 1));
            self.add_code(from..end, language);
        }
        end
    }

    fn attribute(&self, attributes: &[Attribute], name: &str) -> Option<&'t str> {
        let found = attributes.iter().find(|one| &self.text[one.name.clone()] == name)?;
        Some(&self.text[found.value.clone()])
    }

    /// Adds a use of the name as an element: `<UserCard>`, `<user-card>`, `<Form.Field>`.
    fn add_element_use(&mut self, at: usize, element: &str) {
        if self.name.is_empty() {
            return;
        }
        let kebab = element.contains('-') && is_kebab_of(element, self.name);
        let part = element.split('.').next_back().unwrap_or(element);
        let start = at + element.len() - part.len();
        if kebab || element == self.name {
            self.found.uses.push((at, HostUse::Call));
        } else if part == self.name {
            self.found.uses.push((start, HostUse::Call));
        } else if element.contains('.') && is_word_at(self.text, at, self.name) {
            self.found.uses.push((at, HostUse::Other));
        }
    }

    /// Adds the uses of the name in a text of words, such as the classes of an element.
    pub fn add_word_uses(&mut self, range: Range<usize>) {
        let found = find_words(self.text, range, self.name).map(|at| (at, HostUse::Other));
        self.found.uses.extend(found);
    }
}

/// Returns the end of the name of an element that begins at `at`.
fn tag_name_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    at + rest.find(|c| !is_part(c)).unwrap_or(rest.len())
}

/// Finds ASCII text in any case.
fn find_ignoring_case(text: &str, from: usize, wanted: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|at| from + at)
        .find(|at| bytes.get(*at..at + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes())))
}
