//! Renders a definition: its wire type, and its signature as text.

use answer::location::format_location;
use answer::place::shown_kind;
use engine::{Symbol, SymbolHit, qualified_name};
use mcp_schema::parts::SymbolOutput;
use text::display::{escape_name_to_length, sanitize_to_length};

/// Maximum length of a name or container in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Maximum length of a signature in an answer, in characters.
const MAX_SIGNATURE_CHARS: usize = 160;

/// Converts a symbol to its wire type, with long texts truncated.
pub fn to_symbol_output(symbol: &Symbol) -> SymbolOutput {
    SymbolOutput {
        name: escape_name_to_length(&symbol.name, MAX_NAME_CHARS),
        kind: shown_kind(symbol.kind, &symbol.container).to_string(),
        container: escape_name_to_length(&symbol.container, MAX_NAME_CHARS),
        signature: sanitize_to_length(&symbol.signature, MAX_SIGNATURE_CHARS),
        start_line: symbol.span.start_line,
        end_line: symbol.span.end_line,
    }
}

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Formats another definition of a name, such as `src/a.rs:10-20 method Config.load`.
pub fn format_other_definition(found: &SymbolHit) -> String {
    let path = escape_name_to_length(found.path.as_str(), MAX_PATH_CHARS);
    let Symbol { name, container, kind, span, .. } = &found.symbol;
    let name = escape_name_to_length(&qualified_name(container, name), MAX_NAME_CHARS);
    format!("{} {} {name}", format_location(&path, *span), shown_kind(*kind, container))
}

/// Formats a definition as its signature, which begins with the kind in most languages. If the signature is empty or
/// only the name, formats it as `NAME [KIND]`; if the signature lacks the name, as `NAME: SIGNATURE`.
pub fn format_symbol(symbol: &Symbol) -> String {
    let signature = sanitize_to_length(&symbol.signature, MAX_SIGNATURE_CHARS);
    let name = escape_name_to_length(&symbol.name, MAX_NAME_CHARS);
    let names_it = signature.contains(name.as_str());
    match (signature.is_empty() || signature == name, names_it) {
        (true, _) => format!("{name} [{}]", symbol.kind),
        (false, true) => signature,
        (false, false) => format!("{name}: {signature}"),
    }
}
