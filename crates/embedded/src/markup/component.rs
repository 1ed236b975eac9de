//! Components that each fill a whole file.

use types::RepoPath;

/// Extensions of files that are one component each.
const COMPONENT_EXTENSIONS: [&str; 4] = ["vue", "svelte", "astro", "razor"];

/// Returns the name of the component in a file: the file's name without its extension, or the folder's name for an
/// `index` file in a folder; `None` if the file is not a component.
pub fn component_name(path: &RepoPath) -> Option<&str> {
    let (stem, extension) = path.file_name().rsplit_once('.')?;
    if stem.is_empty() || !COMPONENT_EXTENSIONS.iter().any(|one| extension.eq_ignore_ascii_case(one)) {
        return None;
    }
    let folder = path.folder().rsplit('/').next().filter(|folder| !folder.is_empty());
    match stem {
        "index" => folder.or(Some(stem)),
        _ => Some(stem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_the_name_of_its_file() {
        for (path, name) in [
            ("src/UserCard.vue", Some("UserCard")),
            ("src/UserCard/index.vue", Some("UserCard")),
            ("index.svelte", Some("index")),
            ("src/pages/[slug].astro", Some("[slug]")),
            ("Orders.razor", Some("Orders")),
            ("src/user_card.ts", None),
            (".vue", None),
        ] {
            assert_eq!(component_name(&RepoPath::new(path)), name, "{path}");
        }
    }
}
