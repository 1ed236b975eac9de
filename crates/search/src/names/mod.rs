//! Looks up names: definitions, files that contain an identifier, code that names a definition, and names similar to a misspelled one.

pub(crate) mod definitions;
pub(crate) mod identifier_files;
pub(crate) mod mentions;
pub(crate) mod name_query;
pub(crate) mod similar_names;
