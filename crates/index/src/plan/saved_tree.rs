//! Saved trees: a run that changes very many files keeps the tree it leaves, and a later run returns to it.
//!
//! A switch to another branch changes thousands of files, and a switch back restores them. The store keeps the commit
//! of the tree that was left ([`SavedTree`]). A run that finds another commit of git checked out compares some files
//! with the saved trees. If the folder is much more like one of them than like the last commit, the run begins with it.
//! This only saves time: every file is compared as in any other run.

use std::path::Path;
use std::sync::Arc;

use source::walk::FileSystem;
use store::{HeldFiles, SavedTree, StoreError, StoreView};
use types::{ContentHash, FileRecord, RepoPath};

/// Minimum number of files that differ between two trees for one of them to be saved.
const MIN_CHANGED_FILES: usize = if cfg!(test) { 4 } else { 200 };

/// Maximum number of files in the sample of a saved tree.
const SAMPLE_FILES: usize = 32;

/// Maximum number of files that are compared to choose a tree.
const COMPARED_FILES: usize = 128;

/// A saved tree that a run begins with.
pub(crate) struct ReturnPlan {
    /// The commit of the saved tree.
    pub view: Arc<dyn StoreView>,
    /// Keeps the records of its files in memory.
    pub held: Option<HeldFiles>,
    /// Number of its generation.
    pub generation: u64,
    /// The sample of the tree that the folder has left.
    pub left: Vec<(String, String)>,
}

/// The folder whose files are compared with saved trees.
pub(crate) struct ComparedFolder<'f> {
    pub root: &'f Path,
    pub files: &'f dyn FileSystem,
    pub max_file_bytes: u64,
}

impl ComparedFolder<'_> {
    /// Returns the hash of a file; `None` if it is missing or cannot be read.
    fn hash_file(&self, path: &RepoPath) -> Option<ContentHash> {
        let read = self.files.read(&path.under(self.root), self.max_file_bytes + 1).ok()?;
        Some(ContentHash::of_bytes(&read.bytes))
    }

    /// Returns whether more than half of the files in a saved tree's sample are in the folder with the same content.
    fn resembles(&self, tree: &SavedTree) -> bool {
        let is_same = |(path, hash): &&(String, String)| {
            self.hash_file(&RepoPath::new(path.as_str())).is_some_and(|found| found.to_string() == *hash)
        };
        tree.sample.iter().filter(is_same).count() * 2 > tree.sample.len()
    }

    /// Returns the saved tree that the folder, which is at the commit `head` of git, has returned to. `None` if `head`
    /// is unknown or is the commit of `view`, the last commit of the index, or if no usable saved tree is much more
    /// like the folder than `view`.
    ///
    /// # Errors
    /// When the last commit cannot be read.
    pub fn find_return(&self, view: &dyn StoreView, head: Option<&str>) -> Result<Option<ReturnPlan>, StoreError> {
        let Some(head) = head.filter(|head| view.manifest().head.as_deref() != Some(head)) else { return Ok(None) };
        let mut trees = view.saved_trees();
        trees.sort_by_key(|(generation, tree)| (tree.head != head, std::cmp::Reverse(*generation)));
        for (generation, _) in trees.iter().filter(|(_, tree)| self.resembles(tree)) {
            match view.open_saved(*generation) {
                Ok(Some(saved)) if saved.manifest().fingerprint == view.manifest().fingerprint => {
                    // A failure to read them is that of the comparison.
                    let held = saved.hold_files().ok().flatten();
                    if let Some(left) = self.compare_trees(view, saved.as_ref())? {
                        return Ok(Some(ReturnPlan { view: saved, held, generation: *generation, left }));
                    }
                }
                Ok(_) => {}
                // The run goes on without it.
                Err(error) => tracing::debug!("a saved tree cannot be used: {error}"),
            }
        }
        Ok(None)
    }

    /// Compares the folder with two commits. Returns a sample of the files of `last` that are different or missing in
    /// `saved`. `None` if fewer than [`MIN_CHANGED_FILES`] files differ between the commits or, of the compared ones,
    /// at most twice as many equal `saved` as equal `last`.
    fn compare_trees(
        &self,
        last: &dyn StoreView,
        saved: &dyn StoreView,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let Ok(saved_files) = saved.files() else { return Ok(None) };
        let last_files = last.files()?;
        let changed = find_differences(&last_files, &saved_files);
        if changed.len() < MIN_CHANGED_FILES {
            return Ok(None);
        }
        let (mut like_last, mut like_saved) = (0, 0);
        for Difference { path, last, saved } in spread(&changed, COMPARED_FILES) {
            let found = self.hash_file(path);
            like_last += usize::from(found.as_ref() == *last);
            like_saved += usize::from(found.as_ref() == *saved);
        }
        if like_saved <= 2 * like_last {
            return Ok(None);
        }
        let left = changed.iter().filter_map(|difference| Some((difference.path, difference.last?)));
        Ok(Some(sample_files(left.collect())))
    }
}

/// A file that two trees do not have with the same contents, and its contents in each.
#[derive(Debug, PartialEq, Eq)]
struct Difference<'r> {
    path: &'r RepoPath,
    last: Option<&'r ContentHash>,
    saved: Option<&'r ContentHash>,
}

/// Finds the files that differ between two trees, whose records are sorted by path. The result is sorted by path, too.
fn find_differences<'r>(last: &'r [FileRecord], saved: &'r [FileRecord]) -> Vec<Difference<'r>> {
    let (mut last, mut saved) = (last.iter().peekable(), saved.iter().peekable());
    let mut found = Vec::new();
    loop {
        let path = match (last.peek(), saved.peek()) {
            (Some(a), Some(b)) => (&a.path).min(&b.path),
            (Some(one), None) | (None, Some(one)) => &one.path,
            (None, None) => return found,
        };
        let [last, saved] = [&mut last, &mut saved].map(|records| records.next_if(|record| record.path == *path));
        let [last, saved] = [last, saved].map(|record| record.map(|record| &record.content.hash));
        if last != saved {
            found.push(Difference { path, last, saved });
        }
    }
}

/// Returns the sample of a tree that is left, taken from its changed files; `None` if fewer than [`MIN_CHANGED_FILES`]
/// are changed.
pub(crate) fn sample_left_tree<'r>(changed: impl Iterator<Item = &'r FileRecord>) -> Option<Vec<(String, String)>> {
    let mut changed: Vec<_> = changed.map(|record| (&record.path, &record.content.hash)).collect();
    changed.sort_unstable_by_key(|(path, _)| *path);
    (changed.len() >= MIN_CHANGED_FILES).then(|| sample_files(changed))
}

fn sample_files(files: Vec<(&RepoPath, &ContentHash)>) -> Vec<(String, String)> {
    let sample = spread(&files, SAMPLE_FILES).map(|(path, hash)| (path.to_string(), hash.to_string()));
    sample.collect()
}

/// Returns at most `count` of `items`, evenly spread.
fn spread<T>(items: &[T], count: usize) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests {
    use types::{ContentRecord, FileOutcome, FileStat, TextEncoding};

    use super::*;

    #[test]
    fn files_that_one_tree_lacks_or_has_with_other_contents_differ() {
        let tree = |files: &[(&str, &str)]| {
            let record = |(path, text): &(&str, &str)| FileRecord {
                path: RepoPath::new(*path),
                content: ContentRecord {
                    hash: ContentHash::of_bytes(text.as_bytes()),
                    encoding: TextEncoding::Utf8,
                    language: source::language::text_language(),
                    outcome: FileOutcome::Indexed { chunks: 1, problem: None },
                },
                stat: FileStat::default(),
            };
            files.iter().map(record).collect::<Vec<_>>()
        };
        let last = tree(&[("a", "1"), ("b", "2"), ("d", "4"), ("e", "5")]);
        let saved = tree(&[("b", "2"), ("c", "3"), ("d", "other"), ("f", "6")]);
        let both = |path: &'static str, last: Option<&str>, saved: Option<&str>| {
            let hash = |text: &str| ContentHash::of_bytes(text.as_bytes());
            (path, last.map(hash), saved.map(hash))
        };
        let found = find_differences(&last, &saved);
        let found: Vec<_> =
            found.iter().map(|one| (one.path.as_str(), one.last.copied(), one.saved.copied())).collect();
        let expected = [
            both("a", Some("1"), None),
            both("c", None, Some("3")),
            both("d", Some("4"), Some("other")),
            both("e", Some("5"), None),
            both("f", None, Some("6")),
        ];
        assert_eq!(found, expected);
        assert_eq!(find_differences(&last, &last), []);
    }

    #[test]
    fn a_sample_is_spread_over_all_items() {
        let items: Vec<usize> = (0..3_000).collect();
        let sample: Vec<usize> = spread(&items, SAMPLE_FILES).copied().collect();
        assert!(sample.len() <= SAMPLE_FILES && sample.len() > SAMPLE_FILES / 2, "{}", sample.len());
        assert!(sample.last().is_some_and(|last| *last > 2_800), "{sample:?}");
        assert_eq!(spread(&items[..0], 3).count() + spread(&items[..2], 3).count(), 2);
    }
}
