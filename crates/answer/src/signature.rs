//! A name with the rest of its signature, as one line.

use engine::SymbolKind;

/// Words before a name that say no more than its kind does, or little to a reader who looks for a place.
const MODIFIERS: &[&str] = &[
    "abstract",
    "async",
    "class",
    "const",
    "data",
    "def",
    "default",
    "enum",
    "export",
    "final",
    "fn",
    "fun",
    "func",
    "function",
    "inline",
    "interface",
    "internal",
    "let",
    "macro_rules!",
    "mod",
    "module",
    "namespace",
    "object",
    "open",
    "override",
    "private",
    "protected",
    "pub",
    "public",
    "sealed",
    "static",
    "struct",
    "suspend",
    "trait",
    "type",
    "union",
    "unsafe",
    "val",
    "var",
    "virtual",
];

/// Formats a qualified name with the rest of its signature, such as `Store.open(path: &Path) -> Self` for `pub fn
/// open(path: &Path) -> Self`. A signature that has other words than modifiers before the name, such as a type, or does
/// not contain the name, follows the name whole; it replaces an empty name, and the name of an impl. `symbol` is the
/// last part of `qualified_name`; both may be empty.
pub fn format_signed_name(qualified_name: &str, symbol: &str, signature: &str, kind: SymbolKind) -> String {
    let signature = signature.trim().trim_end_matches(['{', ':', '=', ';']).trim_end();
    // A signature on several lines.
    let signature = &signature.replace("( ", "(").replace(", )", ")").replace(",)", ")");
    if signature.is_empty() || signature == symbol {
        return qualified_name.to_owned();
    }
    match find_name(signature, symbol) {
        Some(at) if kind != SymbolKind::Impl && is_modifiers(&signature[..at]) => {
            let rest = &signature[at + symbol.len()..];
            // In Go the kind follows the name of a type.
            let rest = rest.strip_suffix(&format!(" {kind}")).unwrap_or(rest);
            format!("{qualified_name}{rest}")
        }
        _ if qualified_name.is_empty() || kind == SymbolKind::Impl => signature.to_owned(),
        _ => format!("{qualified_name}: {signature}"),
    }
}

/// Returns the byte at which `name` first occurs as a whole word; `None` if it does not.
fn find_name(signature: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let is_whole =
        |at: &usize| !signature[..*at].ends_with(is_part) && !signature[at + name.len()..].starts_with(is_part);
    if name.is_empty() { None } else { signature.match_indices(name).map(|(at, _)| at).find(is_whole) }
}

/// Returns whether a text consists of nothing but modifiers and parts in parentheses, such as the receiver of a Go
/// method.
fn is_modifiers(text: &str) -> bool {
    let mut depth = 0_usize;
    let outside = |c: &char| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    };
    let outside: String = text.chars().filter(outside).collect();
    outside.split_whitespace().all(|word| MODIFIERS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_replaces_the_modifiers_of_a_signature() {
        let method = SymbolKind::Method;
        for (name, symbol, signature, kind, wanted) in [
            (
                "Store.open",
                "open",
                "pub(crate) fn open(path: &Path) -> Self",
                method,
                "Store.open(path: &Path) -> Self",
            ),
            (
                "Store.Open",
                "Open",
                "func (s *Store) Open(path string) error {",
                method,
                "Store.Open(path string) error",
            ),
            ("open", "open", "fn open( path: &Path, )", SymbolKind::Function, "open(path: &Path)"),
            ("Store", "Store", "type Store struct", SymbolKind::Struct, "Store"),
            ("Store.get", "get", "public List<String> get(int n)", method, "Store.get: public List<String> get(int n)"),
            ("Store", "Store", "impl Open for Store", SymbolKind::Impl, "impl Open for Store"),
            ("handler", "handler", "class handler(Base):", SymbolKind::Class, "handler(Base)"),
            ("get", "get", "def target_get(get)", SymbolKind::Function, "get: def target_get(get)"),
            ("Heading", "Heading", "", SymbolKind::Section, "Heading"),
            ("", "", "", SymbolKind::Block, ""),
        ] {
            assert_eq!(format_signed_name(name, symbol, signature, kind), wanted, "{signature}");
        }
    }
}
