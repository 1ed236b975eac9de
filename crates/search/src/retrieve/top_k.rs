//! Selects the highest of many scores.

/// Returns the numbers of the `count` highest scores above `min_score` that pass `is_allowed`, best first. Equal scores
/// are sorted by number.
///
/// Makes one pass. Once enough scores are kept, `is_allowed` is called only for scores that may still be among the
/// highest.
pub(crate) fn select_top(
    scores: impl Iterator<Item = (u32, f32)>,
    count: usize,
    min_score: f32,
    is_allowed: impl Fn(u32) -> bool,
) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(count * 2);
    let mut worst = f32::MIN;
    for (number, score) in scores {
        if score >= worst && score > min_score && is_allowed(number) {
            kept.push((number, score));
            if kept.len() == count * 2 {
                kept.select_nth_unstable_by(count - 1, order);
                kept.truncate(count);
                worst = kept[count - 1].1;
            }
        }
    }
    kept.sort_unstable_by(order);
    kept.truncate(count);
    kept.into_iter().map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_first_and_equal_ones_by_index() {
        let mut state = 7_u64;
        let scores: Vec<f32> = (0..5_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 % 300.0
            })
            .collect();
        let mut expected: Vec<u32> =
            (0..5_000).filter(|index| index % 3 != 0 && scores[*index as usize] > 5.0).collect();
        expected.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
        for count in [0, 1, 7, 100, 10_000] {
            let scored = (0_u32..).zip(scores.iter().copied());
            let is_allowed = |index: u32| !index.is_multiple_of(3);
            let found = select_top(scored.clone(), count, 5.0, is_allowed);
            assert_eq!(found, expected[..count.min(expected.len())], "{count}");
            let backwards = scored.collect::<Vec<_>>().into_iter().rev();
            assert_eq!(select_top(backwards, count, 5.0, is_allowed), found, "in any order");
        }
    }
}
