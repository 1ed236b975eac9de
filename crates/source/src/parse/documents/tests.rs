//! Tests of the definitions of infrastructure and contracts, by kind of document.

use std::time::Duration;

use crate::decode_source;
use crate::parse::Parser;
use types::RepoPath;

/// Returns the definitions of a file, each as `FIRST-LAST kind container.name`.
fn found(path: &str, text: &str) -> Vec<String> {
    let file = decode_source(&RepoPath::new(path), text.as_bytes().to_vec());
    let parsed = Parser::new(Duration::from_secs(5)).parse(&file);
    assert_eq!(parsed.problem, None, "{path}");
    let describe = |one: &types::Symbol| {
        let dot = if one.container.is_empty() { "" } else { "." };
        format!("{}-{} {} {}{dot}{}", one.span.start_line, one.span.end_line, one.kind, one.container, one.name)
    };
    parsed.symbols().iter().map(describe).collect()
}

/// Returns every reference to `name` as `line:kind`.
fn references(path: &str, name: &str, text: &str) -> Vec<String> {
    let file = decode_source(&RepoPath::new(path), text.as_bytes().to_vec());
    let found = Parser::new(Duration::from_secs(5)).find_references(&file, name);
    assert_eq!(found.problem, None, "{path}");
    found.sites.iter().map(|one| format!("{}:{}", one.line, one.kind.as_str())).collect()
}

#[test]
fn workflows_define_jobs_and_steps() {
    let text = "name: Checks\non:\n  push:\n  workflow_dispatch:\n    inputs:\n      level: {type: string}\njobs:\n  # Compiles.\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - name: Run the tests\n        run: |\n          make build\n  deploy:\n    needs: [build]\n    if: ${{ needs.build.result == 'success' }}\n    uses: ./.github/workflows/deploy.yml\n";
    assert_eq!(
        found(".github/workflows/ci.yml", text),
        [
            "1-19 module Checks",
            "6-6 property Checks.inputs.level",
            "8-15 task Checks.jobs.build",
            "13-15 task Checks.build.Run the tests",
            "16-19 task Checks.jobs.deploy",
        ]
    );
    assert_eq!(
        references(".github/workflows/ci.yml", "build", text),
        ["9:definition", "15:other", "17:other", "18:other"]
    );
    assert!(references(".github/workflows/ci.yml", "run", text).is_empty(), "a key is no use");
    let action = "name: Set up\ninputs:\n  version: {default: '1'}\nruns:\n  using: composite\n  steps:\n    - id: fetch\n      run: echo\n";
    assert_eq!(
        found("setup/action.yml", action),
        ["1-8 module Set up", "3-3 property Set up.inputs.version", "7-8 task Set up.fetch"]
    );
}

#[test]
fn pipelines_of_gitlab_and_circleci_define_jobs() {
    let text = "stages: [build, test]\nvariables:\n  LEVEL: debug\n.base:\n  script: [make]\nunit tests:\n  extends: .base\n  needs: [compile]\ncompile:\n  stage: build\n  script:\n    - make all\ndefault:\n  image: debian\n";
    assert_eq!(
        found(".gitlab-ci.yml", text),
        ["3-3 variable variables.LEVEL", "4-5 task .base", "6-8 task unit tests", "9-12 task compile"]
    );
    assert_eq!(references(".gitlab-ci.yml", "compile", text), ["8:other", "9:definition"]);
    let text = "version: 2.1\norbs:\n  node: circleci/node@5\nexecutors:\n  small: {docker: [{image: debian}]}\ncommands:\n  restore:\n    steps:\n      - run: echo\njobs:\n  build:\n    executor: small\n    steps:\n      - restore\n      - run:\n          name: Compile it\n          command: make\nworkflows:\n  main:\n    jobs:\n      - build\n      - deploy:\n          requires: [build]\n";
    assert_eq!(
        found(".circleci/config.yml", text),
        [
            "3-3 module orbs.node",
            "5-5 resource executors.small",
            "7-9 task commands.restore",
            "11-17 task jobs.build",
            "15-17 task build.Compile it",
            "19-23 module workflows.main",
        ]
    );
    assert_eq!(references(".circleci/config.yml", "build", text), ["11:definition", "21:other", "23:other"]);
}

#[test]
fn charts_and_their_templates_are_read_despite_actions() {
    let text = "{{- if .Values.web.enabled }}\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"shop.fullname\" . }}-web\n  labels:\n    {{- include \"shop.labels\" . | nindent 4 }}\nspec:\n  replicas: {{ .Values.web.replicas }}\n  {{- with .Values.nodeSelector }}\n  nodeSelector:\n    {{- toYaml . | nindent 8 }}\n  {{- end }}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {{ include \"shop.fullname\" . }}\n{{- end }}\n";
    assert_eq!(found("chart/templates/web.yaml", text), ["2-11 resource Deployment.web", "15-19 resource Service"]);
    assert_eq!(references("chart/templates/web.yaml", "replicas", text), ["9:other"]);
    assert_eq!(references("chart/templates/web.yaml", "shop.fullname", text), ["5:other", "18:other"]);
    assert_eq!(
        found("chart/values.yaml", "# How many.\nweb:\n  replicas: 2\n  image:\n    tag: \"1\"\nlist: [a]\n"),
        [
            "1-5 property web",
            "3-3 property web.replicas",
            "4-5 property web.image",
            "5-5 property web.image.tag",
            "6-6 property list",
        ]
    );
    let helpers = "{{/* The full name. */}}\n{{- define \"shop.fullname\" -}}\n{{- if .Values.name }}{{ .Values.name }}{{ else }}shop{{ end }}\n{{- end }}\n\n{{ define \"shop.labels\" }}\napp: shop\n{{ end }}\n";
    assert_eq!(
        found("chart/templates/_helpers.tpl", helpers),
        ["1-4 function shop.fullname", "6-8 function shop.labels"]
    );
    assert_eq!(found("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"), ["1-3 module shop"]);
}

#[test]
fn compose_files_define_services_volumes_and_networks() {
    let text = "services:\n  web:\n    build: .\n    depends_on:\n      db: {condition: service_healthy}\n  db:\n    image: postgres:17\n    volumes:\n      - data:/var/lib/postgresql\nvolumes:\n  data:\nnetworks:\n  front: {}\n";
    assert_eq!(
        found("deploy/docker-compose.prod.yml", text),
        [
            "2-5 service services.web",
            "6-9 service services.db",
            "11-11 resource volumes.data",
            "13-13 resource networks.front",
        ]
    );
    assert_eq!(references("compose.yaml", "db", text), ["5:other", "6:definition"]);
    assert_eq!(references("compose.yaml", "data", text), ["9:other", "11:definition"]);
}

#[test]
fn playbooks_and_roles_of_ansible_define_plays_and_tasks() {
    let text = "- name: Set up the web servers\n  hosts: web\n  vars:\n    port: 80\n  tasks:\n    - name: Install nginx\n      ansible.builtin.apt: {name: nginx}\n    - block:\n        - name: Copy the settings\n          template: src=a.j2 dest=/etc/a\n      rescue:\n        - name: Undo\n          debug: msg={{ port }}\n  handlers:\n    - name: Restart nginx\n      service: name=nginx state=restarted\n- hosts: db\n  roles: [postgres]\n";
    assert_eq!(
        found("site.yml", text),
        [
            "1-16 module Set up the web servers",
            "4-4 variable Set up the web servers.vars.port",
            "6-7 task Set up the web servers.Install nginx",
            "9-10 task Set up the web servers.Copy the settings",
            "12-13 task Set up the web servers.Undo",
            "15-16 task Set up the web servers.Restart nginx",
            "17-18 module db",
        ]
    );
    assert_eq!(
        found("roles/web/tasks/main.yml", "---\n- name: Install nginx\n  apt: name=nginx\n- include_tasks: a.yml\n"),
        ["2-3 task Install nginx"]
    );
    assert_eq!(found("roles/web/defaults/main.yml", "web_port: 80\n"), ["1-1 variable web_port"]);
}

#[test]
fn operations_of_openapi_are_found_by_id_and_by_request() {
    let text = "openapi: 3.0.3\ninfo:\n  title: Pets\npaths:\n  /pets/{id}:\n    get:\n      operationId: getPet\n      responses:\n        '200':\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Pet'\ncomponents:\n  schemas:\n    Pet:\n      description: A Pet of a customer\n      type: object\n";
    assert_eq!(
        found("api/pets.yaml", text),
        [
            "1-18 module Pets",
            "6-13 method Pets.GET /pets/{id}",
            "6-13 method Pets.getPet",
            "16-18 struct Pets.schemas.Pet",
        ]
    );
    assert_eq!(references("api/pets.yaml", "Pet", text), ["13:other", "16:definition"]);
}

#[test]
fn packages_define_their_scripts_features_and_targets() {
    let text = "{\n  \"name\": \"@shop/web\",\n  \"scripts\": {\n    \"build\": \"tsc -p .\",\n    \"check:types\": \"npm run build -- --noEmit\"\n  },\n  \"dependencies\": {\"left-pad\": \"1\"}\n}\n";
    assert_eq!(
        found("web/package.json", text),
        ["1-8 module @shop/web", "4-4 task @shop/web.scripts.build", "5-5 task @shop/web.scripts.check:types"]
    );
    assert_eq!(references("web/package.json", "build", text), ["4:definition", "5:other"]);
    let text = "[package]\nname = \"shop\"\n\n[[bin]]\nname = \"shopd\"\npath = \"src/main.rs\"\n\n[[bench]]\nname = \"load\"\n\n[features]\ndefault = [\"tls\"]\n# Encrypts.\ntls = [\"dep:rustls\"]\n\n[dependencies.serde]\nversion = \"1\"\n";
    assert_eq!(
        found("Cargo.toml", text),
        [
            "1-2 module shop",
            "4-6 task bin.shopd",
            "8-9 task bench.load",
            "12-12 property features.default",
            "13-14 property features.tls",
        ]
    );
    assert_eq!(references("Cargo.toml", "tls", text), ["12:other", "14:definition"]);
}

#[test]
fn schemas_and_cloudformation_define_their_parts() {
    let text = "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"Settings\",\n \"properties\": {\"port\": {\"type\": \"integer\"}},\n \"$defs\": {\"Host\": {\"type\": \"string\"}}}\n";
    assert_eq!(
        found("settings.schema.json", text),
        ["1-3 struct Settings", "2-2 property Settings.port", "3-3 struct Settings.$defs.Host"]
    );
    let text = "AWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  Stage: {Type: String}\nResources:\n  Logs:\n    Type: AWS::S3::Bucket\n  Policy:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref Logs\n";
    assert_eq!(
        found("stack.yaml", text),
        [
            "3-3 variable Parameters.Stage",
            "5-6 resource AWS::S3::Bucket.Logs",
            "7-10 resource AWS::S3::BucketPolicy.Policy"
        ]
    );
    assert_eq!(references("stack.yaml", "Logs", text), ["5:definition", "10:other"]);
}

#[test]
fn recipes_of_a_justfile_are_tasks() {
    let text = "set shell := [\"bash\", \"-c\"]\nversion := \"1\"\n\n# Builds it.\n[group('dev')]\nbuild target='debug' *flags:\n    cargo build\n\n    echo done\n\n@test: (build 'release')\n    cargo test\nalias t := test\ndouble(s) := s + s\n";
    assert_eq!(
        found("justfile", text),
        ["2-2 variable version", "4-9 task build", "11-12 task test", "13-13 task t", "14-14 function double"]
    );
    assert_eq!(references("justfile", "build", text), ["6:definition", "7:text", "11:text"]);
}

#[test]
fn definitions_of_objective_c_are_read_without_a_grammar() {
    let header = "#import <Foundation/Foundation.h>\n\nNS_ASSUME_NONNULL_BEGIN\n\n@class Cart;\n@protocol Later;\n\ntypedef NS_ENUM(NSInteger, \
         CartState) {\n  CartStateOpen,\n};\n\n/// Sells.\n@protocol Shop <NSObject>\n- (void)sell:(Cart *)cart;\n@end\n\n@interface Cart : NSObject \
         {\n  int _count;\n}\n@property (nonatomic, copy) NSString *name;\n+ (instancetype)cartWithName:(NSString *)name\n                     \
         total:(int)total;\n@end\n\n@interface Cart (Pricing)\n- (int)price;\n@end\n";
    assert_eq!(
        found("Cart.h", header),
        [
            "8-10 enum CartState",
            "12-15 interface Shop",
            "14-14 method Shop.sell",
            "17-23 class Cart",
            "20-20 property Cart.name",
            "21-22 method Cart.cartWithName",
            "25-27 impl Cart",
            "26-26 method Cart.price",
        ]
    );
    let text = "#import \"Cart.h\"\nstatic NSString *const kName = @\"{ @end\";\nstatic int counts[] = {1, 2};\n\n// Adds.\nstatic int\nadd(int a, int b)\n{\n  if (a) { \
         return b; }\n  return a;\n}\n\n@implementation Cart\n\n/* { */\n- (void)sell:(Cart *)cart {\n  [self each:^(id one) {\n    NSLog(@\"}\");\n  \
         }];\n}\n\n- (void (^)(int))handler { return nil; }\n@end\n\nint main(void) { return add(1, 2); }\n";
    assert_eq!(
        found("Cart.m", text),
        [
            "2-2 constant kName",
            "3-3 variable counts",
            "5-11 function add",
            "13-23 impl Cart",
            "15-20 method Cart.sell",
            "22-22 method Cart.handler",
            "25-25 function main",
        ]
    );
    assert_eq!(references("Cart.m", "add", text).len(), 2);
    assert!(found("gain.m", "function y = gain(x)\n% multiplies\ny = 2*x;\nend\n").is_empty(), "this is MATLAB");
    // Unfinished texts of every length are read.
    (0..text.len()).filter(|end| text.is_char_boundary(*end)).for_each(|end| drop(found("Cart.m", &text[..end])));
}

#[test]
fn names_of_terraform_are_defined_and_used() {
    let text = "variable \"region\" {}\nresource \"aws_s3_bucket\" \"logs\" {\n  bucket = \"${var.region}-logs\"\n}\noutput \"logs\" {\n  value = aws_s3_bucket.logs.arn # logs\n}\nmodule \"net\" {\n  source = \"./net\"\n  region = var.region\n}\n";
    assert_eq!(
        found("main.tf", text),
        [
            "1-1 variable var.region",
            "2-4 resource resource.aws_s3_bucket.logs",
            "5-7 property output.logs",
            "8-11 module module.net",
        ]
    );
    assert_eq!(references("main.tf", "region", text), ["1:definition", "3:other", "10:other", "10:other"]);
    assert_eq!(references("main.tf", "logs", text), ["2:definition", "5:definition", "6:other"]);
    assert_eq!(
        found("docker-bake.hcl", "group \"default\" {\n  targets = [\"app\"]\n}\ntarget \"app\" {}\n"),
        ["1-3 resource group.default", "4-4 resource target.app"]
    );
}

#[test]
fn stages_targets_messages_and_operations_are_used_by_name() {
    let text = "FROM golang AS build\nRUN make\nFROM build AS test\nFROM scratch\nCOPY --from=build /a /a\nRUN --mount=type=bind,from=build,target=/b ls\n";
    assert_eq!(references("Dockerfile", "build", text), ["1:definition", "3:other", "5:other", "6:other"]);
    let text = "all: build\nbuild: a.c\n\tcc a.c # build\n.PHONY: build\n";
    assert_eq!(references("Makefile", "build", text), ["1:other", "2:definition", "4:other"]);
    let text = "message Order {}\nservice Orders {\n  rpc Place(Order) returns (Order);\n}\n// Order\n";
    assert_eq!(references("a.proto", "Order", text), ["1:definition", "3:type", "3:type"]);
    let text = "type Order { id: ID! }\ntype Query { order: Order }\nquery Page { order { id ...Parts } }\nfragment Parts on Order { id }\n";
    assert_eq!(references("a.graphql", "Order", text), ["1:definition", "2:type", "4:type"]);
    assert_eq!(references("a.graphql", "Parts", text), ["3:other", "4:definition"]);
}

#[test]
fn data_of_no_known_kind_and_broken_documents_define_nothing() {
    assert!(found("mkdocs.yml", "site_name: x\nnav:\n  - a.md\n").is_empty());
    assert!(found("a.toml", "[a]\nb = 1\n").is_empty());
    assert!(found("compose.yaml", "services:\n  - [\n").is_empty());
    assert!(found("package.json", "{\"scripts\": ").is_empty());
}
