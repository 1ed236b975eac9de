//! Tests that the package manifests match the program.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use clients::{EntryField, MCP_CLIENTS};
use serde_json::{Value, json};

use crate::support::mcp::{RawClient, Repository};

fn read(path: &str) -> Value {
    serde_json::from_str(&read_text(path)).expect("it is JSON")
}

fn read_text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is there")
}

#[test]
fn every_package_has_the_version_of_the_program() {
    let (manifest, server) = (read("mcp-manifest.json"), read("server.json"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(manifest["version"], version);
    assert_eq!(server["version"], version);
    let packages = server["packages"].as_array().expect("packages are a list");
    for package in packages {
        let address = package["identifier"].as_str().expect("an address");
        match package["registryType"].as_str() {
            // An image's version is its tag.
            Some("oci") => assert!(address.ends_with(&format!(":{version}")) && package["version"].is_null()),
            Some("mcpb") => assert!(address.contains(&format!("/v{version}/codescry-{version}-")), "{address}"),
            _ => assert_eq!(address, env!("CARGO_PKG_NAME")),
        }
        assert!(package["registryType"] == "oci" || package["version"] == version, "{package}");
    }
}

#[test]
fn every_platform_has_one_package() {
    let server = read("server.json");
    let packages = server["packages"].as_array().expect("packages are a list");
    let bundles: Vec<&str> = packages
        .iter()
        .filter(|package| package["registryType"] == "mcpb")
        .filter_map(|package| package["identifier"].as_str()?.rsplit_once(concat!(env!("CARGO_PKG_VERSION"), "-")))
        .map(|(_, platform)| platform)
        .collect();
    // A bundle names an operating system, but no processor: macOS has one for both.
    let platforms = ["linux-x86_64.mcpb", "linux-aarch64.mcpb", "darwin-universal.mcpb", "win32-x86_64.mcpb"];
    assert_eq!(bundles, platforms);
}

#[test]
fn the_image_and_the_readme_prove_the_name_in_the_registry() {
    let name = read("server.json")["name"].as_str().expect("a name").to_owned();
    let label = format!("LABEL io.modelcontextprotocol.server.name=\"{name}\"\n");
    assert!(read_text("Dockerfile").contains(&label), "{label}");
    assert!(read_text("README.md").contains(&format!("<!-- mcp-name: {name} -->")), "{name}");
}

#[test]
fn the_links_in_the_readme_hold_the_entries_of_install() {
    let readme = read_text("README.md");
    let link = |start: &str| {
        let (_, rest) = readme.split_once(start).unwrap_or_else(|| panic!("there is no {start}"));
        rest.split_once(')').expect("the link ends").0.to_owned()
    };
    let entry = r#""type":"stdio","command":"codescry","args":["serve","--stdio"]"#;
    for client in ["cursor", "vscode"] {
        let form = MCP_CLIENTS.iter().find(|known| known.name == client).expect("it is known").entry;
        let names = [EntryField::Text("type", "stdio"), EntryField::Command("command"), EntryField::Arguments("args")];
        assert_eq!(form[..3], names, "the links hold these fields");
    }
    let inner = format!("vscode:mcp/install?{}", percent_encode(&format!(r#"{{"name":"codescry",{entry}}}"#)));
    assert_eq!(link("https://insiders.vscode.dev/redirect?url="), percent_encode(&inner));
    assert_eq!(
        link("https://cursor.com/en/install-mcp?name=codescry&config="),
        BASE64_STANDARD.encode(format!("{{{entry}}}"))
    );
}

/// Percent-encodes all bytes but ASCII letters, digits and `-._~`.
fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[test]
fn the_manifest_lists_the_tools_of_the_server() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    let answer = raw.request("tools/list", json!({}));
    let names = |tools: &Value| -> Vec<Value> {
        tools.as_array().expect("tools are a list").iter().map(|tool| tool["name"].clone()).collect()
    };
    assert_eq!(names(&read("mcp-manifest.json")["tools"]), names(&answer["result"]["tools"]));
    assert!(raw.close().success());
}
