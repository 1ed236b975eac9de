// Drives the program with the TypeScript SDK over stdio, streamable HTTP and the older event stream.
//
// sdk.mjs PROGRAM FOLDER ADDRESS text|structured
//
// The last argument says which answers the server at ADDRESS gives.

import assert from "node:assert";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The packages are in the working folder, not in the folder of this file.
const installed = createRequire(pathToFileURL(`${process.cwd()}/`));
const load = (path) => import(pathToFileURL(installed.resolve(`@modelcontextprotocol/sdk/${path}`)));
const { Client } = await load("client/index.js");
const { StdioClientTransport } = await load("client/stdio.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");
const { SSEClientTransport } = await load("client/sse.js");

const [program, folder, address, form] = process.argv.slice(2);
const question = "check a login attempt against the stored hash";

async function drive(name, transport, structured) {
  const client = new Client({ name: "clients", version: "1" });
  await client.connect(transport);
  const { tools } = await client.listTools();
  for (const wanted of ["search_code", "find_similar", "outline", "index_project"]) {
    assert(tools.some((tool) => tool.name === wanted), wanted);
  }
  assert(tools.every((tool) => Boolean(tool.outputSchema) === structured), JSON.stringify(tools));
  const told = [];
  const onprogress = ({ progress }) => told.push(progress);
  const indexed = await client.callTool({ name: "index_project", arguments: {} }, undefined, { onprogress });
  assert(indexed.content[0].text.startsWith("done: "), JSON.stringify(indexed));
  // This SDK drops progress that arrives in one packet with the answer.
  assert(told.every((done, at) => at === 0 || told[at - 1] < done), String(told));
  const found = await client.callTool({ name: "search_code", arguments: { query: question, limit: 3 } });
  assert(found.content[0].text.startsWith("passwords.py:"), JSON.stringify(found));
  assert.equal(found.structuredContent?.hits[0].path, structured ? "passwords.py" : undefined, JSON.stringify(found));
  const refused = await client.callTool({ name: "outline", arguments: { path: "../../etc/passwd" } });
  assert(refused.isError && refused.content[0].text.includes("outside"), JSON.stringify(refused));
  await client.close();
  console.log(`typescript ${name}: ${tools.length} tools, progress ${told}`);
}

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("CODESCRY_")));
for (const more of [[], ["--structured"]]) {
  const args = ["serve", "--stdio", ...more, folder];
  await drive("stdio", new StdioClientTransport({ command: program, args, env: environment }), more.length > 0);
}
const structured = form === "structured";
await drive("http", new StreamableHTTPClientTransport(new URL(`http://${address}/mcp`)), structured);
await drive("sse", new SSEClientTransport(new URL(`http://${address}/sse`)), structured);
