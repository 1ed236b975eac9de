//! What a word names a model by: `NAME`, `NAME:int8`, `NAME@256`, `NAME:int8@256`.
//!
//! Must never import: anything but `embed::models`.

use super::description::Precision;

/// A name with what is asked for beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'w> {
    pub name: &'w str,
    pub precision: Option<Precision>,
    /// Of the vectors.
    pub width: Option<usize>,
}

impl<'w> Reference<'w> {
    /// Takes a word apart.
    pub fn read(word: &'w str) -> Self {
        let width = word.rsplit_once('@').and_then(|(rest, width)| Some((rest, Some(width.parse().ok()?))));
        let (rest, width) = width.unwrap_or((word, None));
        let precision = rest.rsplit_once(':').and_then(|(name, last)| Some((name, Some(Precision::named(last)?))));
        let (name, precision) = precision.unwrap_or((rest, None));
        Self { name, precision, width }
    }

    /// The precisions to look for, of those that are wanted where none is named.
    pub fn precisions(&self, wanted: &[Precision]) -> Vec<Precision> {
        self.precision.map_or_else(|| wanted.to_vec(), |precision| vec![precision])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_precision_and_a_width_behind_it() {
        let read = |word| {
            let Reference { name, precision, width } = Reference::read(word);
            (name, precision, width)
        };
        assert_eq!(read("a"), ("a", None, None));
        assert_eq!(read("a:int8"), ("a", Some(Precision::Int8), None));
        assert_eq!(read("a@256"), ("a", None, Some(256)));
        assert_eq!(read("a:fp16@256"), ("a", Some(Precision::Fp16), Some(256)));
        assert_eq!(read("owner/a:b@c"), ("owner/a:b@c", None, None), "what is neither belongs to the name");
        assert_eq!(read("C:\\models"), ("C:\\models", None, None));
    }
}
