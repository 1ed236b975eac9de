//! Tools that request input from the client: the client calls them again with its answers.

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use serde_json::{Map, Value, json};

use super::wire::{
    ServerContext, elicitation_request, find_response, name_request, request_input, respond_with_text, roots_request,
    sampling_request, text_at, verify_state,
};

/// Calls a tool that answers only when it is called again with input from the client.
///
/// # Errors
/// If the client has changed the state of the call.
pub fn call_with_input(
    request: &CallToolRequestParams,
    context: &ServerContext,
) -> Result<CallToolResponse, ErrorData> {
    let responses = request.input_responses.as_ref();
    let state = request.request_state.as_deref().map(verify_state).transpose()?;
    let has = |key: &str| find_response(responses, key).is_some();
    match request.name.trim_start_matches("test_input_required_result_") {
        "elicitation" => match find_response(responses, "user_name") {
            Some(answer) => respond_with_text(format!("Hello, {}!", text_at(answer, ["content", "name"]))),
            None => request_input(json!({ "user_name": name_request() }), None),
        },
        "sampling" => match find_response(responses, "capital_question") {
            Some(answer) => respond_with_text(format!("The model said {}", text_at(answer, ["content", "text"]))),
            None => {
                request_input(json!({ "capital_question": sampling_request("What is the capital of France?") }), None)
            }
        },
        "list_roots" => match find_response(responses, "client_roots") {
            Some(answer) => respond_with_text(format!("The roots are {}", answer.get("roots").unwrap_or(&Value::Null))),
            None => request_input(json!({ "client_roots": roots_request() }), None),
        },
        "request_state" | "tampered_state" => match state {
            Some(_) => respond_with_text("state-ok"),
            None => request_input(
                json!({ "confirm": elicitation_request("Go on?", json!({ "ok": { "type": "boolean" } })) }),
                Some("confirm"),
            ),
        },
        "multiple_inputs" if has("user_name") && has("greeting") && has("client_roots") => {
            respond_with_text("All is there")
        }
        "multiple_inputs" => {
            let all = json!({ "user_name": name_request(), "greeting": sampling_request("Greet"), "client_roots": roots_request() });
            request_input(all, Some("gather"))
        }
        "multi_round" => match state {
            None => request_input(json!({ "step1": name_request() }), Some("1")),
            Some("1") => {
                let colour = elicitation_request("Which colour?", json!({ "color": { "type": "string" } }));
                request_input(json!({ "step2": colour }), Some("2"))
            }
            Some(_) => respond_with_text("Both rounds are done"),
        },
        _ if responses.is_some() => respond_with_text("All is there"),
        _ => request_supported_inputs(context),
    }
}

/// Requests every kind of input that the client supports.
fn request_supported_inputs(context: &ServerContext) -> Result<CallToolResponse, ErrorData> {
    let capabilities = context.meta.client_capabilities().unwrap_or_default();
    let mut requests = Map::new();
    for (key, request, is_supported) in [
        ("user_name", name_request(), capabilities.elicitation.is_some()),
        ("greeting", sampling_request("Greet"), capabilities.sampling.is_some()),
        ("client_roots", roots_request(), capabilities.roots.is_some()),
    ] {
        if is_supported {
            requests.insert(key.to_owned(), request);
        }
    }
    if requests.is_empty() {
        respond_with_text("The client supports no kind of input")
    } else {
        request_input(Value::Object(requests), None)
    }
}
