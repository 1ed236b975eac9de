//! The highest of many scores.

/// The `count` that `may` with the highest scores above `least`, best first; equal scores by number.
///
/// Goes through them once: what is below the worst of those kept so far is passed over, and not asked
/// whether it may.
pub(super) fn best(
    scores: impl Iterator<Item = (u32, f32)>,
    count: usize,
    least: f32,
    may: impl Fn(u32) -> bool,
) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(count * 2);
    let mut worst = f32::MIN;
    for (number, score) in scores {
        if score >= worst && score > least && may(number) {
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
            let may = |index: u32| !index.is_multiple_of(3);
            let found = best(scored.clone(), count, 5.0, may);
            assert_eq!(found, expected[..count.min(expected.len())], "{count}");
            let backwards = scored.collect::<Vec<_>>().into_iter().rev();
            assert_eq!(best(backwards, count, 5.0, may), found, "in any order");
        }
    }
}
