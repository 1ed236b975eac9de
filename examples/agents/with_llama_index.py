# /// script
# requires-python = ">=3.11"
# dependencies = ["llama-index-tools-mcp==0.6.0"]
# ///
"""LlamaIndex: codescry's tools through llama-index-tools-mcp. Give `tools` to a FunctionAgent.

    python with_llama_index.py PROGRAM FOLDER QUESTION
"""

import asyncio
import sys

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main(program, folder, question):
    client = BasicMCPClient(program, args=["serve", "--stdio", folder], timeout=60)
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client=client).to_tool_list_async()}
    answer = await tools["search_code"].acall(query=question)
    print(answer.raw_output.content[0].text)


asyncio.run(main(*sys.argv[1:]))
