//! Messages of the protocol that several calls use.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, InputRequests, InputRequiredResult, InputResponses};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The context of a client's request.
pub type ServerContext = RequestContext<RoleServer>;

/// A PNG of one red pixel, in base64.
pub const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// A WAV file without samples, in base64.
pub const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// Converts JSON to a message of the protocol.
///
/// # Errors
/// If the JSON does not have the shape of the message.
pub fn convert_message<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Adds the result type `complete` to JSON, and converts it to a result of the protocol.
///
/// # Errors
/// If the JSON does not have the shape of the result.
pub fn convert_result<T: DeserializeOwned>(mut value: Value) -> Result<T, ErrorData> {
    value["resultType"] = json!("complete");
    convert_message(value)
}

/// Creates the response of a tool call from content blocks.
///
/// # Errors
/// If the blocks do not have the shape of content.
pub fn respond_with_content(blocks: Value) -> Result<CallToolResponse, ErrorData> {
    Ok(convert_result::<CallToolResult>(json!({ "content": blocks }))?.into())
}

/// Creates the response of a tool call from a text.
///
/// # Errors
/// Never.
pub fn respond_with_text(text: impl Into<String>) -> Result<CallToolResponse, ErrorData> {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

/// Creates a content block with an embedded text resource.
pub fn text_resource(uri: &str, kind: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } })
}

/// Creates a request for input of the user, with one form field per property.
pub fn elicitation_request(message: &str, properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({ "method": "elicitation/create", "params": { "mode": "form", "message": message, "requestedSchema": schema } })
}

/// Creates a request for a completion of the client's model.
pub fn sampling_request(prompt: &str) -> Value {
    let messages = json!([{ "role": "user", "content": { "type": "text", "text": prompt } }]);
    json!({ "method": "sampling/createMessage", "params": { "messages": messages, "maxTokens": 100 } })
}

/// Creates a request for the user's name.
pub fn name_request() -> Value {
    elicitation_request("What is your name?", json!({ "name": { "type": "string" } }))
}

/// Creates a request for the client's roots.
pub fn roots_request() -> Value {
    json!({ "method": "roots/list" })
}

/// Creates a response that requests another call with answers to `requests`, and with `state` unchanged.
///
/// # Errors
/// If the requests do not have the shape of requests for input.
pub fn request_input<T: From<InputRequiredResult>>(requests: Value, state: Option<&str>) -> Result<T, ErrorData> {
    let requests: InputRequests = convert_message(requests)?;
    Ok(InputRequiredResult::new(Some(requests), state.map(sign_state)).into())
}

/// Appends a keyed hash, which shows whether the client has changed the state.
fn sign_state(state: &str) -> String {
    format!("{state}.{}", blake3::keyed_hash(&[7; 32], state.as_bytes()).to_hex())
}

/// Returns the state without its hash.
///
/// # Errors
/// If the hash does not match the state.
pub fn verify_state(signed: &str) -> Result<&str, ErrorData> {
    let state = signed.split_once('.').map_or("", |(state, _)| state);
    let error = || ErrorData::invalid_params("the state of the request was changed", None);
    (sign_state(state) == signed).then_some(state).ok_or_else(error)
}

/// Returns the client's answer to one of the requests of [`request_input`].
pub fn find_response<'r>(responses: Option<&'r InputResponses>, key: &str) -> Option<&'r Map<String, Value>> {
    responses?.get(key)?.as_object()
}

/// Returns the text at a path of two keys in an answer, or the word `nothing`.
pub fn text_at(answer: &Map<String, Value>, path: [&str; 2]) -> String {
    let found = answer.get(path[0]).and_then(|inner| inner.get(path[1]));
    found.and_then(Value::as_str).unwrap_or("nothing").to_owned()
}
