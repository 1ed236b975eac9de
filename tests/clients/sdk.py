"""Drives the program with the Python SDK over stdio, streamable HTTP and the older event stream.

sdk.py PROGRAM FOLDER ADDRESS
"""

import asyncio
import os
import sys

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

QUESTION = "check a login attempt against the stored hash"


async def drive(name, transport):
    told = []

    async def progress(done, total, message):
        told.append(done)

    async with Client(transport) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"search_code", "find_similar", "outline", "index_project", "index_status"} <= tools, tools
        indexed = await client.call_tool("index_project", {}, progress_callback=progress)
        assert not indexed.is_error and indexed.structured_content["ended"], indexed
        assert told == sorted(told) and told, told
        found = await client.call_tool("search_code", {"query": QUESTION, "limit": 3})
        assert found.structured_content["hits"][0]["path"] == "passwords.py", found
        assert "passwords.py" in found.content[0].text, found
        refused = await client.call_tool("outline", {"path": "../../etc/passwd"})
        assert refused.is_error and "outside" in refused.content[0].text, refused
    print(f"python {name}: {len(tools)} tools, progress {told}")


async def main(program, folder, address):
    environment = {name: os.environ[name] for name in os.environ if name.startswith("CODESCRY_")}
    server = StdioServerParameters(command=program, args=["serve", "--stdio", folder], env=environment)
    await drive("stdio", stdio_client(server))
    await drive("http", f"http://{address}/mcp")
    await drive("sse", sse_client(f"http://{address}/sse"))


asyncio.run(main(*sys.argv[1:]))
