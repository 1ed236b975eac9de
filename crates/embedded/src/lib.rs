//! Files in files: the texts of other languages in a text, such as the script of a component, and what the markup around
//! them shows by itself.
//!
//! Nothing here runs a grammar. Each scanner reads a text once, in time that grows with its length, and gives positions
//! in that text. A scanner never fails: what it does not understand, it passes over.

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
