//! The output of `codescry models list --json`.

use serde::Serialize;

use engine::models::{ListedModel, ModelSource};

/// One model in the output of `codescry models list --json`.
#[derive(Serialize)]
pub struct ModelJson<'a> {
    pub name: &'a str,
    /// The location: `installed`, `hub cache` or `hub`.
    pub place: &'static str,
    pub folder: Option<String>,
    pub precisions: Vec<&'static str>,
    pub dimensions: Option<usize>,
    /// The numbers of dimensions that `NAME@WIDTH` accepts, besides `dimensions`.
    pub truncatable: &'a [usize],
    pub max_tokens: Option<usize>,
    pub about: &'a str,
    pub problem: Option<&'a str>,
}

impl<'a> ModelJson<'a> {
    /// Converts one row of the list.
    pub fn new(listed: &'a ListedModel) -> Self {
        let (folder, precisions) = match &listed.here {
            Some((folder, precisions)) => {
                (Some(folder.display().to_string()), precisions.iter().map(|precision| precision.as_str()).collect())
            }
            None => (None, Vec::new()),
        };
        Self {
            name: &listed.name,
            place: match listed.source {
                ModelSource::Installed => "installed",
                ModelSource::HubCache => "hub cache",
                ModelSource::Hub => "hub",
            },
            folder,
            precisions,
            dimensions: listed.description.as_ref().map(|description| description.width()),
            truncatable: listed.description.as_ref().map_or(&[], |description| &description.truncatable),
            max_tokens: listed.description.as_ref().map(|description| description.max_tokens),
            about: &listed.about,
            problem: listed.problem.as_deref(),
        }
    }
}
