//! Parses JSON with comments and trailing commas, and finds values in it.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value as Plain;

use crate::error::EditError;

/// Parses JSON with comments and trailing commas; `None` if there is no value.
pub(super) fn parse_jsonc(text: &str) -> Result<Option<Value<'_>>, EditError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options);
    parsed.map(|parsed| parsed.value).map_err(|error| {
        let problem = format!("this is not JSON ({})", error.kind());
        EditError { line: error.line_display(), column: error.column_display(), problem }
    })
}

/// Returns the object below the nested `keys` of the root, if there is one.
///
/// # Errors
/// When the root or a value on the way is not an object, or a key occurs twice.
pub(super) fn find_object<'v, 't>(
    text: &str,
    root: Option<&'v Value<'t>>,
    keys: &[&str],
) -> Result<Option<&'v Object<'t>>, EditError> {
    let mut object = match root {
        None => return Ok(None),
        Some(Value::Object(root)) => root,
        Some(other) => return Err(EditError::at(text, other.range().start, "this is not an object")),
    };
    for key in keys {
        object = match find_property(text, object, key)? {
            None => return Ok(None),
            Some(ObjectProp { value: Value::Object(inner), .. }) => inner,
            Some(other) => {
                return Err(EditError::at(text, other.value.range().start, format!("{key:?} is not an object")));
            }
        };
    }
    Ok(Some(object))
}

/// Returns the property `name`, if there is one.
///
/// # Errors
/// When the property occurs twice.
pub(super) fn find_property<'v, 't>(
    text: &str,
    object: &'v Object<'t>,
    name: &str,
) -> Result<Option<&'v ObjectProp<'t>>, EditError> {
    let mut matching = object.properties.iter().filter(|property| property.name.as_str() == name);
    let first = matching.next();
    match matching.next() {
        Some(second) => Err(EditError::at(text, second.range.start, format!("{name:?} is there twice"))),
        None => Ok(first),
    }
}

/// Converts a parsed value for comparison; numbers are compared as written.
pub(super) fn to_plain(value: &Value<'_>) -> Plain {
    match value {
        Value::StringLit(string) => Plain::String(string.value.to_string()),
        Value::NumberLit(number) => Plain::String(format!("number {}", number.value)),
        Value::BooleanLit(boolean) => Plain::Bool(boolean.value),
        Value::NullKeyword(_) => Plain::Null,
        Value::Array(array) => Plain::Array(array.elements.iter().map(to_plain).collect()),
        Value::Object(object) => {
            let property = |property: &ObjectProp<'_>| (property.name.as_str().to_owned(), to_plain(&property.value));
            Plain::Object(object.properties.iter().map(property).collect())
        }
    }
}
