"""Drives the program with the Python SDK over stdio, streamable HTTP and the older event stream.

sdk.py PROGRAM FOLDER ADDRESS text|structured

The last argument says which answers the server at ADDRESS gives.
"""

import asyncio
import os
import sys

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

QUESTION = "check a login attempt against the stored hash"


async def drive(name, transport, structured):
    told = []

    async def progress(done, total, message):
        told.append(done)

    async with Client(transport) as client:
        listed = (await client.list_tools()).tools
        tools = {tool.name for tool in listed}
        assert {"search_code", "find_similar", "outline", "index_project"} <= tools, tools
        assert all(bool(tool.output_schema) == structured for tool in listed), listed
        indexed = await client.call_tool("index_project", {}, progress_callback=progress)
        assert not indexed.is_error and indexed.content[0].text.startswith("done: "), indexed
        assert told == sorted(told) and told, told
        found = await client.call_tool("search_code", {"query": QUESTION, "limit": 3})
        assert found.content[0].text.startswith("passwords.py:"), found
        if structured:
            assert indexed.structured_content["ended"], indexed
            assert found.structured_content["hits"][0]["path"] == "passwords.py", found
        else:
            assert found.structured_content is None, found
        refused = await client.call_tool("outline", {"path": "../../etc/passwd"})
        assert refused.is_error and "outside" in refused.content[0].text, refused
    print(f"python {name}: {len(tools)} tools, progress {told}")


async def main(program, folder, address, structured):
    environment = {name: os.environ[name] for name in os.environ if name.startswith("CODESCRY_")}
    for more in [[], ["--structured"]]:
        server = StdioServerParameters(command=program, args=["serve", "--stdio", *more, folder], env=environment)
        await drive("stdio", stdio_client(server), bool(more))
    await drive("http", f"http://{address}/mcp", structured == "structured")
    await drive("sse", sse_client(f"http://{address}/sse"), structured == "structured")


asyncio.run(main(*sys.argv[1:]))
