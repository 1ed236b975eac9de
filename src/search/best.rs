//! The highest of many scores.

/// The `count` highest of `scores` above `least` that `may`, best first; equal scores by index.
///
/// Goes through them once: what is not above the worst of those kept so far is passed over.
pub(super) fn best(scores: &[f32], count: usize, least: f32, may: impl Fn(u32) -> bool) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let order = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    let mut kept: Vec<u32> = Vec::with_capacity(count * 2);
    let mut least = least;
    for (index, score) in (0_u32..).zip(scores) {
        if *score > least && may(index) {
            kept.push(index);
            if kept.len() == count * 2 {
                kept.select_nth_unstable_by(count - 1, order);
                kept.truncate(count);
                least = scores[kept[count - 1] as usize];
            }
        }
    }
    kept.sort_unstable_by(order);
    kept.truncate(count);
    kept
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
            let found = best(&scores, count, 5.0, |index| index % 3 != 0);
            assert_eq!(found, expected[..count.min(expected.len())], "{count}");
        }
    }
}
