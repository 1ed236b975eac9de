//! Resolves the names of projects and repositories to folders.

use std::cmp::Reverse;

use search::QueryError;
use text::edit_distance::count_edits;
use types::Project;

/// Maximum number of projects or repositories listed in the error for an unknown one.
const MAX_LISTED: usize = 10;

/// Maximum length of the beginning of an unknown name that is compared with the known names, in bytes.
const MAX_COMPARED_BYTES: usize = 200;

/// Returns the folder of the project at the path `name`, or else the folders of all projects with that name,
/// ignoring case.
///
/// # Errors
/// [`QueryError::UnknownProject`] if there is no such project; the error lists the projects with the most similar
/// names.
pub fn resolve_project_folders(projects: &[Project], name: &str) -> Result<Vec<String>, QueryError> {
    let name = name.trim();
    let lowercase = name.to_lowercase();
    let folder = match lowercase.trim_start_matches("./").trim_end_matches('/') {
        "" if !lowercase.is_empty() => ".",
        folder => folder,
    };
    let mut found: Vec<&Project> =
        projects.iter().filter(|project| project.display_folder().to_lowercase() == folder).collect();
    if found.is_empty() {
        found = projects.iter().filter(|project| project.name.to_lowercase() == lowercase).collect();
    }
    if found.is_empty() {
        return Err(QueryError::UnknownProject { name: name.to_owned(), known: list_similar(projects, &lowercase) });
    }
    Ok(found.into_iter().map(|project| project.folder.clone()).collect())
}

/// Returns the repository of a group with this name, ignoring case.
///
/// # Errors
/// [`QueryError::UnknownRepository`] if there is none; the error lists the repositories with the most similar names.
pub fn resolve_repository<'n>(names: &[&'n str], name: &str) -> Result<&'n str, QueryError> {
    let wanted = name.trim().trim_end_matches('/').to_lowercase();
    if let Some(found) = names.iter().find(|known| known.to_lowercase() == wanted) {
        return Ok(found);
    }
    let compared = &wanted[..wanted.floor_char_boundary(MAX_COMPARED_BYTES)];
    let mut nearest = names.to_vec();
    nearest.sort_by_cached_key(|known| {
        let known = known.to_lowercase();
        (!known.contains(&wanted), count_edits(compared, &known), known)
    });
    let more = match nearest.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    nearest.truncate(MAX_LISTED);
    let known = format!("known: {}{more}", nearest.join(", "));
    Err(QueryError::UnknownRepository { name: name.to_owned(), known })
}

/// Lists the projects with the most similar names, best first.
fn list_similar(projects: &[Project], wanted: &str) -> String {
    if projects.is_empty() {
        return "this folder has no projects; filter by path instead".to_owned();
    }
    // A longer name is far from every project's.
    let compared = &wanted[..wanted.floor_char_boundary(MAX_COMPARED_BYTES)];
    let sort_key = |project: &&Project| {
        let name = project.name.to_lowercase();
        let contains = !wanted.is_empty() && (name.contains(wanted) || project.folder.to_lowercase().contains(wanted));
        (!contains, count_edits(compared, &name), Reverse(project.files))
    };
    let mut nearest: Vec<&Project> = projects.iter().collect();
    nearest.sort_by_cached_key(sort_key);
    let describe = |project: &&Project| format!("{} ({})", project.name, project.display_folder());
    let named: Vec<String> = nearest.iter().take(MAX_LISTED).map(describe).collect();
    let more = match projects.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("known: {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects() -> Vec<Project> {
        let rows = [("app", "packages/App"), ("Api", "packages/api"), ("app", "ios"), ("mono", ""), ("ios", "apps/x")];
        let project = |(name, folder): (&str, &str)| Project {
            name: name.to_owned(),
            kind: "npm",
            folder: folder.to_owned(),
            files: 1,
        };
        rows.map(project).into()
    }

    #[test]
    fn a_name_resolves_to_all_its_projects_and_a_folder_to_one() {
        let folders = |asked: &str| resolve_project_folders(&projects(), asked).expect("a known project");
        assert_eq!(folders("APP"), ["packages/App", "ios"]);
        assert_eq!(folders(" api "), ["packages/api"]);
        assert_eq!(folders("./packages/app/"), ["packages/App"]);
        assert_eq!(folders("ios"), ["ios"], "a folder comes before a name");
        assert_eq!(
            (folders("mono"), folders("."), folders("./")),
            (vec![String::new()], vec![String::new()], vec![String::new()])
        );
    }

    #[test]
    fn a_repository_is_named_in_any_case_and_an_unknown_one_lists_similar_ones() {
        let names = ["api", "Web", "web-admin"];
        let resolve = |name| resolve_repository(&names, name).map_err(|error| error.to_string());
        assert_eq!((resolve("API"), resolve(" web/ ")), (Ok("api"), Ok("Web")));
        let unknown = "unknown repository admin; known: web-admin, api, Web".to_owned();
        assert_eq!(resolve("admin"), Err(unknown));
    }

    #[test]
    fn the_error_for_an_unknown_project_lists_similar_ones() {
        let refused = |projects: &[Project], asked: &str| {
            resolve_project_folders(projects, asked).expect_err("an unknown project").to_string()
        };
        let message = refused(&projects(), "apii");
        assert!(message.contains("unknown project apii; known: Api (packages/api), app (packages/App),"), "{message}");
        assert!(refused(&projects(), "x").contains("known: ios (apps/x),"), "part of a folder");
        assert!(refused(&projects(), " ").contains("unknown project"));
        assert!(refused(&[], "x").contains("unknown project x; this folder has no projects"));
        let many: Vec<Project> = (0..12).flat_map(|_| projects().into_iter().take(1)).collect();
        assert!(refused(&many, "y").ends_with(" and 2 more"));
    }
}
