//! A place in a file: a hit with the lines of its code that an answer shows.

use engine::{Hit, RelatedChunk, Span, Symbol, SymbolKind, qualified_name};
use text::display::{escape_name_to_length, sanitize_to_length, truncate_chars};

use crate::fence::format_code_block;
use crate::location::{format_lines, format_location};
use crate::query_words::QueryWords;
use crate::signature::format_signed_name;
use crate::snippet::signature_lines::HitSignatures;
use crate::snippet::{choose_lines, widen_lines};

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Maximum length of the name of a related place, in characters.
const MAX_RELATED_CHARS: usize = 60;

/// Maximum length of a signature after a name, in characters.
const MAX_SIGNATURE_CHARS: usize = 100;

/// Smallest limit on the signature of an impl, in characters: lower limits are raised to it.
const MIN_IMPL_CHARS: usize = 40;

/// Maximum number of names that are shown of a place with several definitions.
const MAX_NAMES: usize = 4;

/// Maximum number of lines that decide whether a place answers the query.
const MAX_DECIDING: usize = 3;

/// Maximum number of characters before the query's word in a line whose beginning is cut off.
const CHARS_BEFORE_WORD: usize = 20;

/// The mark for omitted lines, and for the cut parts of a line.
const GAP: &str = "…";

/// A hit and the lines of it that are shown.
pub struct Place<'h> {
    pub hit: &'h Hit,
    words: &'h QueryWords,
    /// The lines of the hit's text, without blank ones at the end.
    lines: Vec<&'h str>,
    /// The signatures among `lines`.
    signatures: HitSignatures,
    /// Indices of the shown lines, in order.
    shown: Vec<usize>,
    /// Indices of the lines that decide whether the place answers the query, best first.
    deciding: Vec<usize>,
}

/// A row of a place's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceRow<'h> {
    /// A line, with its index in the hit's text and its number in the file.
    Line { index: usize, number: u32, text: &'h str },
    /// A mark for one or more omitted lines.
    Gap,
}

/// The limits on the text of a place for a model.
#[derive(Clone, Copy, Debug)]
pub struct PlaceDetail {
    /// Maximum length of a line, in characters.
    pub max_line_chars: usize,
    /// Maximum number of related places.
    pub max_related: usize,
}

/// The maximum lengths of the parts of a place on one line, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BriefLengths {
    /// Maximum length of the signature after the name; 0 for the name alone.
    pub signature: usize,
    /// Maximum length of the deciding line; 0 for none.
    pub line: usize,
}

impl<'h> Place<'h> {
    /// Chooses about `max_lines` lines of a hit, as [`choose_lines`] does. The deciding lines come from the
    /// search; if it names none, the lines that fit the `words` of the query best are taken.
    pub fn new(hit: &'h Hit, words: &'h QueryWords, max_lines: usize) -> Self {
        let mut lines: Vec<&str> = hit.text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
        lines.truncate(lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1));
        let in_hit = |line: &u32| line.checked_sub(hit.span.start_line).map(|index| index as usize);
        let mut deciding: Vec<usize> = hit.deciding_lines.iter().filter_map(in_hit).collect();
        deciding.retain(|index| *index < lines.len());
        if deciding.is_empty() {
            deciding = words.rank_lines(&lines);
        }
        deciding.truncate(MAX_DECIDING);
        let signatures = HitSignatures::find(hit, &lines);
        let shown = choose_lines(&lines, &signatures, &deciding, max_lines);
        Self { hit, words, lines, signatures, shown, deciding }
    }

    /// Also shows lines next to the shown ones, until about `max_lines` are shown; for people, whose answers have no
    /// budget.
    pub fn widen(mut self, max_lines: usize) -> Self {
        self.shown = widen_lines(&self.lines, &self.signatures, &self.shown, max_lines);
        self
    }

    /// Returns the location, such as `src/a.rs:10-20`.
    pub fn location(&self) -> String {
        format_location(&self.path(), self.hit.span)
    }

    /// Returns the path for display: escaped, and cut to [`MAX_PATH_CHARS`] characters.
    pub fn path(&self) -> String {
        escape_name_to_length(self.hit.path.as_str(), MAX_PATH_CHARS)
    }

    /// Returns the qualified name, if the hit has one, and the names of other definitions in the place that are not
    /// inside of the named one; without escapes. The container that the names share is only in the first one.
    pub fn names(&self) -> Vec<String> {
        let own = Some(self.hit.qualified_name()).filter(|name| !name.is_empty());
        let is_shared = |container: &str| container == self.hit.container || container == self.hit.qualified_name();
        let name_sibling = |symbol: &Symbol| match is_shared(&symbol.container) {
            true => symbol.name.clone(),
            false => qualified_name(&symbol.container, &symbol.name),
        };
        own.into_iter().chain(self.siblings().into_iter().map(name_sibling)).collect()
    }

    /// Returns [`Place::names`] for display, as one text: long names are cut, and only the first few are named.
    pub fn name(&self) -> String {
        let length = |at: usize| if at == 0 { MAX_NAME_CHARS } else { MAX_RELATED_CHARS };
        let shown = |(at, name): (usize, String)| escape_name_to_length(&name, length(at));
        let mut names: Vec<String> = self.names().into_iter().enumerate().map(shown).collect();
        if names.len() > MAX_NAMES {
            names.truncate(MAX_NAMES);
            names.push(GAP.to_owned());
        }
        names.join(", ")
    }

    /// Returns [`Place::name`] with the kind of each name, as `format` writes them, if the names are of different kinds;
    /// otherwise `None`.
    pub fn name_with_kinds(&self, format: impl Fn(&str, SymbolKind) -> String) -> Option<String> {
        let siblings = self.siblings();
        let of_siblings = siblings.iter().map(|symbol| shown_kind(symbol.kind, &symbol.container));
        let kinds: Vec<SymbolKind> = std::iter::once(self.kind()).chain(of_siblings).collect();
        if kinds.iter().all(|kind| *kind == kinds[0]) {
            return None;
        }
        let names = self.names();
        let named = names.iter().zip(&kinds).take(MAX_NAMES);
        let mut shown: Vec<String> =
            named.map(|(name, kind)| format(&escape_name_to_length(name, MAX_RELATED_CHARS), *kind)).collect();
        if names.len() > MAX_NAMES {
            shown.push(GAP.to_owned());
        }
        Some(shown.join(", "))
    }

    /// Returns the kind of the definition. A method without a container is a function.
    pub fn kind(&self) -> SymbolKind {
        shown_kind(self.hit.kind, &self.hit.container)
    }

    /// Returns the other definitions in the place that are not inside of the named one. Empty if the place has no name.
    fn siblings(&self) -> Vec<&'h Symbol> {
        let hit = self.hit;
        if hit.symbol.is_empty() {
            return Vec::new();
        }
        let (own, qualified) = (self.own_definition().map(|own| own.span), hit.qualified_name());
        let is_inside = |container: &str| {
            container.strip_prefix(qualified.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_sibling = |symbol: &&Symbol| {
            let is_elsewhere = match own {
                Some(own) => symbol.span.end_line < own.start_line || own.end_line < symbol.span.start_line,
                None => !is_inside(&symbol.container),
            };
            symbol.name != hit.symbol && is_elsewhere
        };
        hit.definitions.iter().filter(is_sibling).collect()
    }

    /// Returns the definition that names the place; `None` if its name is in another part of it.
    fn own_definition(&self) -> Option<&'h Symbol> {
        let hit = self.hit;
        hit.definitions.iter().find(|symbol| symbol.name == hit.symbol && symbol.container == hit.container)
    }

    /// Returns whether the place has only a part of the definition that names it, such as a comment before it. A
    /// container is named by its head.
    pub fn is_partial(&self) -> bool {
        let hit = self.hit;
        if hit.symbol.is_empty() || hit.kind.is_container() {
            return false;
        }
        match self.own_definition() {
            Some(Symbol { span, .. }) => span.start_line < hit.span.start_line || hit.span.end_line < span.end_line,
            None => self.signatures.own.is_none(),
        }
    }

    /// Returns the shown lines with marks for the omitted ones.
    pub fn rows(&self) -> Vec<PlaceRow<'h>> {
        let mut rows = Vec::new();
        let mut next = 0;
        for &index in &self.shown {
            if index > next {
                rows.push(PlaceRow::Gap);
            }
            rows.push(PlaceRow::Line { index, number: self.line_number(index), text: self.lines[index] });
            next = index + 1;
        }
        if self.has_text_from(next) {
            rows.push(PlaceRow::Gap);
        }
        rows
    }

    /// Returns the lines of the hit that are not shown, as lines of the file.
    pub fn omitted_lines(&self) -> Vec<Span> {
        let mut omitted = Vec::new();
        let mut next = 0;
        for index in self.shown.iter().copied().chain([self.lines.len()]) {
            if index > next && self.has_text_from(next) {
                let last = self.line_number(index - 1);
                omitted.push(Span { start_line: self.line_number(next), end_line: last });
            }
            next = index + 1;
        }
        omitted
    }

    /// Returns the shown code: each line after its number, and a mark for each gap, except before the first line. Lines
    /// are cut to about `max_line_chars` characters, around a word of the query.
    pub fn code(&self, max_line_chars: usize) -> String {
        let format_row = |row: &PlaceRow<'_>| match row {
            PlaceRow::Gap => GAP.to_owned(),
            PlaceRow::Line { number, text, .. } => {
                format!("{number} {}", self.cut_line(text, max_line_chars)).trim_end().to_owned()
            }
        };
        let rows = self.rows();
        // The number of the first line says that lines are missing before it.
        let shown = rows.strip_prefix(&[PlaceRow::Gap]).unwrap_or(&rows);
        shown.iter().map(format_row).collect::<Vec<_>>().join("\n")
    }

    /// Returns the best deciding line outside of the signature, as `14 retry();`; `None` if there is none or
    /// `max_chars` is 0.
    pub fn deciding_line(&self, max_chars: usize) -> Option<String> {
        if max_chars == 0 {
            return None;
        }
        let signature = self.signatures.own.as_ref().map_or(0..0, |own| own.lines.clone());
        let at = self.deciding.iter().copied().find(|at| !signature.contains(at))?;
        let line = sanitize_to_length(self.cut_line(self.lines[at].trim(), max_chars).as_str(), max_chars + 2);
        Some(format!("{} {line}", self.line_number(at)))
    }

    /// Returns the first `count` related places, such as `70-80 method reset, 90-95 block`; empty if there are none.
    /// The hit's own container is left out of their names.
    pub fn related(&self, count: usize) -> Vec<String> {
        let container = format!("{}.", self.hit.container);
        let format_place = |place: &RelatedChunk| {
            let kind = if place.name.contains('.') { place.kind } else { shown_kind(place.kind, "") };
            let name = place.name.strip_prefix(&container).unwrap_or(&place.name);
            let name = escape_name_to_length(name, MAX_RELATED_CHARS);
            let space = if name.is_empty() { "" } else { " " };
            let part = if is_part(self.hit, place) { " (part)" } else { "" };
            format!("{} {kind}{space}{name}{part}", format_lines(place.span))
        };
        self.hit.also.iter().take(count).map(format_place).collect()
    }

    /// Formats the place for a model: its location, kind and name, its signature unless the code shows it, its code in
    /// a fence, and the related places.
    pub fn format(&self, detail: PlaceDetail) -> String {
        // A signature on many lines may not be shown whole, and the signature before this later part of a definition is
        // not shown at all.
        let is_shown = self.signatures.own.as_ref().is_some_and(|own| {
            let is_all_shown = self.shown.len() == self.lines.len();
            is_all_shown || (own.is_whole && own.lines.clone().all(|line| self.shown.contains(&line)))
        });
        let signature_chars = if is_shown { 0 } else { MAX_SIGNATURE_CHARS };
        let mut text = format!("{} {}", self.format_location(), self.format_named_kind(signature_chars));
        if !self.shown.is_empty() {
            text.push_str(&format_code_block(&self.code(detail.max_line_chars)));
        }
        let related = self.related(detail.max_related);
        if !related.is_empty() {
            text.push_str(&format!("\nalso {}", related.join(", ")));
        }
        text
    }

    /// Formats the place on one line: its location, kind, name and signature, and the best deciding line, such as
    /// `src/a.rs:10-15 method Store.open(path: &Path): 14 retry();`. Code without a definition may have its first line
    /// instead.
    pub fn format_brief(&self, lengths: BriefLengths) -> String {
        let named = self.format_named_kind(lengths.signature);
        let line = self.deciding_line(lengths.line).or_else(|| {
            // Code without a definition is shown by its first line.
            let is_bare = self.hit.symbol.is_empty() && self.hit.signature.is_empty() && lengths.line > 0;
            let first = self.lines.first().filter(|_| is_bare);
            first.map(|line| sanitize_to_length(line.trim(), lengths.line))
        });
        let line = line.filter(|line| !line.is_empty()).map(|line| format!(": {line}")).unwrap_or_default();
        format!("{} {named}{line}", self.format_location())
    }

    /// Formats the kind and the name with at most `signature_chars` characters of the rest of the signature; for an
    /// impl, [`MIN_IMPL_CHARS`] if that is more. A place with several names is formatted without a signature.
    fn format_named_kind(&self, signature_chars: usize) -> String {
        let (kind, name) = (self.kind(), self.name());
        let plain = match self.name_with_kinds(|name, kind| format!("{kind} {name}")) {
            Some(named) => named,
            None if name.is_empty() => kind.to_string(),
            None => format!("{kind} {name}"),
        };
        // The signature of an impl names its trait.
        let signature_chars =
            if kind == SymbolKind::Impl { signature_chars.max(MIN_IMPL_CHARS) } else { signature_chars };
        if signature_chars == 0 || !self.siblings().is_empty() {
            return plain;
        }
        let qualified = self.hit.qualified_name();
        let signed = format_signed_name(&qualified, &self.hit.symbol, &self.hit.signature, self.kind());
        if signed.is_empty() {
            return plain;
        }
        let is_kind_first = signed.split(|c: char| !c.is_alphanumeric()).next() == Some(kind.as_str());
        let signed = if is_kind_first { signed } else { format!("{kind} {signed}") };
        sanitize_to_length(&signed, plain.chars().count() + signature_chars)
    }

    /// Formats the location, such as `src/a.rs:10-20 (part) (stale)`.
    fn format_location(&self) -> String {
        let part = if self.is_partial() { " (part)" } else { "" };
        format!("{}{part}{}", self.location(), if self.hit.stale { " (stale)" } else { "" })
    }

    /// Cuts a line to about `max_chars` characters. If that would cut off the word of the query in it, the result
    /// begins shortly before the word.
    fn cut_line(&self, line: &str, max_chars: usize) -> String {
        if line.chars().count() <= max_chars {
            return line.to_owned();
        }
        let at = self.words.find_in_line(line).map_or(0, |at| line[..at].chars().count());
        if at + CHARS_BEFORE_WORD < max_chars {
            return truncate_chars(line, max_chars);
        }
        let rest: String = line.chars().skip(at - CHARS_BEFORE_WORD.min(at)).collect();
        // Begins with a whole word.
        let rest = rest
            .split_once(' ')
            .filter(|(cut, _)| cut.len() < CHARS_BEFORE_WORD)
            .map_or(rest.as_str(), |(_, rest)| rest);
        format!("{GAP}{}", truncate_chars(rest, max_chars.saturating_sub(1).max(1)))
    }

    fn line_number(&self, index: usize) -> u32 {
        self.hit.span.start_line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn has_text_from(&self, index: usize) -> bool {
        self.lines.get(index..).is_some_and(|rest| rest.iter().any(|line| !line.trim().is_empty()))
    }
}

/// Returns whether a related place is a part of a definition of which the hit or another related place, right before or
/// after it, is a part, too.
pub fn is_part(hit: &Hit, place: &RelatedChunk) -> bool {
    let is_next = |one: Span, other: Span| {
        one.end_line.saturating_add(1) == other.start_line || other.end_line.saturating_add(1) == one.start_line
    };
    let is_same = |name: &str, kind: SymbolKind, span: Span| {
        name == place.name && kind == place.kind && is_next(span, place.span)
    };
    let is_of_hit = || is_same(&hit.qualified_name(), hit.kind, hit.span);
    !place.name.is_empty() && (is_of_hit() || hit.also.iter().any(|other| is_same(&other.name, other.kind, other.span)))
}

/// Returns the kind under which a definition is shown: a method outside of any container is a function.
pub fn shown_kind(kind: SymbolKind, container: &str) -> SymbolKind {
    if kind == SymbolKind::Method && container.is_empty() { SymbolKind::Function } else { kind }
}

/// Returns whether a word means a kind of definition, as [`SymbolKind::from_word`] reads it, or is `impl`.
pub fn shown_kind_word(word: &str) -> bool {
    SymbolKind::from_word(word).is_some() || word == "impl"
}

#[cfg(test)]
mod tests;
