//! Compares hits and scores with recorded ones, so that a change in the ranking is noticed.
//!
//! After an intended change, run the test with `RECORD_SCORES=1` and review the changes in `scores.txt`.

use super::questions::snapshot_of_many_projects;
use super::*;

const QUERIES: [&str; 16] = [
    "Pool.acquire",
    "zebrafinch7quokka",
    "zebrafinch7quoka",
    "get_user_by_id",
    "pool",
    "connection",
    "where is the oldest entry of the cache evicted",
    "hands out a connection",
    "test of the pool",
    "how does pool.py say that no connection is free",
    "net/pool.py:9",
    "session.go",
    "PoolError: no connection is free",
    "if not self.free:\n    raise PoolError('no connection is free')",
    "kind:class pool",
    "\"no connection is free\" -test",
];

/// Formats the hits of all queries, a line each: query, location, score.
fn format_hits() -> Vec<String> {
    let (snapshot, model) = (snapshot_of_many_projects(), StaticModel::builtin());
    let mut lines = Vec::new();
    for text in QUERIES {
        let hits = searcher(&snapshot, model.as_ref(), &[]).search(&query(text)).expect("an answer").hits;
        let line = |hit: &Hit| format!("{text:?}\t{}:{}\t{:.6}", hit.path, hit.span.start_line, hit.score);
        lines.extend(hits.iter().map(line));
    }
    lines
}

#[test]
fn hits_and_scores_are_the_recorded_ones() {
    let found = format_hits();
    if std::env::var_os("RECORD_SCORES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/scores.txt");
        std::fs::write(path, found.join("\n") + "\n").expect("a written file");
        return;
    }
    let recorded: Vec<&str> = include_str!("scores.txt").lines().collect();
    let split = |line: &str| {
        let (hit, score) = line.rsplit_once('\t').expect("a score");
        (hit.to_owned(), score.parse::<f32>().expect("a number"))
    };
    for (line, recorded) in found.iter().zip(&recorded) {
        let ((hit, score), (recorded_hit, recorded_score)) = (split(line), split(recorded));
        assert_eq!(hit, recorded_hit);
        assert!((score - recorded_score).abs() < 1e-4, "{line}\n{recorded}");
    }
    assert_eq!(found.len(), recorded.len());
}
