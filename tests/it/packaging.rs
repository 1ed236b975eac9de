//! Tests that the package manifests match the program.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::mcp::{RawClient, Repository};

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&fs::read_to_string(&path).expect("it is there")).expect("it is JSON")
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
