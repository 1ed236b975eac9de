//! The service that the MCP conformance suite wants to talk to, over codescry's own HTTP transports.
//!
//! The suite calls tools, prompts and resources of its own invention to see that every kind of message
//! gets through. codescry has none of them; this has, so that what they need of the transport is
//! checked all the same. `tests/clients/run` starts it:
//!
//! ```text
//! cargo run --example conformance_server -- 127.0.0.1:7980
//! ```
#![expect(deprecated, reason = "older protocols have logging and sampling, and the suite checks them")]

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mcp::http::{HttpOptions, serve_service};
use rmcp::model::*;
use rmcp::service::{RequestContext, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Refused = ErrorData;
type Context = RequestContext<RoleServer>;

/// One red pixel, and a moment of silence.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// How long lists and resources may be kept by a client.
const KEEP_MS: u64 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7980".to_owned());
    let options = HttpOptions::new(address.parse::<SocketAddr>()?);
    serve_service(Fixture::default(), &options, |address| {
        // Whoever reads this waits for it; nobody else does.
        _ = writeln!(std::io::stderr(), "serving MCP at http://{address}/mcp until Ctrl-C");
    })?;
    Ok(())
}

/// What the suite calls.
#[derive(Clone, Default)]
struct Fixture {
    listeners: Arc<Mutex<HashMap<usize, SubscriptionSink>>>,
}

/// Reads a value of the protocol from the JSON it is on the wire.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refused> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// A result with everything in it.
fn result<T: DeserializeOwned>(mut value: Value) -> Result<T, Refused> {
    value["resultType"] = json!("complete");
    read(value)
}

fn content(blocks: Value) -> Result<CallToolResponse, Refused> {
    Ok(result::<CallToolResult>(json!({ "content": blocks }))?.into())
}

fn said(text: impl Into<String>) -> Result<CallToolResponse, Refused> {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

fn text_resource(uri: &str, kind: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } })
}

/// The tools: name, and the properties of its arguments.
fn tools() -> Vec<Tool> {
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
    plain.chain(with.into_iter().map(|(name, properties)| tool(name, properties))).chain([wide_schema()]).collect()
}

/// A tool whose schema uses what the newest JSON Schema has.
fn wide_schema() -> Tool {
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

/// Asks the person for something of these properties.
fn elicitation(message: &str, properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({ "method": "elicitation/create", "params": { "mode": "form", "message": message, "requestedSchema": schema } })
}

fn sampling(prompt: &str) -> Value {
    let messages = json!([{ "role": "user", "content": { "type": "text", "text": prompt } }]);
    json!({ "method": "sampling/createMessage", "params": { "messages": messages, "maxTokens": 100 } })
}

fn name_request() -> Value {
    elicitation("What is your name?", json!({ "name": { "type": "string" } }))
}

fn roots_request() -> Value {
    json!({ "method": "roots/list" })
}

/// "Ask the client these and call again", with what has to come back unchanged.
fn ask<T: From<InputRequiredResult>>(requests: Value, state: Option<&str>) -> Result<T, Refused> {
    let requests: InputRequests = read(requests)?;
    Ok(InputRequiredResult::new(Some(requests), state.map(seal)).into())
}

/// A state with what shows that nobody has changed it.
fn seal(state: &str) -> String {
    format!("{state}.{}", blake3::keyed_hash(&[7; 32], state.as_bytes()).to_hex())
}

fn unseal(sealed: &str) -> Result<&str, Refused> {
    let state = sealed.split_once('.').map_or("", |(state, _)| state);
    let refused = || ErrorData::invalid_params("the state of the request was changed", None);
    (seal(state) == sealed).then_some(state).ok_or_else(refused)
}

/// What the client answered to one of [`ask`]'s requests.
fn given<'r>(responses: Option<&'r InputResponses>, key: &str) -> Option<&'r Map<String, Value>> {
    responses?.get(key)?.as_object()
}

/// A text inside of an answer.
fn text_at(answer: &Map<String, Value>, path: [&str; 2]) -> String {
    let found = answer.get(path[0]).and_then(|inner| inner.get(path[1]));
    found.and_then(Value::as_str).unwrap_or("nothing").to_owned()
}

/// Tools that need a second call with what the client was asked for.
fn call_again(request: &CallToolRequestParams, context: &Context) -> Result<CallToolResponse, Refused> {
    let responses = request.input_responses.as_ref();
    let state = request.request_state.as_deref().map(unseal).transpose()?;
    let has = |key: &str| given(responses, key).is_some();
    match request.name.trim_start_matches("test_input_required_result_") {
        "elicitation" => match given(responses, "user_name") {
            Some(answer) => said(format!("Hello, {}!", text_at(answer, ["content", "name"]))),
            None => ask(json!({ "user_name": name_request() }), None),
        },
        "sampling" => match given(responses, "capital_question") {
            Some(answer) => said(format!("The model said {}", text_at(answer, ["content", "text"]))),
            None => ask(json!({ "capital_question": sampling("What is the capital of France?") }), None),
        },
        "list_roots" => match given(responses, "client_roots") {
            Some(answer) => said(format!("The roots are {}", answer.get("roots").unwrap_or(&Value::Null))),
            None => ask(json!({ "client_roots": roots_request() }), None),
        },
        "request_state" | "tampered_state" => match state {
            Some(_) => said("state-ok"),
            None => ask(
                json!({ "confirm": elicitation("Go on?", json!({ "ok": { "type": "boolean" } })) }),
                Some("confirm"),
            ),
        },
        "multiple_inputs" if has("user_name") && has("greeting") && has("client_roots") => said("All is there"),
        "multiple_inputs" => {
            let all =
                json!({ "user_name": name_request(), "greeting": sampling("Greet"), "client_roots": roots_request() });
            ask(all, Some("gather"))
        }
        "multi_round" => match state {
            None => ask(json!({ "step1": name_request() }), Some("1")),
            Some("1") => {
                let colour = elicitation("Which colour?", json!({ "color": { "type": "string" } }));
                ask(json!({ "step2": colour }), Some("2"))
            }
            Some(_) => said("Both rounds are done"),
        },
        _ if responses.is_some() => said("All is there"),
        _ => ask_what_the_client_can(context),
    }
}

fn ask_what_the_client_can(context: &Context) -> Result<CallToolResponse, Refused> {
    let can = context.meta.client_capabilities().unwrap_or_default();
    let mut requests = Map::new();
    for (key, request, may) in [
        ("user_name", name_request(), can.elicitation.is_some()),
        ("greeting", sampling("Greet"), can.sampling.is_some()),
        ("client_roots", roots_request(), can.roots.is_some()),
    ] {
        if may {
            requests.insert(key.to_owned(), request);
        }
    }
    if requests.is_empty() {
        said("There is nothing this client can be asked")
    } else {
        ask(Value::Object(requests), None)
    }
}

/// Schemas of the questions that clients of older protocols are asked while a tool runs.
fn schema_of(tool: &str) -> Value {
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

impl Fixture {
    async fn call_simple(&self, name: &str) -> Result<CallToolResponse, Refused> {
        let image = json!({ "type": "image", "data": PIXEL, "mimeType": "image/png" });
        match name {
            "test_simple_text" => said("This is a simple text response for testing."),
            "test_image_content" => content(json!([image])),
            "test_audio_content" => content(json!([{ "type": "audio", "data": SILENCE, "mimeType": "audio/wav" }])),
            "test_embedded_resource" => content(json!([text_resource(
                "test://embedded-resource",
                "text/plain",
                "This is an embedded resource."
            )])),
            "test_multiple_content_types" => content(json!([
                { "type": "text", "text": "Multiple content types test:" },
                image,
                text_resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
            ])),
            "test_error_handling" => {
                let text = ContentBlock::text("This tool intentionally returns an error for testing");
                Ok(CallToolResult::error(vec![text]).into())
            }
            "json_schema_2020_12_tool" => said("Read"),
            _ => Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None)),
        }
    }

    /// Tools that say or ask something while they run.
    async fn call_talking(
        &self,
        request: &CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResponse, Refused> {
        let argument = |name: &str| {
            let given = request.arguments.as_ref().and_then(|all| all.get(name)).and_then(Value::as_str);
            given.unwrap_or("Hello").to_owned()
        };
        let failed = |error: rmcp::ServiceError| ErrorData::internal_error(error.to_string(), None);
        let peer = &context.peer;
        match request.name.as_ref() {
            "test_tool_with_logging" => {
                for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                    log(context, LoggingLevel::Info, text).await?;
                }
                said("Logged")
            }
            "test_logging_tool" => {
                if let Some(level) = context.meta.log_level() {
                    log(context, level, "asked for").await?;
                }
                said("Logged where asked to")
            }
            "test_tool_with_progress" => {
                for done in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
                        peer.notify_progress(progress).await.map_err(failed)?;
                    }
                }
                said("Done")
            }
            "test_sampling" => {
                let asked = sampling(&argument("prompt"));
                let answer = peer.create_message(read(asked["params"].clone())?).await.map_err(failed)?;
                said(format!("LLM response: {}", json!(answer.message.content)))
            }
            "test_custom_header" => said(argument("value")),
            "test_missing_capability" if context.meta.client_capabilities().unwrap_or_default().sampling.is_none() => {
                Err(ErrorData::missing_required_client_capability(read(json!({ "sampling": {} }))?))
            }
            "test_missing_capability" => said("The client has it"),
            "test_streaming_elicitation" => ask(json!({ "value": name_request() }), None),
            "test_trigger_tool_change" => self.tell(true).await,
            "test_trigger_prompt_change" => self.tell(false).await,
            name if name.starts_with("test_elicitation") => {
                let params =
                    json!({ "mode": "form", "message": argument("message"), "requestedSchema": schema_of(name) });
                let asked: ServerRequest = read(json!({ "method": "elicitation/create", "params": params }))?;
                let answer = json!(peer.send_request(asked).await.map_err(failed)?);
                let action = answer["action"].as_str().unwrap_or("none");
                said(format!("The answer: action={action}, content={}", answer["content"]))
            }
            name => self.call_simple(name).await,
        }
    }

    /// Tells whoever listens that a list has changed.
    async fn tell(&self, of_tools: bool) -> Result<CallToolResponse, Refused> {
        let listeners: Vec<_> = {
            let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.values().cloned().collect()
        };
        for listener in listeners {
            // One that went away meanwhile does not hear it.
            _ = if of_tools {
                listener.notify_tool_list_changed().await
            } else {
                listener.notify_prompt_list_changed().await
            };
        }
        said("Told")
    }
}

async fn log(context: &Context, level: LoggingLevel, text: &str) -> Result<(), Refused> {
    let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("fixture");
    let told = context.peer.notify_logging_message(message).await;
    told.map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({
            "prompts": { "listChanged": true },
            "resources": { "subscribe": true, "listChanged": true },
            "tools": { "listChanged": true },
            "logging": {},
            "completions": {},
        });
        let capabilities = serde_json::from_value(capabilities).unwrap_or_default();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("codescry-fixture", "1"))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools().into_iter().find(|tool| tool.name == name)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), Refused> {
        let number = {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            let number = listeners.keys().max().map_or(0, |last| last + 1);
            listeners.insert(number, context.sink().clone());
            number
        };
        context.cancelled().await;
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        Ok(())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, Refused> {
        let all = ListToolsResult::with_all_items(tools());
        Ok(all.with_ttl_ms(KEEP_MS).with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, Refused> {
        if request.name.starts_with("test_input_required_result_") {
            return call_again(&request, &context);
        }
        self.call_talking(&request, &context).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, Refused> {
        let all: ListResourcesResult = result(json!({ "resources": [
            { "uri": "test://static-text", "name": "text", "description": "A text", "mimeType": "text/plain" },
            { "uri": "test://static-binary", "name": "pixel", "description": "A picture", "mimeType": "image/png" },
        ] }))?;
        Ok(all.with_ttl_ms(KEEP_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, Refused> {
        let one = json!({ "uriTemplate": "test://template/{id}/data", "name": "data", "mimeType": "application/json" });
        let all: ListResourceTemplatesResult = result(json!({ "resourceTemplates": [one] }))?;
        Ok(all.with_ttl_ms(KEEP_MS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, Refused> {
        let uri = request.uri.as_str();
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let found = match (uri, id) {
            ("test://static-text", _) => {
                json!({ "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource." })
            }
            ("test://static-binary", _) => json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL }),
            (_, Some(id)) => {
                let text = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "uri": uri, "mimeType": "application/json", "text": text.to_string() })
            }
            _ => return Err(ErrorData::resource_not_found(format!("no resource {uri}"), Some(json!({ "uri": uri })))),
        };
        let found: ReadResourceResult = result(json!({ "contents": [found] }))?;
        Ok(found.with_ttl_ms(KEEP_MS).with_cache_scope(CacheScope::Public).into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), Refused> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), Refused> {
        Ok(())
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListPromptsResult, Refused> {
        let all: ListPromptsResult = result(json!({ "prompts": [
            { "name": "test_simple_prompt", "description": "A prompt" },
            { "name": "test_prompt_with_arguments", "description": "A prompt with arguments", "arguments": [
                { "name": "arg1", "description": "The first", "required": true },
                { "name": "arg2", "description": "The second", "required": true },
            ] },
            { "name": "test_prompt_with_embedded_resource", "description": "A prompt with a resource", "arguments": [
                { "name": "resourceUri", "description": "Which", "required": true },
            ] },
            { "name": "test_prompt_with_image", "description": "A prompt with a picture" },
            { "name": "test_input_required_result_prompt", "description": "A prompt that asks back" },
        ] }))?;
        Ok(all.with_ttl_ms(KEEP_MS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Result<GetPromptResponse, Refused> {
        let given_arguments = json!(request.arguments.unwrap_or_default());
        let argument = |name: &str| given_arguments[name].as_str().unwrap_or_default().to_owned();
        let text = |text: &str| json!({ "type": "text", "text": text });
        let blocks = match request.name.as_str() {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
            "test_prompt_with_arguments" => {
                vec![text(&format!("Prompt with arguments: arg1='{}', arg2='{}'", argument("arg1"), argument("arg2")))]
            }
            "test_prompt_with_embedded_resource" => {
                vec![
                    text_resource(&argument("resourceUri"), "text/plain", "A resource in a prompt."),
                    text("Look at it."),
                ]
            }
            "test_prompt_with_image" => {
                vec![json!({ "type": "image", "data": PIXEL, "mimeType": "image/png" }), text("Look at it.")]
            }
            "test_input_required_result_prompt" => match given(request.input_responses.as_ref(), "user_context") {
                Some(answer) => vec![text(&text_at(answer, ["content", "context"]))],
                None => {
                    let context = elicitation("In which context?", json!({ "context": { "type": "string" } }));
                    return ask(json!({ "user_context": context }), None);
                }
            },
            name => return Err(ErrorData::invalid_params(format!("unknown prompt: {name}"), None)),
        };
        let messages: Vec<_> = blocks.into_iter().map(|block| json!({ "role": "user", "content": block })).collect();
        Ok(result::<GetPromptResult>(json!({ "messages": messages }))?.into())
    }

    async fn complete(&self, _: CompleteRequestParams, _: Context) -> Result<CompleteResult, Refused> {
        result(json!({ "completion": { "values": ["paris", "park", "party"], "total": 3, "hasMore": false } }))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), Refused> {
        Ok(())
    }
}
