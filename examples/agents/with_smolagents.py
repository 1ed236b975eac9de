# /// script
# requires-python = ">=3.11"
# dependencies = ["smolagents[mcp]==1.26.0", "mcp<2"]
# ///
"""smolagents: codescry's tools through MCPClient. Give `tools` to a CodeAgent or a ToolCallingAgent.

    python with_smolagents.py PROGRAM FOLDER QUESTION
"""

import sys

from mcp import StdioServerParameters
from smolagents import MCPClient


def main(program, folder, question):
    server = StdioServerParameters(command=program, args=["serve", "--stdio", folder])
    with MCPClient(server, structured_output=False) as tools:
        search = next(tool for tool in tools if tool.name == "search_code")
        print(search(query=question))


main(*sys.argv[1:])
