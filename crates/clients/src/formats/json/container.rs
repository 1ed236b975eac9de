//! The byte ranges of an object or an array and of its members. Both are edited in the same way.

use std::ops::Range;

use jsonc_parser::ast::{Array, Object};
use jsonc_parser::common::Ranged as _;

/// An object or an array.
pub(super) struct Container {
    /// The position of the opening bracket.
    pub start: usize,
    /// The position after the closing bracket.
    pub end: usize,
    pub members: Vec<Range<usize>>,
}

impl Container {
    /// Returns the ranges of an object and its properties.
    pub fn of_object(object: &Object<'_>) -> Self {
        let members = object.properties.iter().map(|property| property.range.start..property.range.end);
        Self { start: object.range.start, end: object.range.end, members: members.collect() }
    }

    /// Returns the ranges of an array and its elements.
    pub fn of_array(array: &Array<'_>) -> Self {
        let members = array.elements.iter().map(|element| element.range().start..element.range().end);
        Self { start: array.range.start, end: array.range.end, members: members.collect() }
    }
}
