//! Tests of names that files of infrastructure and of interfaces define, such as Terraform, workflows and protobuf.

use crate::support::cli::Project;

/// Creates a project with files of infrastructure, and code that uses some of their names.
fn project() -> Project {
    let project = Project::empty();
    project.write(
        "infra/main.tf",
        "variable \"region\" {\n  type = string\n}\n\n# Keeps the logs.\nresource \"aws_s3_bucket\" \"logs\" {\n  bucket = \"logs-${var.region}\"\n}\n",
    );
    project.write(
        ".github/workflows/ci.yml",
        "name: Checks\non: push\njobs:\n  build-site:\n    runs-on: ubuntu-latest\n    steps:\n      - name: Compile the pages\n        run: npm run render\n",
    );
    project.write(
        "package.json",
        "{\n  \"name\": \"site\",\n  \"scripts\": {\n    \"render\": \"node render.js\"\n  }\n}\n",
    );
    project.write("data/rows.json", "{\"render\": [1, 2, 3]}\n");
    project.write(
        "deploy/app.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: checkout\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: checkout\n",
    );
    project.write(
        "api/orders.proto",
        "syntax = \"proto3\";\nservice Orders {\n  rpc PlaceOrder(Order) returns (Order);\n}\nmessage Order {}\n",
    );
    project
        .write("client/client.go", "package client\n\nfunc buy(orders OrdersClient) {\n\torders.PlaceOrder(nil)\n}\n");
    assert_eq!(project.run(&["index"]).code, 0);
    project
}

#[test]
fn names_of_infrastructure_are_found_without_a_filter() {
    let project = project();
    for (name, path, line) in [
        ("var.region", "infra/main.tf", 1),
        ("resource.aws_s3_bucket.logs", "infra/main.tf", 5),
        ("aws_s3_bucket.logs", "infra/main.tf", 5),
        ("build-site", ".github/workflows/ci.yml", 4),
        ("Compile the pages", ".github/workflows/ci.yml", 7),
        ("scripts.render", "package.json", 4),
        ("Deployment/checkout", "deploy/app.yaml", 1),
        ("Service.checkout", "deploy/app.yaml", 6),
        ("Orders.PlaceOrder", "api/orders.proto", 3),
    ] {
        let out = project.run(&["symbol", name]).out;
        assert!(out.starts_with(&format!("{path}:{line}")), "{name}: {out}");
    }
}

#[test]
fn names_of_infrastructure_are_used_in_other_files() {
    let project = project();
    let used = |name: &str| project.run(&["references", name]).out;
    assert!(used("PlaceOrder").contains("client/client.go"), "{}", used("PlaceOrder"));
    assert!(used("var.region").contains("infra/main.tf"), "{}", used("var.region"));
    let render = used("render");
    assert!(render.contains(".github/workflows/ci.yml") && !render.contains("rows.json"), "{render}");
}
