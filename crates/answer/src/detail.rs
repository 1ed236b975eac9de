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

impl Detail {
    /// Returns the detail with exactly this name; `None` for another word.
    pub fn parse_detail(word: &str) -> Option<Self> {
        match word {
            "brief" => Some(Self::Brief),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_detail() {
        let parsed: Vec<Option<Detail>> = DETAIL_WORDS.iter().map(|word| Detail::parse_detail(word)).collect();
        assert_eq!(parsed, [Some(Detail::Brief), Some(Detail::Full)]);
        assert_eq!(Detail::parse_detail("Brief"), None);
    }
}
