//! Parses the names of kinds that users and models write, in options, arguments and filters.

use search::{QueryError, QueryFilters};
use source::parse::ReferenceKind;
use text::display::escape_name;
use text::edit_distance::count_edits_within;
use types::SymbolKind;

/// Parses a kind of definition as [`SymbolKind::from_word`] does.
///
/// # Errors
/// For an unknown kind, a message with the nearest and the known ones.
pub fn parse_symbol_kind(word: &str) -> Result<SymbolKind, String> {
    SymbolKind::from_word(word).ok_or_else(|| QueryError::unknown_kind(&escape_name(word)).to_string())
}

/// Parses a kind of use, ignoring letter case and a plural `s`.
///
/// # Errors
/// For an unknown kind, a message with the nearest and the known ones.
pub fn parse_use_kind(word: &str) -> Result<ReferenceKind, String> {
    let lowercase = word.trim().to_lowercase();
    let singular = lowercase.strip_suffix('s').unwrap_or(&lowercase);
    let kinds = ReferenceKind::ALL.iter().copied();
    kinds.clone().find(|kind| kind.as_str() == singular).ok_or_else(|| {
        let near = kinds.clone().find(|kind| count_edits_within(singular, kind.as_str(), singular.len() / 3).is_some());
        let near = near.map(|kind| format!("did you mean {}? ", kind.as_str())).unwrap_or_default();
        let known: Vec<&str> = kinds.map(ReferenceKind::as_str).collect();
        format!("unknown kind {}; {near}the kinds are: {}", escape_name(word), known.join(", "))
    })
}

/// Splits the kinds of uses, such as `kind:call` or `kind:call,write`, from a query for a name.
pub(super) fn split_use_kinds(text: &str) -> (Vec<ReferenceKind>, String) {
    let kinds_of = |word: &str| -> Option<Vec<ReferenceKind>> {
        word.strip_prefix("kind:")?.split(',').map(|name| parse_use_kind(name).ok()).collect()
    };
    let kinds = text.split_whitespace().filter_map(kinds_of).flatten().collect();
    let rest: Vec<&str> = text.split_whitespace().filter(|word| kinds_of(word).is_none()).collect();
    (kinds, rest.join(" "))
}

/// Returns a note on each kind in the filters of a query for uses that is no kind of use, or that the filters exclude,
/// which is not possible.
pub(super) fn note_unused_kinds(filters: &QueryFilters) -> Vec<String> {
    let invalid = filters.invalid.iter().filter_map(|filter| match filter {
        search::InvalidFilter::Kind(name) => Some(name),
        _ => None,
    });
    let words = invalid.chain(&filters.include.kinds).chain(&filters.exclude.kinds);
    let note = |word: &String| match parse_use_kind(word) {
        Ok(kind) => format!("`-kind:{}` was ignored: kinds of uses cannot be left out", kind.as_str()),
        Err(message) => format!("`kind:` was ignored: {message}"),
    };
    words.map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_any_form_and_unknown_ones_get_the_nearest() {
        assert_eq!(parse_symbol_kind("fn"), Ok(SymbolKind::Function));
        assert_eq!(parse_symbol_kind("Classes"), Ok(SymbolKind::Class));
        let message = parse_symbol_kind("strct").expect_err("no kind");
        assert!(message.starts_with("unknown kind strct; did you mean struct? known: function, "), "{message}");
        assert_eq!(parse_use_kind("Calls"), Ok(ReferenceKind::Call));
        let message = parse_use_kind("imprt").expect_err("no kind");
        assert!(message.starts_with("unknown kind imprt; did you mean import? the kinds are: "), "{message}");
        let message = parse_use_kind("banana").expect_err("no kind");
        assert!(message.starts_with("unknown kind banana; the kinds are: "), "{message}");
    }

    #[test]
    fn kinds_of_uses_are_split_from_a_name() {
        let (kinds, rest) = split_use_kinds("parse kind:call,writes -test kind:function");
        assert_eq!(kinds, [ReferenceKind::Call, ReferenceKind::Write]);
        assert_eq!(rest, "parse -test kind:function");
        let notes = note_unused_kinds(&QueryFilters::parse("parse kind:function -kind:call kind:banana").0);
        let wanted =
            ["`-kind:call` was ignored: ", "`kind:` was ignored: unknown kind banana", "unknown kind function; "];
        assert!(notes.len() == 3 && notes.iter().zip(wanted).all(|(note, part)| note.contains(part)), "{notes:?}");
    }
}
