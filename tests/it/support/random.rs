//! Pseudo-random input for tests, the same in every run, and damage to it.

use std::collections::BTreeMap;

/// Returns the number in an environment variable, or `otherwise`.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Damages a line one to three times: truncates it, or deletes, inserts, flips, overwrites or duplicates a part of it.
pub fn damage(random: &mut Xorshift, line: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(line.len().max(1));
        let until = (at + random.below(12)).min(line.len());
        match random.below(6) {
            0 => line.truncate(at),
            1 => drop(line.drain(at..until)),
            2 => line.splice(at..at, random.bytes(6)).for_each(drop),
            3 => line[at..until].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
            4 => line.splice(at..until, [0, 0xff, 0xc0, b'"']).for_each(drop),
            _ => {
                let part = line[at..until].to_vec();
                line.splice(at..at, part).for_each(drop);
            }
        }
    }
}

/// A pseudo-random generator (xorshift64*) with the same sequence in every run.
pub struct Xorshift(u64);

impl Xorshift {
    /// Creates the generator; `CODESCRY_TEST_SEED` overrides its seed.
    pub fn seeded() -> Self {
        Self(number("CODESCRY_TEST_SEED", 0x5eed_c0de).max(1))
    }

    /// Returns the next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 11) % limit as u64) as usize
    }

    /// Returns one of the choices.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Returns fewer than `most` random bytes without line feeds.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).filter(|byte| *byte != b'\n').collect()
    }
}

/// Feeds `cases` mutants of `seeds` to `target`, which returns a text about its behaviour, and counts these texts. A
/// mutant with a new text is a seed of later mutants. Only the first 60 characters of the texts count, without digits.
/// `CODESCRY_TEST_MUTANTS` overrides `cases`.
pub fn fuzz(seeds: &[Vec<u8>], cases: u64, mut target: impl FnMut(&[u8]) -> String) -> BTreeMap<String, u64> {
    let (mut random, mut corpus, mut outcomes) = (Xorshift::seeded(), seeds.to_vec(), BTreeMap::new());
    for _ in 0..number("CODESCRY_TEST_MUTANTS", cases) {
        let mut mutant = random.one_of(&corpus).clone();
        if random.below(6) == 0 {
            // The start of one input with the end of another one.
            let other = random.one_of(&corpus);
            let (cut, rest) = (random.below(mutant.len() + 1), random.below(other.len() + 1));
            mutant.splice(cut.., other[rest..].iter().copied());
        }
        damage(&mut random, &mut mutant);
        let outcome: String = target(&mutant).chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
        let count = outcomes.entry(outcome).or_insert(0);
        *count += 1;
        if *count == 1 {
            corpus.push(mutant);
        }
    }
    outcomes
}
