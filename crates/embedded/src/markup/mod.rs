//! HTML and languages that are written like it: components of Vue, Svelte and Astro, Razor pages, templates.

mod attributes;
mod component;
mod component_members;
mod dialect;
mod headings;
mod razor;
mod scanner;
mod state;

pub use component::component_name;
pub(crate) use dialect::{dialect, has_script};
pub(crate) use scanner::scan_markup;
