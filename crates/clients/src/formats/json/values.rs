//! Inserts a value at a path, and compares texts before and after an edit.

use jsonc_parser::ast::Value;
use serde_json::Value as Plain;

use super::container::Container;
use super::parse::{find_object, parse_jsonc, to_plain};
use super::style::JsonStyle;
use crate::error::EditError;
use crate::formats::splice::apply_splices;

/// Returns `text` with a new value at `path`, whose last name does not exist yet. Adds the missing objects on the way.
///
/// # Errors
/// When a value on the way is not an object.
pub(super) fn insert_value(
    text: &str,
    root: Option<&Value<'_>>,
    style: &JsonStyle,
    path: &[&str],
    value: &dyn Fn(&JsonStyle) -> String,
) -> Result<String, EditError> {
    // The value with the objects around it, from the object at depth `depth`.
    let nested = |style: &JsonStyle, depth: usize| {
        path[depth + 1..].iter().rev().fold(value(style), |inner, name| style.format_object(&[(*name, inner)]))
    };
    if root.is_none() {
        // The text has only white space and comments.
        let start =
            if text.trim().is_empty() { String::new() } else { format!("{}{}", text.trim_end(), style.line_end) };
        let object = style.format_object(&[(path[0], nested(style, 0))]);
        return Ok(format!("{start}{object}{}", style.line_end));
    }
    let mut deepest = (0, find_object(text, root, &[])?);
    for depth in 1..path.len() {
        match find_object(text, root, &path[..depth])? {
            Some(object) => deepest = (depth, Some(object)),
            None => break,
        }
    }
    let (depth, Some(object)) = deepest else { return Ok(text.to_owned()) };
    let property = |style: &JsonStyle| style.format_property(path[depth], &nested(style, depth));
    Ok(apply_splices(text, style.insert_member(text, &Container::of_object(object), &property)))
}

/// Returns `edited` if its values equal those of `text` once `strip` is applied to both; otherwise an error.
pub(super) fn check_equal_rest(text: &str, edited: String, strip: impl Fn(&mut Plain)) -> Result<String, EditError> {
    let rest = |text: &str| {
        parse_jsonc(text).map(|value| {
            let mut value = value.map_or_else(|| Plain::Object(serde_json::Map::new()), |value| to_plain(&value));
            strip(&mut value);
            value
        })
    };
    if rest(&edited) == rest(text) {
        return Ok(edited);
    }
    Err(EditError::at(text, 0, "codescry cannot edit a file with this formatting"))
}

/// Applies `strip` to the value at `path`. Removes that value and the objects around it if they are empty afterwards.
pub(super) fn strip_value(value: &mut Plain, path: &[&str], strip: &dyn Fn(&mut Plain)) {
    let Some((name, rest)) = path.split_first() else { return strip(value) };
    let Some(object) = value.as_object_mut() else { return };
    if let Some(inner) = object.get_mut(*name) {
        strip_value(inner, rest, strip);
        let is_empty =
            inner.as_object().is_some_and(serde_json::Map::is_empty) || inner.as_array().is_some_and(Vec::is_empty);
        if is_empty {
            object.remove(*name);
        }
    }
}
