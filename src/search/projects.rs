//! Which folders a project's name stands for.

use std::cmp::Reverse;

use super::QueryError;
use crate::types::Project;

/// Most projects named when the one asked for is not there.
const MAX_NAMED: usize = 10;

/// The folders of the project in the folder `asked`, or else of all projects with this name.
///
/// # Errors
/// [`QueryError::Project`], which tells the names nearest to it.
pub fn project_folders(projects: &[Project], asked: &str) -> Result<Vec<String>, QueryError> {
    let asked = asked.trim();
    let name = asked.to_lowercase();
    let place = match name.trim_start_matches("./").trim_end_matches('/') {
        "" if !name.is_empty() => ".",
        place => place,
    };
    let mut found: Vec<&Project> = projects.iter().filter(|project| project.place().to_lowercase() == place).collect();
    if found.is_empty() {
        found = projects.iter().filter(|project| project.name.to_lowercase() == name).collect();
    }
    if found.is_empty() {
        return Err(QueryError::Project { name: asked.to_owned(), known: known(projects, &name) });
    }
    Ok(found.into_iter().map(|project| project.folder.clone()).collect())
}

/// The projects a person may have meant, the nearest first.
fn known(projects: &[Project], asked: &str) -> String {
    if projects.is_empty() {
        return "none is found in this folder; narrow down by path instead".to_owned();
    }
    let farness = |project: &&Project| {
        let name = project.name.to_lowercase();
        let part = !asked.is_empty() && (name.contains(asked) || project.folder.to_lowercase().contains(asked));
        (!part, edits(asked, &name), Reverse(project.files))
    };
    let mut nearest: Vec<&Project> = projects.iter().collect();
    nearest.sort_by_cached_key(farness);
    let named = |project: &&Project| format!("{} ({})", project.name, project.place());
    let named: Vec<String> = nearest.iter().take(MAX_NAMED).map(named).collect();
    let more = match projects.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

/// How many letters must be put in, taken out or replaced to make one word the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    // A word longer than any name is far from all of them.
    for (at, letter) in from.chars().take(200).enumerate() {
        let mut above_left = std::mem::replace(&mut row[0], at + 1);
        for (place, other) in to.iter().enumerate() {
            let replaced = above_left + usize::from(letter != *other);
            above_left = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(above_left + 1);
        }
    }
    row[to.len()]
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
    fn a_name_stands_for_all_projects_that_have_it_and_a_folder_for_one() {
        let folders = |asked: &str| project_folders(&projects(), asked).expect("it is there");
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
    fn an_unknown_project_is_answered_with_the_nearest_ones() {
        let refused = |projects: &[Project], asked: &str| {
            project_folders(projects, asked).expect_err("it is not there").to_string()
        };
        let message = refused(&projects(), "apii");
        assert!(message.contains("unknown project apii; known: Api (packages/api), app (packages/App),"), "{message}");
        assert!(refused(&projects(), "x").contains("known: ios (apps/x),"), "part of a folder");
        assert!(refused(&projects(), " ").contains("unknown project"));
        assert!(refused(&[], "x").contains("none is found"));
        let many: Vec<Project> = (0..12).flat_map(|_| projects().into_iter().take(1)).collect();
        assert!(refused(&many, "y").ends_with(" and 2 more"));
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!((edits("", "abc"), edits("kitten", "sitting"), edits("a", "a")), (3, 3, 0));
    }
}
