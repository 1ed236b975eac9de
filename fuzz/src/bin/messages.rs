//! Fuzzes messages of MCP clients: a line of JSON, the arguments of each tool, and a cursor.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &[u8]| codescry_mcp::fuzzing::read_message(line));
