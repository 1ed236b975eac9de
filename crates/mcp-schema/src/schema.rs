//! Generates the JSON schemas of tool arguments and answers, in a form that every client supports.
//!
//! The schemas are inlined (no `$ref`) and have no number formats and no `null` types: absent values are
//! omitted instead. Schemas of arguments hold nothing but types, choices and descriptions, because models pay for every
//! word of them.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::argument::Argument;

/// Returns the schema of a tool's arguments; `required` must be given.
pub fn build_input_schema(required: &[&Argument], optional: &[&Argument]) -> JsonObject {
    let properties: JsonObject =
        required.iter().chain(optional).map(|argument| (argument.name.to_owned(), argument.schema())).collect();
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        let names: Vec<_> = required.iter().map(|argument| argument.name).collect();
        schema.insert("required".to_owned(), json!(names));
    }
    schema
}

/// Returns the schema of a tool's answer.
pub fn generate_output_schema<T: JsonSchema>() -> JsonObject {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    let mut value = T::json_schema(&mut settings.into_generator()).to_value();
    simplify_schema(&mut value);
    let mut object = match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    for key in ["title", "description", "$schema"] {
        object.remove(key);
    }
    object
}

/// Removes number formats and `null`, recursively.
fn simplify_schema(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let is_number =
                |format: &str| ["int", "uint", "double", "float"].iter().any(|number| format.starts_with(number));
            if object.get("format").and_then(Value::as_str).is_some_and(is_number) {
                object.remove("format");
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            remove_null_choices(object);
            object.values_mut().for_each(simplify_schema);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify_schema),
        _ => {}
    }
}

/// Removes `null` from the alternatives of a schema; a single remaining alternative replaces the list.
fn remove_null_choices(object: &mut JsonObject) {
    let null_schema = serde_json::json!({ "type": "null" });
    let nulls = [Value::String("null".to_owned()), Value::Null, null_schema];
    for key in ["type", "enum", "anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = object.get_mut(key) else {
            continue;
        };
        choices.retain(|choice| !nulls.contains(choice));
        if choices.len() != 1 {
            continue;
        }
        match choices.remove(0) {
            // Merges the only alternative into the schema.
            Value::Object(only) if key.ends_with("Of") => {
                object.remove(key);
                only.into_iter().for_each(|(key, value)| {
                    object.entry(key).or_insert(value);
                });
            }
            only if key == "type" => {
                object.insert(key.to_owned(), only);
            }
            only => choices.push(only),
        }
    }
}
