# /// script
# requires-python = ">=3.11"
# dependencies = ["pydantic-ai-slim[mcp]==2.68.0"]
# ///
"""Pydantic AI 2: an agent with codescry's tools through MCPToolset. A test model calls the tool here.

    python with_pydantic_ai.py PROGRAM FOLDER QUESTION
"""

import asyncio
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel


async def main(program, folder, question):
    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        """Calls the tool once, then repeats its answer."""
        for part in messages[-1].parts:
            if isinstance(part, ToolReturnPart):
                return ModelResponse(parts=[TextPart(part.model_response_str())])
        return ModelResponse(parts=[ToolCallPart("search_code", {"query": question})])

    toolset = MCPToolset(StdioTransport(command=program, args=["serve", "--stdio", folder]))
    agent = Agent(FunctionModel(model), toolsets=[toolset])
    async with agent:
        answer = await agent.run(question)
    print(answer.output)


asyncio.run(main(*sys.argv[1:]))
