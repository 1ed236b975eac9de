//! Generates the JSON schemas of tool arguments and answers, in a form that every client supports.
//!
//! The schemas are inlined (no `$ref`) and have no number formats and no `null` types: absent values are
//! omitted instead.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Returns the schema of a tool's arguments.
pub fn generate_input_schema<T: JsonSchema>() -> JsonObject {
    generate_schema::<T>(SchemaSettings::draft2020_12())
}

/// Returns the schema of a tool's answer.
pub fn generate_output_schema<T: JsonSchema>() -> JsonObject {
    generate_schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn generate_schema<T: JsonSchema>(mut settings: SchemaSettings) -> JsonObject {
    settings.inline_subschemas = true;
    let mut value = T::json_schema(&mut settings.into_generator()).to_value();
    simplify_schema(&mut value);
    let mut object = match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    object.remove("title");
    object.remove("description");
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
