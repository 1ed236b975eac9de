//! Which files of the index a question names, and where in them.
//!
//! Must never import: anything above `search`.

use std::collections::HashMap;

use super::query::{Known, Place, QueryTerms};
use super::snapshot::Snapshot;

/// Folders where the sources of other programs lie; a path through one is rarely of this code.
const ELSEWHERE: &[&str] = &[
    "site-packages",
    "dist-packages",
    "node_modules",
    "rustc",
    "registry",
    "mod",
    "gems",
    "usr",
    "lib",
    "internal",
    "java.base",
    "jdk",
    "node:internal",
];

/// A file that the question names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedFile {
    /// 0 for what is wanted most.
    pub order: u16,
    pub line: Option<u32>,
    /// The function of a frame; empty for none.
    pub function: String,
    /// Whether it is this file that is meant, rather than one of many that are called so.
    pub sure: bool,
}

impl NamedFile {
    /// The chunk that is meant: the one with the line, or the one with the function, or the first.
    pub fn chunk(&self, snapshot: &Snapshot, file: usize) -> u32 {
        let chunks = snapshot.chunks_in(file);
        let best = chunks.clone().find(|chunk| self.has_line(snapshot, *chunk));
        let best = best.or_else(|| chunks.clone().find(|chunk| self.fit(snapshot, *chunk) > 0.0));
        best.unwrap_or(chunks.start)
    }

    /// How surely a chunk of the file is what is meant, from 0 to 1.
    pub fn fit(&self, snapshot: &Snapshot, chunk: u32) -> f32 {
        let defines = || snapshot.chunk(chunk).defines().any(|name| name == self.function);
        if self.has_line(snapshot, chunk) {
            1.0
        } else if !self.function.is_empty() && defines() {
            0.5
        } else {
            0.0
        }
    }

    fn has_line(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.line.is_some_and(|line| snapshot.chunk(chunk).span.contains(line))
    }
}

/// A file name in prose that so many files have may be any of them.
const FEW_FILES: usize = 2;

/// Most files that one place stands for; of more, those that lie highest.
const MOST_FILES: usize = 200;

impl Known for Snapshot {
    fn has_file(&self, name: &str, exact: bool) -> bool {
        let same = |file: usize| !exact || self.files[file].path.file_name() == name;
        self.files_named(name).any(same)
    }

    fn defines(&self, name: &str) -> bool {
        self.defining(name).next().is_some()
    }
}

/// The files that the places of a question are, by index: of two places in one file the one that is
/// wanted more. Where files match a path equally well, all of them that `may` be.
pub(super) fn named_files(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    may: impl Fn(usize) -> bool,
) -> HashMap<usize, NamedFile> {
    let mut named = HashMap::new();
    for (order, place) in (0_u16..).zip(&terms.places) {
        // How many components agree at best, and in which files.
        let (mut most, mut files) = (1, Vec::new());
        for file in snapshot.files_named(place.path.rsplit('/').next().unwrap_or_default()) {
            let agree = agreement(place, snapshot.files[file].path.as_str());
            if agree >= most && may(file) {
                if agree > most {
                    files.clear();
                }
                most = agree;
                files.push(file);
            }
        }
        let sure = place.line.is_some() || place.traced || place.alone || files.len() <= FEW_FILES;
        if files.len() > MOST_FILES {
            files.sort_by_key(|file| (snapshot.files[*file].path.as_str().matches('/').count(), *file));
            files.truncate(MOST_FILES);
        }
        for file in files {
            let fresh = || NamedFile { order, line: place.line, function: place.function.clone(), sure };
            named.entry(file).or_insert_with(fresh);
        }
    }
    named
}

/// How many components two paths have in common at their ends; 0 where that does not make them the
/// same file. A frame of another program may end as a file here does: it takes two components, or
/// all of one of the paths.
fn agreement(place: &Place, path: &str) -> usize {
    let agree = place.path.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let all_of = |path: &str| agree == path.split('/').filter(|part| !part.is_empty()).count();
    let elsewhere = place.path.split('/').any(|part| ELSEWHERE.contains(&part));
    if !place.traced || agree >= 2 || all_of(&place.path) || (all_of(path) && !elsewhere) { agree } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_that_of_a_file_by_its_end() {
        let traced = |path: &str| Place { path: path.to_owned(), traced: true, ..Place::default() };
        for (place, path, agree) in [
            ("src/pool.rs", "src/pool.rs", 2),
            ("/home/me/app/src/pool.rs", "src/pool.rs", 2),
            ("src/pool.rs", "server/src/pool.rs", 2),
            ("/home/me/app/main.py", "main.py", 1),
            ("main.py", "tools/main.py", 1),
            ("/usr/lib/python3/json/main.py", "main.py", 0),
            ("/home/me/app/net/pool.rs", "src/pool.rs", 0),
            ("/x/site-packages/requests/models.py", "src/requests/models.py", 2),
        ] {
            assert_eq!(agreement(&traced(place), path), agree, "{place} {path}");
        }
        let typed = Place { path: "net/pool.rs".to_owned(), ..Place::default() };
        assert_eq!(agreement(&typed, "src/pool.rs"), 1, "who writes a path by hand may err in its folder");
    }
}
