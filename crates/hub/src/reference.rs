//! The syntax of model references: `NAME`, `NAME:int8`, `NAME@256`, `NAME:int8@256`.

use crate::description::Precision;

/// A model's name with an optional precision and an optional number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelReference<'w> {
    pub name: &'w str,
    pub precision: Option<Precision>,
    /// Requested number of dimensions of the vectors; `None` for the model's own.
    pub width: Option<usize>,
}

impl<'w> ModelReference<'w> {
    /// Parses a reference. A suffix that is neither a precision nor a number of dimensions is part of the name.
    pub fn parse(word: &'w str) -> Self {
        let width = word.rsplit_once('@').and_then(|(rest, width)| Some((rest, Some(width.parse().ok()?))));
        let (rest, width) = width.unwrap_or((word, None));
        let precision = rest.rsplit_once(':').and_then(|(name, last)| Some((name, Some(Precision::from_word(last)?))));
        let (name, precision) = precision.unwrap_or((rest, None));
        Self { name, precision, width }
    }

    /// Returns the precisions to look for: the named one, or `wanted` if none is named.
    pub fn precisions(&self, wanted: &[Precision]) -> Vec<Precision> {
        self.precision.map_or_else(|| wanted.to_vec(), |precision| vec![precision])
    }
}

/// Returns the reference in a model identifier (see [`InstalledModel::reference`](crate::InstalledModel::reference));
/// `None` if the identifier has none.
pub fn reference_from_id(id: &str) -> Option<&str> {
    id.rsplit_once('@').map(|(name, _)| name).filter(|name| name.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_followed_by_a_precision_and_a_width() {
        let read = |word| {
            let ModelReference { name, precision, width } = ModelReference::parse(word);
            (name, precision, width)
        };
        assert_eq!(read("a"), ("a", None, None));
        assert_eq!(read("a:int8"), ("a", Some(Precision::Int8), None));
        assert_eq!(read("a@256"), ("a", None, Some(256)));
        assert_eq!(read("a:fp16@256"), ("a", Some(Precision::Fp16), Some(256)));
        assert_eq!(read("owner/a:b@c"), ("owner/a:b@c", None, None), "other suffixes are part of the name");
        assert_eq!(read("C:\\models"), ("C:\\models", None, None));
    }
}
