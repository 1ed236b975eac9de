//! JSON schemas of tool arguments and answers, kept to what every client understands.
//!
//! Everything is in place (no `$ref`), without number formats and without `null`: what is not
//! there is left out. Must never import: anything of this crate.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a tool's arguments.
pub fn of_input<T: JsonSchema>() -> JsonObject {
    object::<T>(SchemaSettings::draft2020_12())
}

/// The schema of a tool's answer.
pub fn of_output<T: JsonSchema>() -> JsonObject {
    object::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn object<T: JsonSchema>(mut settings: SchemaSettings) -> JsonObject {
    settings.inline_subschemas = true;
    let mut value = T::json_schema(&mut settings.into_generator()).to_value();
    plain(&mut value);
    let mut object = match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    object.remove("title");
    object.remove("description");
    object
}

/// Takes number formats and `null` out, everywhere below `schema`.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let number = |word: &str| ["int", "uint", "double", "float"].iter().any(|number| word.starts_with(number));
            if object.get("format").and_then(Value::as_str).is_some_and(number) {
                object.remove("format");
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            without_null(object);
            object.values_mut().for_each(plain);
        }
        Value::Array(values) => values.iter_mut().for_each(plain),
        _ => {}
    }
}

fn without_null(object: &mut JsonObject) {
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
            // A single alternative is no alternative: it takes the place of the choice.
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
