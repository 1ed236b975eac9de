//! Languages that only the content of a file shows: the language of a file whose extension several languages share, and
//! the texts of other languages in a text, such as the script of a component, with the definitions and uses in the markup
//! around them.
//!
//! Nothing here runs a grammar. Each scanner reads a text once, in time that grows with its length, and gives positions
//! in that text. A scanner never fails: it skips text that it does not understand.

mod brackets;
mod fences;
mod found;
mod markup;
mod notebook;
mod scan;
mod shared_extensions;
mod stylesheet;
mod tagged_strings;
mod words;

pub use found::{EmbeddedText, HostDefinition, HostScan, HostUse, INSIDE_DEPTH};
pub use markup::component_name;
pub use notebook::{CellMark, Notebook, find_cells, is_notebook};
pub use scan::{is_scanned, main_language, scan_host};
pub use shared_extensions::language_by_content;
pub use words::begins_with_component;
