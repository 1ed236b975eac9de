//! How good an answer is, against the places that were wanted.
//!
//! Must never import: anything above `search`.

use super::Hit;
use crate::types::Span;

/// Hits that are looked at.
pub const DEPTH: usize = 10;

/// A place that a question wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path inside the folder, or its end.
    pub path: String,
    /// The lines; `None` for anywhere in the file.
    pub lines: Option<Span>,
}

/// Measures of one answer, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judgement {
    /// nDCG@10, gains being 1 or 0 (Järvelin, Kekäläinen 2002). A target counts at its first hit.
    pub ndcg: f64,
    /// One over the rank of the first hit that was wanted; 0 where there is none among ten.
    pub reciprocal_rank: f64,
    /// Share of the targets among the first ten hits.
    pub recall: f64,
}

impl Target {
    fn is(&self, hit: &Hit) -> bool {
        let path = hit.path.as_str();
        let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
        let same = path == self.path || ends(path, &self.path) || ends(&self.path, path);
        let meet = |lines: &Span| hit.span.start_line <= lines.end_line && hit.span.end_line >= lines.start_line;
        same && self.lines.as_ref().is_none_or(meet)
    }
}

/// Judges `hits`, best first, by `targets`, of which there is at least one.
pub fn judge(hits: &[Hit], targets: &[Target]) -> Judgement {
    let hits = &hits[..hits.len().min(DEPTH)];
    let ranks: Vec<usize> = targets.iter().filter_map(|target| hits.iter().position(|hit| target.is(hit))).collect();
    let mut gains = [0.0; DEPTH];
    ranks.iter().for_each(|rank| gains[*rank] = 1.0);
    let discounted =
        |gains: &[f64]| gains.iter().zip(2_u8..).map(|(gain, place)| gain / f64::from(place).log2()).sum::<f64>();
    let ideal = discounted(&[1.0; DEPTH][..targets.len().clamp(1, DEPTH)]);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    Judgement {
        ndcg: discounted(&gains) / ideal,
        reciprocal_rank: ranks.iter().min().map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0)),
        recall: ranks.len() as f64 / targets.len().max(1) as f64,
    }
}

/// The mean of each measure; zeros for none.
pub fn mean<'j>(judgements: impl IntoIterator<Item = &'j Judgement>) -> Judgement {
    let (mut sum, mut count) = (Judgement::default(), 0.0_f64);
    for judgement in judgements {
        sum.ndcg += judgement.ndcg;
        sum.reciprocal_rank += judgement.reciprocal_rank;
        sum.recall += judgement.recall;
        count += 1.0;
    }
    let count = count.max(1.0);
    Judgement { ndcg: sum.ndcg / count, reciprocal_rank: sum.reciprocal_rank / count, recall: sum.recall / count }
}

/// The mean of paired differences, and the interval in which it lies in 95 of 100 samples of as many of
/// them, drawn with replacement (Efron, Tibshirani 1993; Sakai 2006 for measures of retrieval). Equal input
/// gives an equal interval.
pub fn bootstrap_interval(differences: &[f64]) -> (f64, [f64; 2]) {
    const SAMPLES: usize = 10_000;
    let Some(last) = differences.len().checked_sub(1) else { return (0.0, [0.0; 2]) };
    #[expect(clippy::cast_precision_loss, reason = "a count of questions")]
    let count = differences.len() as f64;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        // SplitMix64 (Steele, Lea, Flood 2014), its high bits scaled to the range.
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
    use crate::types::{Language, RepoPath, SymbolKind};

    fn hit(path: &str, start_line: u32) -> Hit {
        Hit {
            path: RepoPath::new(path),
            language: Language("rust"),
            span: Span { start_line, end_line: start_line + 9 },
            kind: SymbolKind::Function,
            symbol: String::new(),
            container: String::new(),
            signature: String::new(),
            text: String::new(),
            score: 0.0,
            also: Vec::new(),
            project: None,
            stale: false,
            explanation: None,
        }
    }

    fn target(path: &str, lines: Option<(u32, u32)>) -> Target {
        let lines = lines.map(|(start_line, end_line)| Span { start_line, end_line });
        Target { path: path.to_owned(), lines }
    }

    #[test]
    fn measures_are_those_of_their_definitions() {
        let hits = [hit("a/b.rs", 1), hit("c.rs", 1), hit("c.rs", 50)];
        let judged = judge(&hits, &[target("c.rs", None), target("nowhere.rs", None)]);
        let ideal = 1.0 + 1.0 / 3.0_f64.log2();
        assert!((judged.ndcg - 1.0 / 3.0_f64.log2() / ideal).abs() < 1e-9);
        assert!((judged.reciprocal_rank - 0.5).abs() < 1e-9 && (judged.recall - 0.5).abs() < 1e-9);
        let lines = judge(&hits, &[target("c.rs", Some((55, 70)))]);
        assert!((lines.reciprocal_rank - 1.0 / 3.0).abs() < 1e-9, "{lines:?}");
        assert_eq!(judge(&hits, &[target("b.rs", None)]), Judgement { ndcg: 1.0, reciprocal_rank: 1.0, recall: 1.0 });
        assert_eq!(judge(&hits, &[target(".rs", None)]), Judgement::default(), "the end of a path, by components");
        assert_eq!(judge(&[], &[target("c.rs", None)]), Judgement::default());
    }
    #[test]
    fn the_interval_tells_a_gain_from_chance() {
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.02;
        // Half of a hundred questions gain 0.4: the standard error is 0.02, so 1.96 of it on both sides.
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
