# /// script
# requires-python = ">=3.11"
# dependencies = ["openai-agents==0.24.0"]
# ///
"""OpenAI Agents SDK: an agent with codescry's tools. Give `server` to an Agent in `mcp_servers`.

    python with_openai_agents.py PROGRAM FOLDER QUESTION
"""

import asyncio
import sys

from agents import Agent
from agents.mcp import MCPServerStdio


async def main(program, folder, question):
    # The default time limit of a call, 5 s, is short for the first index of a large folder.
    server = MCPServerStdio(
        params={"command": program, "args": ["serve", "--stdio", folder]}, client_session_timeout_seconds=60
    )
    async with server:
        agent = Agent(name="coder", instructions="Find code with search_code.", mcp_servers=[server])
        tools = await agent.get_mcp_tools(None)
        assert "search_code" in {tool.name for tool in tools}, tools
        # What the agent does when its model calls the tool.
        answer = await server.call_tool("search_code", {"query": question})
        print(answer.content[0].text)


asyncio.run(main(*sys.argv[1:]))
