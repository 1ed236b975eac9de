//! The entry in a JSON text, which may hold comments and trailing commas.
//!
//! Invariant: the text is parsed and never written anew; every edit is a [`Splice`].
//! Must never import: anything of this crate but `clients`.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value as Plain;

use super::splice::{Splice, line_end, spliced};
use super::{EditError, Entry, Found, NAME};

/// One step deeper where the text does not show how it indents.
const INDENT: &str = "  ";

/// The entry below `keys`, one in the other.
pub(super) fn find(text: &str, keys: &[&str]) -> Result<Option<Found>, EditError> {
    let root = parse(text)?;
    let Some(servers) = servers(text, root.as_ref(), keys)? else { return Ok(None) };
    let Some(entry) = property(text, servers, NAME)? else { return Ok(None) };
    let Value::Object(entry) = &entry.value else { return Ok(Some(Found { command: None, args: Vec::new() })) };
    let command = entry.get_string("command").map(|command| command.value.to_string());
    let args = entry.get_array("args").map(|args| &args.elements);
    let args = args
        .into_iter()
        .flatten()
        .map(|word| word.as_string_lit().map_or_else(String::new, |word| word.value.to_string()));
    Ok(Some(Found { command, args: args.collect() }))
}

/// `text` with the entry below `key`.
pub(super) fn with(text: &str, key: &str, typed: bool, entry: &Entry) -> Result<String, EditError> {
    let root = parse(text)?;
    let style = Style::of(text);
    let Some(root) = &root else {
        // Nothing but white space and comments.
        let begin =
            if text.trim().is_empty() { String::new() } else { format!("{}{}", text.trim_end(), style.line_end) };
        let whole = style.object(&[(key, style.servers(typed, entry))]);
        return Ok(format!("{begin}{whole}{}", style.line_end));
    };
    let Value::Object(object) = root else {
        return Err(EditError::at(text, root.range().start, "this is not an object"));
    };
    let splices = match servers(text, Some(root), &[key])? {
        None => style.insert(text, object, key, &|style| style.servers(typed, entry)),
        Some(servers) => match property(text, servers, NAME)? {
            None => style.insert(text, servers, NAME, &|style| style.entry(typed, entry)),
            Some(found) => update(text, &style, found, entry)?,
        },
    };
    checked(text, spliced(text, splices), key)
}

/// `text` without the entry below `key`.
pub(super) fn without(text: &str, key: &str) -> Result<String, EditError> {
    let root = parse(text)?;
    let Some(servers) = servers(text, root.as_ref(), &[key])? else { return Ok(text.to_owned()) };
    let Some(entry) = property(text, servers, NAME)? else { return Ok(text.to_owned()) };
    checked(text, spliced(text, cut(text, servers, entry)), key)
}

fn parse(text: &str) -> Result<Option<Value<'_>>, EditError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options);
    parsed.map(|parsed| parsed.value).map_err(|error| {
        let problem = format!("this is not JSON ({})", error.kind());
        EditError { line: error.line_display(), column: error.column_display(), problem }
    })
}

/// The object below `keys` of the root, one in the other, if there is one.
fn servers<'v, 't>(
    text: &str,
    root: Option<&'v Value<'t>>,
    keys: &[&str],
) -> Result<Option<&'v Object<'t>>, EditError> {
    let mut object = match root {
        None => return Ok(None),
        Some(Value::Object(root)) => root,
        Some(other) => return Err(EditError::at(text, other.range().start, "this is not an object")),
    };
    for key in keys {
        object = match property(text, object, key)? {
            None => return Ok(None),
            Some(ObjectProp { value: Value::Object(inner), .. }) => inner,
            Some(other) => {
                return Err(EditError::at(text, other.value.range().start, format!("{key:?} is not an object")));
            }
        };
    }
    Ok(Some(object))
}

/// The property of this name, which must be the only one.
fn property<'v, 't>(text: &str, object: &'v Object<'t>, name: &str) -> Result<Option<&'v ObjectProp<'t>>, EditError> {
    let mut of_this_name = object.properties.iter().filter(|property| property.name.as_str() == name);
    let first = of_this_name.next();
    match of_this_name.next() {
        Some(second) => Err(EditError::at(text, second.range.start, format!("{name:?} is there twice"))),
        None => Ok(first),
    }
}

/// Puts the command and the arguments of `entry` into an entry that is there.
fn update(text: &str, style: &Style, found: &ObjectProp<'_>, entry: &Entry) -> Result<Vec<Splice>, EditError> {
    let elsewhere = || EditError::at(text, found.range.start, format!("{NAME:?} is there, and starts no program"));
    let Value::Object(object) = &found.value else { return Err(elsewhere()) };
    let command = object.get_string("command").ok_or_else(elsewhere)?;
    let mut splices = Vec::new();
    if command.value != entry.command {
        splices.push(Splice { from: command.range.start, to: command.range.end, with: quoted(&entry.command) });
    }
    match property(text, object, "args")? {
        Some(args) => {
            let range = args.value.range();
            let is = args.value.as_array().is_some_and(|args| {
                let words: Vec<_> =
                    args.elements.iter().map(|word| word.as_string_lit().map(|word| &*word.value)).collect();
                words == entry.args.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>()
            });
            if !is {
                splices.push(Splice { from: range.start, to: range.end, with: list(&entry.args) });
            }
        }
        None => splices.extend(style.insert(text, object, "args", &|_| list(&entry.args))),
    }
    Ok(splices)
}

/// Takes a property out, with its line and one comma.
fn cut(text: &str, object: &Object<'_>, property: &ObjectProp<'_>) -> Vec<Splice> {
    let (start, end) = (property.range.start, property.range.end);
    let after = token(text, end);
    let comma = text[after..].starts_with(',');
    let at = object.properties.iter().position(|other| other.range.start == start).unwrap_or_default();
    if at + 1 < object.properties.len() {
        return vec![cut_before_another(text, start, after + 1)];
    }
    let end = if comma { after + 1 } else { end };
    let before = text[..start].trim_end().len();
    // Without its line, if nothing else is on it: a comment above must not swallow what follows.
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let alone = text[before..start].contains('\n') && (rest.starts_with('\n') || rest.starts_with("\r\n"));
    let only = object.properties.len() == 1;
    let bare = only && before == object.range.start + 1 && text[end..object.range.end - 1].trim().is_empty();
    let mut splices = match (bare, alone || !text[before..start].contains('\n')) {
        (true, _) => vec![Splice::cut(before, object.range.end - 1)],
        (false, true) => vec![Splice::cut(before, end)],
        (false, false) => vec![Splice::cut(start, end)],
    };
    if let Some(previous) = at.checked_sub(1).map(|at| &object.properties[at])
        && !comma
    {
        let separator = token(text, previous.range.end);
        splices.push(Splice::cut(separator, separator + 1));
    }
    splices
}

/// Takes out `start..end`, where `end` is behind the comma that another property follows.
fn cut_before_another(text: &str, start: usize, end: usize) -> Splice {
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let rest = text[end..].trim_start_matches([' ', '\t', '\r']);
    if text[line..start].trim().is_empty() && rest.starts_with('\n') {
        return Splice::cut(line, text.len() - rest.len() + 1);
    }
    let spaces = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
    Splice::cut(start, end + spaces)
}

/// Where the next token begins, at or after `at`: white space and comments are none.
fn token(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        let comment = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            return at;
        };
        at += comment;
    }
}

/// Behind what stands on the same line after `at`: white space and comments.
fn end_of_line(text: &str, mut at: usize) -> usize {
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

/// How a text is written.
struct Style {
    line_end: &'static str,
    /// One step of indentation.
    step: String,
    /// All on one line.
    compact: bool,
}

impl Style {
    fn of(text: &str) -> Self {
        let white = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
        let indented = text.lines().find(|line| line.starts_with([' ', '\t']) && line.trim_start().starts_with('"'));
        let compact = !text.trim_end().contains('\n') && text.contains(':');
        Self { line_end: line_end(text), step: indented.map_or_else(|| INDENT.to_owned(), white), compact }
    }

    /// The same, all on one line.
    fn on_one_line(&self) -> Self {
        Self { line_end: self.line_end, step: String::new(), compact: true }
    }

    /// The object of servers with this one.
    fn servers(&self, typed: bool, entry: &Entry) -> String {
        self.object(&[(NAME, self.entry(typed, entry))])
    }

    fn entry(&self, typed: bool, entry: &Entry) -> String {
        let command = [("command", quoted(&entry.command)), ("args", list(&entry.args))];
        let kind = typed.then(|| ("type", quoted("stdio")));
        self.object(&kind.into_iter().chain(command).collect::<Vec<_>>())
    }

    fn object(&self, properties: &[(&str, String)]) -> String {
        let property =
            |(name, value): &(&str, String)| format!("{}: {}", quoted(name), self.indented(value, &self.step));
        let properties: Vec<String> = properties.iter().map(property).collect();
        if self.compact {
            return format!("{{ {} }}", properties.join(", "));
        }
        let (end, step) = (self.line_end, &self.step);
        format!("{{{end}{step}{}{end}}}", properties.join(&format!(",{end}{step}")))
    }

    /// `value` as it stands on a line that is indented by `indent`.
    fn indented(&self, value: &str, indent: &str) -> String {
        value.replace(self.line_end, &format!("{}{indent}", self.line_end))
    }

    /// Adds a property to the end of `object`.
    fn insert(&self, text: &str, object: &Object<'_>, name: &str, value: Render<'_>) -> Vec<Splice> {
        let Some(last) = object.properties.last() else {
            return vec![self.insert_first(text, object, name, value)];
        };
        let after = token(text, last.range.end);
        let trailing = text[after..].starts_with(',');
        if !text[object.range.start..object.range.end].contains('\n') {
            let property = format!("{}: {}", quoted(name), value(&self.on_one_line()));
            return match trailing {
                true => vec![Splice::insert(after + 1, format!(" {property},"))],
                false => vec![Splice::insert(last.range.end, format!(", {property}"))],
            };
        }
        let on_its_own_line = text[..last.range.start].trim_end_matches([' ', '\t']).ends_with('\n');
        let indent = match on_its_own_line {
            true => indentation(text, last.range.start).to_owned(),
            false => format!("{}{}", indentation(text, object.range.start), self.step),
        };
        let property = format!("{}{indent}{}: {}", self.line_end, quoted(name), self.indented(&value(self), &indent));
        if trailing {
            return vec![Splice::insert(end_of_line(text, after + 1), format!("{property},"))];
        }
        let comma = Splice::insert(last.range.end, ",".to_owned());
        vec![comma, Splice::insert(end_of_line(text, last.range.end), property)]
    }

    /// Adds a property to an object that has none; comments in it stay above.
    fn insert_first(&self, text: &str, object: &Object<'_>, name: &str, value: Render<'_>) -> Splice {
        let (from, to) = (object.range.start + 1, object.range.end - 1);
        let inside = text[from..to].trim_end();
        if self.compact && inside.is_empty() {
            return Splice { from, to, with: format!(" {}: {} ", quoted(name), value(self)) };
        }
        let (end, outer) = (self.line_end, indentation(text, object.range.start));
        let indent = format!("{outer}{}", self.step);
        let with = format!("{end}{indent}{}: {}{end}{outer}", quoted(name), self.indented(&value(self), &indent));
        Splice { from: from + inside.len(), to, with }
    }
}

/// A value in a style.
type Render<'r> = &'r dyn Fn(&Style) -> String;

/// The white space that the line of `at` begins with.
fn indentation(text: &str, at: usize) -> &str {
    let line = &text[text[..at].rfind('\n').map_or(0, |line| line + 1)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn quoted(text: &str) -> String {
    Plain::String(text.to_owned()).to_string()
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// `made`, if it says what `text` says but for the entry.
fn checked(text: &str, made: String, key: &str) -> Result<String, EditError> {
    let rest =
        |text: &str| parse(text).map(|value| value.map_or(Plain::Null, |value| without_entry(plain(&value), key)));
    if rest(&made) == rest(text) {
        return Ok(made);
    }
    Err(EditError::at(text, 0, "this program does not know how to edit a file that is written like this"))
}

/// An object without the entry, and without the object that held it if nothing else is in there.
fn without_entry(mut root: Plain, key: &str) -> Plain {
    if let Some(root) = root.as_object_mut()
        && let Some(servers) = root.get_mut(key).and_then(Plain::as_object_mut)
    {
        servers.remove(NAME);
        if servers.is_empty() {
            root.remove(key);
        }
    }
    root
}

/// To compare by: numbers as they are written.
fn plain(value: &Value<'_>) -> Plain {
    match value {
        Value::StringLit(string) => Plain::String(string.value.to_string()),
        Value::NumberLit(number) => Plain::String(format!("number {}", number.value)),
        Value::BooleanLit(boolean) => Plain::Bool(boolean.value),
        Value::NullKeyword(_) => Plain::Null,
        Value::Array(array) => Plain::Array(array.elements.iter().map(plain).collect()),
        Value::Object(object) => {
            let property = |property: &ObjectProp<'_>| (property.name.as_str().to_owned(), plain(&property.value));
            Plain::Object(object.properties.iter().map(property).collect())
        }
    }
}
