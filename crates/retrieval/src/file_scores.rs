//! Joins the results of several retrievals to one list of files.

use std::collections::HashMap;

use store::FileHit;
use types::RepoPath;

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009).
const K: f32 = 20.0;

/// Files with the sum of their scores.
#[derive(Default)]
pub struct FileScores {
    scores: HashMap<RepoPath, f32>,
}

impl FileScores {
    /// Adds a list of hits, best first. A hit scores `weight / (K + rank)`; `rank` counts the distinct files up to the
    /// hit. The second hit of a file scores half of this, the third a quarter, further ones nothing.
    pub fn add_ranked(&mut self, hits: Vec<FileHit>, weight: f32) {
        const COUNTED_HITS: u32 = 3;
        let mut counts: HashMap<RepoPath, u32> = HashMap::new();
        let mut rank = 0.0;
        for FileHit { path } in hits {
            let count = counts.entry(path.clone()).or_default();
            if *count == 0 {
                rank += 1.0;
            }
            *count += 1;
            if *count <= COUNTED_HITS {
                *self.scores.entry(path).or_default() +=
                    weight / (K + rank) / f32::from(u16::try_from(1_u32 << (*count - 1)).unwrap_or(1));
            }
        }
    }

    /// Adds the same score to every file in `hits`, once.
    pub fn add_equally(&mut self, hits: Vec<FileHit>, score: f32) {
        let mut paths: Vec<RepoPath> = hits.into_iter().map(|hit| hit.path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().for_each(|path| *self.scores.entry(path).or_default() += score);
    }

    /// Returns the `count` files with the highest scores, best first. Files with equal scores are sorted by path.
    pub fn into_best(self, count: usize) -> Vec<RepoPath> {
        let mut files: Vec<(RepoPath, f32)> = self.scores.into_iter().collect();
        files.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        files.truncate(count);
        files.into_iter().map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(paths: &[&str]) -> Vec<FileHit> {
        paths.iter().map(|path| FileHit { path: RepoPath::new(*path) }).collect()
    }

    #[test]
    fn a_file_in_two_lists_comes_before_files_in_one() {
        let mut scores = FileScores::default();
        scores.add_ranked(hits(&["a", "b", "b"]), 1.0);
        scores.add_ranked(hits(&["c", "b"]), 1.0);
        let best = scores.into_best(3);
        assert_eq!(best.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["b", "a", "c"]);
    }

    #[test]
    fn an_equal_score_counts_once_a_file() {
        let mut scores = FileScores::default();
        scores.add_equally(hits(&["a", "a", "a"]), 1.0);
        scores.add_equally(hits(&["b"]), 1.5);
        assert_eq!(scores.into_best(1)[0].as_str(), "b");
    }
}
