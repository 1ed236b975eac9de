# /// script
# requires-python = ">=3.11"
# dependencies = ["langchain-mcp-adapters==0.3.2"]
# ///
"""LangChain: codescry's tools through langchain-mcp-adapters. Give `tools` to any agent.

    python with_langchain.py PROGRAM FOLDER QUESTION
"""

import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


async def main(program, folder, question):
    server = {"transport": "stdio", "command": program, "args": ["serve", "--stdio", folder]}
    client = MultiServerMCPClient({"codescry": server})
    # One session for all calls: without it, each call starts a server.
    async with client.session("codescry") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        content = await tools["search_code"].ainvoke({"query": question})
        print(content if isinstance(content, str) else content[0]["text"])


asyncio.run(main(*sys.argv[1:]))
