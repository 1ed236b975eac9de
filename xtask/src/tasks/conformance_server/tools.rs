//! The tools that the MCP conformance suite calls, and the elicitation forms that they send.

use rmcp::model::Tool;
use serde_json::{Value, json};

/// Lists the tools that the suite calls.
pub fn list_tools() -> Vec<Tool> {
    let plain = [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
        "test_tool_with_logging",
        "test_error_handling",
        "test_tool_with_progress",
        "test_elicitation_sep1034_defaults",
        "test_elicitation_sep1330_enums",
        "test_missing_capability",
        "test_streaming_elicitation",
        "test_logging_tool",
        "test_trigger_tool_change",
        "test_trigger_prompt_change",
        "test_input_required_result_elicitation",
        "test_input_required_result_sampling",
        "test_input_required_result_list_roots",
        "test_input_required_result_request_state",
        "test_input_required_result_multiple_inputs",
        "test_input_required_result_multi_round",
        "test_input_required_result_tampered_state",
        "test_input_required_result_capabilities",
    ];
    let with = [
        ("test_sampling", json!({ "prompt": { "type": "string" } })),
        ("test_elicitation", json!({ "message": { "type": "string" } })),
        ("test_custom_header", json!({ "value": { "type": "string", "x-mcp-header": "Value" } })),
    ];
    let tool = |name: &'static str, properties: Value| {
        let schema = json!({ "type": "object", "properties": properties });
        Tool::new(name, "Called by the conformance suite", schema.as_object().cloned().unwrap_or_default())
    };
    let plain = plain.into_iter().map(|name| tool(name, json!({})));
    plain
        .chain(with.into_iter().map(|(name, properties)| tool(name, properties)))
        .chain([build_schema_tool()])
        .collect()
}

/// Creates a tool whose schema uses the keywords of JSON Schema 2020-12.
fn build_schema_tool() -> Tool {
    let address = json!({ "$anchor": "addressDef", "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" } } });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": address },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    });
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new("json_schema_2020_12_tool", "Called by the conformance suite", schema)
}

/// Returns the schema of the form that a tool sends to clients of older protocols while it runs.
pub fn elicitation_schema(tool: &str) -> Value {
    let properties = match tool {
        "test_elicitation" => json!({
            "username": { "type": "string", "description": "Name" },
            "email": { "type": "string", "description": "Address" },
        }),
        "test_elicitation_sep1034_defaults" => json!({
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true },
        }),
        _ => {
            let choices = json!(["option1", "option2", "option3"]);
            let titled = json!([
                { "const": "value1", "title": "First" },
                { "const": "value2", "title": "Second" },
                { "const": "value3", "title": "Third" },
            ]);
            json!({
                "untitledSingle": { "type": "string", "enum": choices },
                "titledSingle": { "type": "string", "oneOf": titled },
                "legacyEnum": { "type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"] },
                "untitledMulti": { "type": "array", "items": { "type": "string", "enum": choices } },
                "titledMulti": { "type": "array", "items": { "anyOf": titled } },
            })
        }
    };
    json!({ "type": "object", "properties": properties })
}
