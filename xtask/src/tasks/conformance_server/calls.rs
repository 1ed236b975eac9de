//! Answers calls of the tools of the conformance suite.
#![expect(deprecated, reason = "older protocols have logging and sampling, and the suite checks them")]

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, ServerRequest,
};
use serde_json::{Value, json};

use super::inputs::call_with_input;
use super::listeners::{ListKind, ListenerSet};
use super::tools::elicitation_schema;
use super::wire::{
    PIXEL, SILENCE, ServerContext, convert_message, name_request, request_input, respond_with_content,
    respond_with_text, sampling_request, text_resource,
};

/// Calls a tool that returns a result and sends no other messages to the client.
fn call_simple(name: &str) -> Result<CallToolResponse, ErrorData> {
    let image = json!({ "type": "image", "data": PIXEL, "mimeType": "image/png" });
    match name {
        "test_simple_text" => respond_with_text("This is a simple text response for testing."),
        "test_image_content" => respond_with_content(json!([image])),
        "test_audio_content" => {
            respond_with_content(json!([{ "type": "audio", "data": SILENCE, "mimeType": "audio/wav" }]))
        }
        "test_embedded_resource" => respond_with_content(json!([text_resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource."
        )])),
        "test_multiple_content_types" => respond_with_content(json!([
            { "type": "text", "text": "Multiple content types test:" },
            image,
            text_resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ])),
        "test_error_handling" => {
            let text = ContentBlock::text("This tool intentionally returns an error for testing");
            Ok(CallToolResult::error(vec![text]).into())
        }
        "json_schema_2020_12_tool" => respond_with_text("Read"),
        _ => Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None)),
    }
}

/// Calls a tool. Some send notifications or requests to the client while they run.
///
/// # Errors
/// If the tool is unknown, or the client does not answer, lacks a capability or has changed the state of the call.
pub async fn call_tool(
    listeners: &ListenerSet,
    request: &CallToolRequestParams,
    context: &ServerContext,
) -> Result<CallToolResponse, ErrorData> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|all| all.get(name)).and_then(Value::as_str);
        given.unwrap_or("Hello").to_owned()
    };
    let failed = |error: rmcp::ServiceError| ErrorData::internal_error(error.to_string(), None);
    let peer = &context.peer;
    if request.name.starts_with("test_input_required_result_") {
        return call_with_input(request, context);
    }
    match request.name.as_ref() {
        "test_tool_with_logging" => {
            for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                send_log(context, LoggingLevel::Info, text).await?;
            }
            respond_with_text("Logged")
        }
        "test_logging_tool" => {
            if let Some(level) = context.meta.log_level() {
                send_log(context, level, "asked for").await?;
            }
            respond_with_text("Logged where asked to")
        }
        "test_tool_with_progress" => {
            for done in [0.0, 50.0, 100.0] {
                if let Some(token) = context.meta.get_progress_token() {
                    let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
                    peer.notify_progress(progress).await.map_err(failed)?;
                }
            }
            respond_with_text("Done")
        }
        "test_sampling" => {
            let asked = sampling_request(&argument("prompt"));
            let answer = peer.create_message(convert_message(asked["params"].clone())?).await.map_err(failed)?;
            respond_with_text(format!("LLM response: {}", json!(answer.message.content)))
        }
        "test_custom_header" => respond_with_text(argument("value")),
        "test_missing_capability" if context.meta.client_capabilities().unwrap_or_default().sampling.is_none() => {
            Err(ErrorData::missing_required_client_capability(convert_message(json!({ "sampling": {} }))?))
        }
        "test_missing_capability" => respond_with_text("The client has it"),
        "test_streaming_elicitation" => request_input(json!({ "value": name_request() }), None),
        "test_trigger_tool_change" => {
            listeners.notify_all(ListKind::Tools).await;
            respond_with_text("Told")
        }
        "test_trigger_prompt_change" => {
            listeners.notify_all(ListKind::Prompts).await;
            respond_with_text("Told")
        }
        name if name.starts_with("test_elicitation") => {
            let params =
                json!({ "mode": "form", "message": argument("message"), "requestedSchema": elicitation_schema(name) });
            let asked: ServerRequest = convert_message(json!({ "method": "elicitation/create", "params": params }))?;
            let answer = json!(peer.send_request(asked).await.map_err(failed)?);
            let action = answer["action"].as_str().unwrap_or("none");
            respond_with_text(format!("The answer: action={action}, content={}", answer["content"]))
        }
        name => call_simple(name),
    }
}

/// Sends a log message to the client.
async fn send_log(context: &ServerContext, level: LoggingLevel, text: &str) -> Result<(), ErrorData> {
    let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("fixture");
    let sent = context.peer.notify_logging_message(message).await;
    sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))
}
