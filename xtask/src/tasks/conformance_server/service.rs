//! The service that the transports run: its implementation of the MCP server interface.
#![expect(deprecated, reason = "older protocols have logging and sampling, and the suite checks them")]

use rmcp::model::*;
use rmcp::service::SubscriptionContext;
use rmcp::{ErrorData, ServerHandler};
use serde_json::json;

use super::calls::call_tool;
use super::listeners::ListenerSet;
use super::tools::list_tools;
use super::wire::{
    PIXEL, ServerContext, convert_result, elicitation_request, find_response, request_input, text_at, text_resource,
};

/// Time that a client may cache lists and resources, in milliseconds.
const TTL_MS: u64 = 1_000;

/// A service with the tools, resources and prompts that the suite expects.
#[derive(Clone, Default)]
pub struct ConformanceService {
    listeners: ListenerSet,
}

impl ServerHandler for ConformanceService {
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
        list_tools().into_iter().find(|tool| tool.name == name)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let number = self.listeners.add(context.sink().clone());
        context.cancelled().await;
        self.listeners.remove(number);
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: ServerContext,
    ) -> Result<ListToolsResult, ErrorData> {
        let listed = ListToolsResult::with_all_items(list_tools());
        Ok(listed.with_ttl_ms(TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: ServerContext,
    ) -> Result<CallToolResponse, ErrorData> {
        call_tool(&self.listeners, &request, &context).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: ServerContext,
    ) -> Result<ListResourcesResult, ErrorData> {
        let listed: ListResourcesResult = convert_result(json!({ "resources": [
            { "uri": "test://static-text", "name": "text", "description": "A text", "mimeType": "text/plain" },
            { "uri": "test://static-binary", "name": "pixel", "description": "A picture", "mimeType": "image/png" },
        ] }))?;
        Ok(listed.with_ttl_ms(TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: ServerContext,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template =
            json!({ "uriTemplate": "test://template/{id}/data", "name": "data", "mimeType": "application/json" });
        let listed: ListResourceTemplatesResult = convert_result(json!({ "resourceTemplates": [template] }))?;
        Ok(listed.with_ttl_ms(TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: ServerContext,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri, id) {
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
        let result: ReadResourceResult = convert_result(json!({ "contents": [contents] }))?;
        Ok(result.with_ttl_ms(TTL_MS).with_cache_scope(CacheScope::Public).into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: ServerContext) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: ServerContext) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: ServerContext,
    ) -> Result<ListPromptsResult, ErrorData> {
        let listed: ListPromptsResult = convert_result(json!({ "prompts": [
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
        Ok(listed.with_ttl_ms(TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: ServerContext,
    ) -> Result<GetPromptResponse, ErrorData> {
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
            "test_input_required_result_prompt" => {
                match find_response(request.input_responses.as_ref(), "user_context") {
                    Some(answer) => vec![text(&text_at(answer, ["content", "context"]))],
                    None => {
                        let context =
                            elicitation_request("In which context?", json!({ "context": { "type": "string" } }));
                        return request_input(json!({ "user_context": context }), None);
                    }
                }
            }
            name => return Err(ErrorData::invalid_params(format!("unknown prompt: {name}"), None)),
        };
        let messages: Vec<_> = blocks.into_iter().map(|block| json!({ "role": "user", "content": block })).collect();
        Ok(convert_result::<GetPromptResult>(json!({ "messages": messages }))?.into())
    }

    async fn complete(&self, _: CompleteRequestParams, _: ServerContext) -> Result<CompleteResult, ErrorData> {
        convert_result(json!({ "completion": { "values": ["paris", "park", "party"], "total": 3, "hasMore": false } }))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: ServerContext) -> Result<(), ErrorData> {
        Ok(())
    }
}
