//! Inserts members in the formatting of the text around them.

use serde_json::Value as Plain;

use super::container::Container;
use super::cut::next_token_start;
use crate::entry::FieldValue;
use crate::formats::splice::{Splice, detect_line_ending, line_start};

/// Default step of indentation, for a text without indented lines.
const INDENT: &str = "  ";

/// The formatting of a text.
pub(super) struct JsonStyle {
    pub line_end: &'static str,
    /// One step of indentation.
    step: String,
    /// Whether members are written on one line, as in a text of one line.
    compact: bool,
}

/// A function that formats a member in the given style.
pub(super) type RenderMember<'r> = &'r dyn Fn(&JsonStyle) -> String;

impl JsonStyle {
    /// Detects the formatting of `text`.
    pub fn detect(text: &str) -> Self {
        let white_space = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
        let indented = text.lines().find(|line| line.starts_with([' ', '\t']) && line.trim_start().starts_with('"'));
        let compact = !text.trim_end().contains('\n') && text.contains(':');
        Self {
            line_end: detect_line_ending(text),
            step: indented.map_or_else(|| INDENT.to_owned(), white_space),
            compact,
        }
    }

    /// Returns the same formatting, on one line.
    fn on_one_line(&self) -> Self {
        Self { line_end: self.line_end, step: String::new(), compact: true }
    }

    /// Formats an object with the given names and formatted values.
    pub fn format_object(&self, properties: &[(&str, String)]) -> String {
        let property = |(name, value): &(&str, String)| self.indent_lines(&self.format_property(name, value));
        self.format_members(['{', '}'], &properties.iter().map(property).collect::<Vec<_>>())
    }

    /// Formats an array of one formatted element.
    pub fn format_array(&self, element: &str) -> String {
        self.format_members(['[', ']'], &[self.indent_lines(element)])
    }

    /// Formats a property with this name and formatted value.
    pub fn format_property(&self, name: &str, value: &str) -> String {
        format!("{}: {value}", quote_json(name))
    }

    /// Formats an object with the given fields.
    pub fn format_fields(&self, fields: &[(&'static str, FieldValue)]) -> String {
        let property = |(name, value): &(&'static str, FieldValue)| (*name, self.format_value(value));
        self.format_object(&fields.iter().map(property).collect::<Vec<_>>())
    }

    /// Formats a value; a list is on one line.
    pub fn format_value(&self, value: &FieldValue) -> String {
        match value {
            FieldValue::Text(text) => quote_json(text),
            FieldValue::List(words) => {
                format!("[{}]", words.iter().map(|word| quote_json(word)).collect::<Vec<_>>().join(", "))
            }
            FieldValue::Number(number) => number.to_string(),
            FieldValue::True => "true".to_owned(),
            FieldValue::Object(fields) => self.format_fields(fields),
        }
    }

    fn format_members(&self, [open, close]: [char; 2], members: &[String]) -> String {
        if self.compact {
            return format!("{open} {} {close}", members.join(", "));
        }
        let (end, step) = (self.line_end, &self.step);
        format!("{open}{end}{step}{}{end}{close}", members.join(&format!(",{end}{step}")))
    }

    /// Indents every line but the first by one step.
    fn indent_lines(&self, value: &str) -> String {
        self.indent_by(value, &self.step)
    }

    /// Indents every line of `value` but the first by `indent`.
    fn indent_by(&self, value: &str, indent: &str) -> String {
        value.replace(self.line_end, &format!("{}{indent}", self.line_end))
    }

    /// Returns the splices that add a member to the end of a container.
    pub fn insert_member(&self, text: &str, container: &Container, member: RenderMember<'_>) -> Vec<Splice> {
        let Some(last) = container.members.last() else {
            return vec![self.insert_first(text, container, member)];
        };
        let after = next_token_start(text, last.end);
        let has_trailing_comma = text[after..].starts_with(',');
        if !text[container.start..container.end].contains('\n') {
            let member = member(&self.on_one_line());
            return match has_trailing_comma {
                true => vec![Splice::insert(after + 1, format!(" {member},"))],
                false => vec![Splice::insert(last.end, format!(", {member}"))],
            };
        }
        let is_on_own_line = text[..last.start].trim_end_matches([' ', '\t']).ends_with('\n');
        let indent = match is_on_own_line {
            true => line_indentation(text, last.start).to_owned(),
            false => format!("{}{}", line_indentation(text, container.start), self.step),
        };
        let member = format!("{}{indent}{}", self.line_end, self.indent_by(&member(self), &indent));
        if has_trailing_comma {
            return vec![Splice::insert(end_of_line_comments(text, after + 1), format!("{member},"))];
        }
        let comma = Splice::insert(last.end, ",".to_owned());
        vec![comma, Splice::insert(end_of_line_comments(text, last.end), member)]
    }

    /// Returns the splice that adds a member to a container without members, below its comments.
    fn insert_first(&self, text: &str, container: &Container, member: RenderMember<'_>) -> Splice {
        let (from, to) = (container.start + 1, container.end - 1);
        let inside = text[from..to].trim_end();
        if self.compact && inside.is_empty() {
            return Splice { from, to, with: format!(" {} ", member(self)) };
        }
        let (end, outer) = (self.line_end, line_indentation(text, container.start));
        let indent = format!("{outer}{}", self.step);
        let with = format!("{end}{indent}{}{end}{outer}", self.indent_by(&member(self), &indent));
        Splice { from: from + inside.len(), to, with }
    }
}

/// Returns the position after the comments that follow `at` on its line.
fn end_of_line_comments(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = &rest[spaces..];
        let comment = if rest.starts_with("//") {
            rest.find(['\r', '\n']).unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            match rest.find("*/") {
                Some(end) if !rest[..end].contains('\n') => end + 2,
                _ => return at,
            }
        } else {
            return at;
        };
        at += spaces + comment;
    }
}

/// Returns the white space at the start of the line that contains byte `at`.
fn line_indentation(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Returns `text` as a JSON string.
fn quote_json(text: &str) -> String {
    Plain::String(text.to_owned()).to_string()
}
