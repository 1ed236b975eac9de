//! Pseudorandom numbers that depend only on the seed (SplitMix64: Steele, Lea, Flood 2014).

/// A stream of pseudorandom numbers.
pub(crate) struct RandomStream(u64);

impl RandomStream {
    /// Creates the stream of a seed for one purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * end as u128;
        usize::try_from(wide >> 64).expect("the high half is below `end`")
    }

    /// Returns true with the probability `share`.
    pub fn draw_bool(&mut self, share: f32) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "24 bits of randomness are enough")]
        let drawn = (self.next() >> 40) as f32 / 16_777_216.0;
        drawn < share
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
