//! Retrieval metrics of an answer, given the relevant places.

use engine::{Hit, Span};

/// Number of hits per query that are evaluated.
pub const JUDGED_HITS: usize = 10;

/// A file, or lines of a file, relevant to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelevanceTarget {
    /// The path relative to the index root. A hit matches if its path is equal, or if one of the two paths ends with
    /// `/` and the other.
    pub path: String,
    /// The relevant lines; `None` for the whole file.
    pub lines: Option<Span>,
}

/// Metrics of one answer, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetrievalMetrics {
    /// nDCG@10 with gains of 1 or 0 (Järvelin and Kekäläinen 2002). Each target counts once, at its first hit, and each
    /// hit at most once.
    pub ndcg: f64,
    /// One divided by the rank of the first relevant hit; 0 if none of the first ten is relevant.
    pub reciprocal_rank: f64,
    /// The share of the targets that the first ten hits contain.
    pub recall: f64,
}

impl RelevanceTarget {
    /// Returns whether the target is in the file with this path.
    pub fn is_of_file(&self, path: &str) -> bool {
        let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
        path == self.path || ends(path, &self.path) || ends(&self.path, path)
    }

    fn matches(&self, hit: &Hit) -> bool {
        let meet = |lines: &Span| hit.span.start_line <= lines.end_line && hit.span.end_line >= lines.start_line;
        self.is_of_file(hit.path.as_str()) && self.lines.as_ref().is_none_or(meet)
    }
}

/// Computes the metrics of the first ten of `hits`, best first; zeros without targets.
pub fn compute_metrics(hits: &[Hit], targets: &[RelevanceTarget]) -> RetrievalMetrics {
    let hits = &hits[..hits.len().min(JUDGED_HITS)];
    let ranks: Vec<usize> =
        targets.iter().filter_map(|target| hits.iter().position(|hit| target.matches(hit))).collect();
    let mut gains = [0.0; JUDGED_HITS];
    ranks.iter().for_each(|rank| gains[*rank] = 1.0);
    let discounted =
        |gains: &[f64]| gains.iter().zip(2_u8..).map(|(gain, place)| gain / f64::from(place).log2()).sum::<f64>();
    let ideal = discounted(&[1.0; JUDGED_HITS][..targets.len().clamp(1, JUDGED_HITS)]);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    RetrievalMetrics {
        ndcg: discounted(&gains) / ideal,
        reciprocal_rank: ranks.iter().min().map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0)),
        recall: ranks.len() as f64 / targets.len().max(1) as f64,
    }
}

/// Returns the mean of each metric; zeros for no input.
pub fn mean_metrics<'m>(metrics: impl IntoIterator<Item = &'m RetrievalMetrics>) -> RetrievalMetrics {
    let (mut sum, mut count) = (RetrievalMetrics::default(), 0.0_f64);
    for one in metrics {
        sum.ndcg += one.ndcg;
        sum.reciprocal_rank += one.reciprocal_rank;
        sum.recall += one.recall;
        count += 1.0;
    }
    let count = count.max(1.0);
    RetrievalMetrics {
        ndcg: sum.ndcg / count,
        reciprocal_rank: sum.reciprocal_rank / count,
        recall: sum.recall / count,
    }
}

/// Returns the mean of paired differences and its 95 % bootstrap confidence interval; zeros for no input.
///
/// Draws samples of equal size with replacement (Efron and Tibshirani 1993; Sakai 2006 for retrieval metrics). For
/// equal input, the interval is always the same.
pub fn bootstrap_interval(differences: &[f64]) -> (f64, [f64; 2]) {
    const SAMPLES: usize = 10_000;
    let Some(last) = differences.len().checked_sub(1) else { return (0.0, [0.0; 2]) };
    #[expect(clippy::cast_precision_loss, reason = "a count of queries")]
    let count = differences.len() as f64;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        // The generator is SplitMix64 (Steele, Lea and Flood 2014); the high bits are scaled to the range.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = u128::from(mixed ^ (mixed >> 31)) * differences.len() as u128;
        usize::try_from(mixed >> 64).unwrap_or(last).min(last)
    };
    let mut sample = || (0..=last).map(|_| differences[draw()]).sum::<f64>() / count;
    let mut means: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    means.sort_by(f64::total_cmp);
    let mean = differences.iter().sum::<f64>() / count;
    (mean, [means[SAMPLES / 40], means[SAMPLES - 1 - SAMPLES / 40]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Language, RepoPath, SymbolKind};

    fn hit(path: &str, start_line: u32) -> Hit {
        Hit {
            path: RepoPath::new(path),
            language: Language("rust"),
            span: Span { start_line, end_line: start_line + 9 },
            kind: SymbolKind::Function,
            symbol: String::new(),
            container: String::new(),
            signature: String::new(),
            definitions: Vec::new(),
            text: String::new(),
            deciding_lines: Vec::new(),
            score: 0.0,
            also: Vec::new(),
            project: None,
            repository: None,
            stale: false,
            explanation: None,
        }
    }

    fn target(path: &str, lines: Option<(u32, u32)>) -> RelevanceTarget {
        let lines = lines.map(|(start_line, end_line)| Span { start_line, end_line });
        RelevanceTarget { path: path.to_owned(), lines }
    }

    #[test]
    fn metrics_follow_their_definitions() {
        let hits = [hit("a/b.rs", 1), hit("c.rs", 1), hit("c.rs", 50)];
        let metrics = compute_metrics(&hits, &[target("c.rs", None), target("nowhere.rs", None)]);
        let ideal = 1.0 + 1.0 / 3.0_f64.log2();
        assert!((metrics.ndcg - 1.0 / 3.0_f64.log2() / ideal).abs() < 1e-9);
        assert!((metrics.reciprocal_rank - 0.5).abs() < 1e-9 && (metrics.recall - 0.5).abs() < 1e-9);
        let lines = compute_metrics(&hits, &[target("c.rs", Some((55, 70)))]);
        assert!((lines.reciprocal_rank - 1.0 / 3.0).abs() < 1e-9, "{lines:?}");
        assert_eq!(
            compute_metrics(&hits, &[target("b.rs", None)]),
            RetrievalMetrics { ndcg: 1.0, reciprocal_rank: 1.0, recall: 1.0 }
        );
        assert_eq!(
            compute_metrics(&hits, &[target(".rs", None)]),
            RetrievalMetrics::default(),
            "the end of a path, by components"
        );
        assert_eq!(compute_metrics(&[], &[target("c.rs", None)]), RetrievalMetrics::default());
    }
    #[test]
    fn the_interval_separates_a_gain_from_chance() {
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.02;
        // Half of a hundred queries gain 0.4: the standard error is 0.02, and the interval is 1.96 times that
        // on both sides.
        let gain: Vec<f64> = (0..100).map(|at| if at % 2 == 0 { 0.4 } else { 0.0 }).collect();
        let (mean, [low, high]) = bootstrap_interval(&gain);
        assert!((mean - 0.2).abs() < 1e-9 && near(low, 0.16) && near(high, 0.24), "{low} {high}");
        let chance: Vec<f64> = (0..100).map(|at| if at % 2 == 0 { 0.3 } else { -0.3 }).collect();
        let (mean, [low, high]) = bootstrap_interval(&chance);
        assert!(mean.abs() < 1e-9 && low < -0.03 && high > 0.03, "{low} {high}");
        assert_eq!(bootstrap_interval(&gain), bootstrap_interval(&gain));
        assert_eq!(bootstrap_interval(&[0.5]), (0.5, [0.5, 0.5]));
        assert_eq!(bootstrap_interval(&[]), (0.0, [0.0, 0.0]));
    }
}
