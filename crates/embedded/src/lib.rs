//! Files in files: the texts of other languages in a text, such as the script of a component, and the definitions and
//! uses in the markup around them.
//!
//! Nothing here runs a grammar. Each scanner reads a text once, in time that grows with its length, and gives positions
//! in that text. A scanner never fails: it skips text that it does not understand.

mod brackets;
mod component;
mod fences;
mod found;
mod markup;
mod notebook;
mod scan;
mod stylesheet;
mod tagged_strings;
mod words;

pub use component::component_name;
pub use found::{EmbeddedText, HostDefinition, HostScan, HostUse, INSIDE_DEPTH};
pub use notebook::{CellMark, Notebook, find_cells, is_notebook};
pub use scan::{is_scanned, main_language, scan_host};
pub use words::begins_with_component;
