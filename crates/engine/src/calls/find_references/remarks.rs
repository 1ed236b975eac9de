//! Remarks on an answer with the uses of a name.

use super::super::find_symbol::SymbolAnswer;
use search::NameMatch;
use text::display::{escape_name, pluralize};
use types::qualified_name;

/// Returns a remark that no definition has the qualified name `missing`. Uses of the plain `name` are shown instead, if
/// there are any.
pub(super) fn note_missing(missing: &str, name: &str, has_no_uses: bool) -> String {
    let missing = escape_name(missing);
    if has_no_uses {
        return format!("there is no {missing}");
    }
    format!("there is no {missing}; these are the uses of every {}", escape_name(name))
}

/// Returns a remark on the uses of a name that may be of other definitions than the requested one.
pub(super) fn note_uncertain(name: &str, uses: usize) -> Option<String> {
    let (uses_text, name) = (pluralize(uses as u64, "use"), escape_name(name));
    let (have, come) = if uses == 1 { ("has", "comes") } else { ("have", "come") };
    (uses > 0).then(|| {
        format!("{uses_text} of {name} {have} a receiver of unknown type, may be of another {name}, and {come} last")
    })
}

/// Returns a remark on the uses of a name that belong to definitions in other containers.
pub(super) fn note_others(name: &str, uses: usize, definitions: usize) -> Option<String> {
    let left_out = [(uses, "use"), (definitions, "definition")].into_iter().filter(|(count, _)| *count > 0);
    let left_out: Vec<_> = left_out.map(|(count, word)| pluralize(count as u64, word)).collect();
    let name = escape_name(name);
    (uses > 0).then(|| {
        format!("left out: {} of {name} in other containers; ask for {name} to see them", left_out.join(" and "))
    })
}

/// Returns the qualified name of the first definition if it lies in the requested container and its name has a typo.
pub(super) fn find_similar_member(found: SymbolAnswer) -> Option<String> {
    let first = found.symbols.into_iter().next().filter(|first| found.is_qualified && first.how == NameMatch::Fuzzy)?;
    Some(qualified_name(&first.symbol.container, &first.symbol.name))
}
