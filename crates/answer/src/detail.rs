//! The level of detail at which an answer shows places.

/// The level of detail at which an answer shows places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The first two places with lines of their code, the others on one line each.
    #[default]
    Brief,
    /// Every place with lines of its code, as far as there is room.
    Full,
}

/// The words of the argument that chooses the detail, in the order of the variants.
pub const DETAIL_WORDS: &[&str] = &["brief", "full"];

/// Maximum number of lines of the second place of a brief answer.
const MAX_SECOND_LINES: usize = 8;

impl Detail {
    /// Returns the detail with exactly this name; `None` for another word.
    pub fn parse_detail(word: &str) -> Option<Self> {
        match word {
            "brief" => Some(Self::Brief),
            "full" => Some(Self::Full),
            _ => None,
        }
    }

    /// Returns the maximum number of lines of code of the place at `rank`, which counts from 0; `full_lines` is that of
    /// the first place. If the result is 1, the place is shown on one line, as by
    /// [`Place::format_brief`](crate::Place::format_brief).
    pub fn lines_at_rank(self, rank: usize, full_lines: usize) -> usize {
        match (self, rank) {
            (Self::Full, _) | (Self::Brief, 0) => full_lines,
            (Self::Brief, 1) => (full_lines / 2).clamp(2, MAX_SECOND_LINES),
            (Self::Brief, _) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brief_answers_show_code_of_the_first_two_places() {
        let lines = |detail: Detail| [0, 1, 2, 9].map(|rank| detail.lines_at_rank(rank, 12));
        assert_eq!((lines(Detail::Brief), lines(Detail::Full)), ([12, 6, 1, 1], [12; 4]));
        assert_eq!(Detail::Brief.lines_at_rank(1, 40), 8);
        assert_eq!(DETAIL_WORDS.iter().filter_map(|word| Detail::parse_detail(word)).count(), DETAIL_WORDS.len());
    }
}
