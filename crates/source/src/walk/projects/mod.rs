//! The projects below a root, by the manifests in its folders.

mod discovery;
mod manifests;

pub use discovery::find_projects;
