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
}
