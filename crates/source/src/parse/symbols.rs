//! Conversion of definitions to symbols.

use types::Symbol;

use super::definitions::{self, Definition};
use super::lines::line_span;

/// Returns the definitions of a file as symbols.
pub(super) fn build_symbols(definitions: &[Definition]) -> Vec<Symbol> {
    definitions.iter().map(|definition| build_symbol(definition, definitions)).collect()
}

/// Returns a definition as a symbol; `all` are the definitions of its file.
pub(super) fn build_symbol(definition: &Definition, all: &[Definition]) -> Symbol {
    Symbol {
        name: definition.name.clone(),
        kind: definition.kind,
        container: definitions::container_path(definition, all),
        signature: definition.signature.clone(),
        span: line_span(definition.first_line, definition.last_line),
    }
}
