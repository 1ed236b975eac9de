//! The kinds of documents of data, and the rules by which some of their nodes are definitions.
//!
//! The first kind that recognizes a document by its path and keys applies.

use types::SymbolKind::{self, Function, Method, Module, Property, Resource, Service, Struct, Task, Type, Variable};

use super::data_document::DataDocument;

/// A kind of document: how it is recognized, and which of its nodes are definitions.
pub(super) struct DocumentKind {
    /// Names of the languages in which such a document may be written.
    pub languages: &'static [&'static str],
    pub recognizes: fn(&DataDocument<'_>) -> bool,
    pub rules: &'static [DefinitionRule],
}

/// A rule by which nodes of a document are definitions.
pub(super) struct DefinitionRule {
    /// The keys from the document to the node, joined with `.`: `*` stands for any key, `a|b` for one of them, `[]` for
    /// the items of a sequence. The empty path is the document.
    pub path: &'static str,
    /// Keys of which the node must have one; empty for any node.
    pub having: &'static [&'static str],
    pub kind: SymbolKind,
    pub name: NameSource,
    pub holder: RuleHolder,
}

/// The source of the name of a definition.
#[derive(Clone, Copy)]
pub(super) enum NameSource {
    /// The key of the pair.
    Key,
    /// The first of these fields, each a path of keys, that is a scalar with text outside of template actions.
    Fields(&'static [&'static str]),
    /// The method and the path of an HTTP request: the key, in capitals, and the key above.
    Request,
}

/// The container that a definition is listed under, in addition to the definitions around it.
#[derive(Clone, Copy)]
pub(super) enum RuleHolder {
    None,
    Named(&'static str),
    /// The scalar in this field.
    Field(&'static str),
}

/// Returns a rule for pairs that are named by their keys. An empty `holder` stands for none.
const fn keyed(path: &'static str, kind: SymbolKind, holder: &'static str) -> DefinitionRule {
    let holder = if holder.is_empty() { RuleHolder::None } else { RuleHolder::Named(holder) };
    DefinitionRule { path, having: &[], kind, name: NameSource::Key, holder }
}

/// Returns a rule for nodes that are named by one of their fields.
const fn named(path: &'static str, kind: SymbolKind, fields: &'static [&'static str]) -> DefinitionRule {
    DefinitionRule { path, having: &[], kind, name: NameSource::Fields(fields), holder: RuleHolder::None }
}

/// Returns a rule that applies to nodes with one of these keys.
const fn having(keys: &'static [&'static str], rule: DefinitionRule) -> DefinitionRule {
    DefinitionRule { having: keys, ..rule }
}

/// Returns a rule whose definitions are listed under a name.
const fn under(holder: &'static str, rule: DefinitionRule) -> DefinitionRule {
    DefinitionRule { holder: RuleHolder::Named(holder), ..rule }
}

const YAML: &[&str] = &["yaml"];
const JSON: &[&str] = &["json"];
const TOML: &[&str] = &["toml"];
const YAML_AND_JSON: &[&str] = &["yaml", "json"];

/// The kinds of documents; the first one that recognizes a document applies.
pub(super) static DOCUMENT_KINDS: &[DocumentKind] = &[
    // Manifests of Kubernetes, its extensions and Kustomize.
    DocumentKind {
        languages: YAML_AND_JSON,
        recognizes: |one| one.has(&["apiVersion", "kind"]),
        rules: &[
            DefinitionRule { holder: RuleHolder::Field("kind"), ..named("", Resource, MANIFEST_NAMES) },
            DefinitionRule { holder: RuleHolder::Field("kind"), ..named("items.[]", Resource, MANIFEST_NAMES) },
            named("spec.templates|tasks|steps.[]", Task, &["name"]),
        ],
    },
    // Charts of Helm.
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.is_named(&["chart.yaml", "chart.yml"]),
        rules: &[named("", Module, &["name"]), under("dependencies", named("dependencies.[]", Module, &["name"]))],
    },
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.is_named(&["values.yaml", "values.yml", "values-*", "values.*"]),
        rules: &[
            keyed("*", Property, ""),
            keyed("*.*", Property, ""),
            keyed("*.*.*", Property, ""),
            keyed("*.*.*.*", Property, ""),
        ],
    },
    // OpenAPI and Swagger.
    DocumentKind {
        languages: YAML_AND_JSON,
        recognizes: |one| one.has_any(&["openapi", "swagger"]),
        rules: &[
            named("", Module, &["info.title"]),
            DefinitionRule { name: NameSource::Request, ..keyed(OPERATIONS, Method, "") },
            named(OPERATIONS, Method, &["operationId"]),
            keyed("components.schemas.*", Struct, "schemas"),
            keyed("components.parameters.*", Property, "parameters"),
            keyed("components.responses|requestBodies|headers|securitySchemes|examples.*", Type, "components"),
            keyed("definitions.*", Struct, "definitions"),
            keyed("parameters.*", Property, "parameters"),
            keyed("responses|securityDefinitions.*", Type, ""),
        ],
    },
    // CloudFormation.
    DocumentKind {
        languages: YAML_AND_JSON,
        recognizes: |one| {
            one.has(&["Resources"])
                && (one.has_any(&["AWSTemplateFormatVersion", "Transform"])
                    || one.has_any_below("Resources.*", &["Type"]))
        },
        rules: &[
            DefinitionRule { holder: RuleHolder::Field("Type"), ..keyed("Resources.*", Resource, "") },
            keyed("Parameters.*", Variable, "Parameters"),
            keyed("Outputs.*", Property, "Outputs"),
        ],
    },
    // Compose.
    DocumentKind {
        languages: YAML,
        recognizes: |one| {
            one.has(&["services"])
                && (one.is_named(&["docker-compose*", "compose*"])
                    || one.has_any_below("services.*", &["image", "build", "extends"]))
        },
        rules: &[
            keyed("services.*", Service, "services"),
            keyed("volumes.*", Resource, "volumes"),
            keyed("networks.*", Resource, "networks"),
            keyed("secrets.*", Resource, "secrets"),
            keyed("configs.*", Resource, "configs"),
        ],
    },
    // CircleCI.
    DocumentKind {
        languages: YAML,
        recognizes: |one| {
            one.is_below(&[".circleci"]) || (one.has(&["version", "jobs"]) && one.has_any(&["workflows", "orbs"]))
        },
        rules: &[
            keyed("jobs.*", Task, "jobs"),
            keyed("commands.*", Task, "commands"),
            keyed("executors.*", Resource, "executors"),
            keyed("orbs.*", Module, "orbs"),
            having(&["jobs"], keyed("workflows.*", Module, "workflows")),
            named("jobs|commands.*.steps.[].run", Task, &["name"]),
        ],
    },
    // Workflows and actions of GitHub, Gitea and Forgejo.
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.has(&["jobs"]) && (one.has(&["on"]) || one.is_in(&["/workflows"])),
        rules: &[
            named("", Module, &["name"]),
            keyed("jobs.*", Task, "jobs"),
            named("jobs.*.steps.[]", Task, &["name", "id"]),
            keyed("on.workflow_call|workflow_dispatch.inputs.*", Property, "inputs"),
            keyed("on.workflow_call.outputs.*", Property, "outputs"),
        ],
    },
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.has(&["runs"]) && one.is_named(&["action.yml", "action.yaml"]),
        rules: &[
            named("", Module, &["name"]),
            keyed("inputs.*", Property, "inputs"),
            keyed("outputs.*", Property, "outputs"),
            named("runs.steps.[]", Task, &["name", "id"]),
        ],
    },
    // GitLab.
    DocumentKind {
        languages: YAML,
        recognizes: |one| {
            one.is_named(&["*gitlab-ci.yml", "*gitlab-ci.yaml"])
                || one.is_below(&[".gitlab", ".gitlab-ci"])
                || (one.has(&["stages"]) && one.has_any_below("*", &["script"]))
        },
        rules: &[
            having(&["script", "extends", "trigger", "stage", "needs", "rules"], keyed("*", Task, "")),
            keyed("variables.*", Variable, "variables"),
        ],
    },
    // Azure Pipelines.
    DocumentKind {
        languages: YAML,
        recognizes: |one| {
            one.is_named(&["azure-pipelines*"])
                || one.has_any_below("jobs.[]", &["job"])
                || one.has_any_below("stages.[]", &["stage"])
        },
        rules: &[
            named("stages.[]", Module, &["stage"]),
            named("stages.[].jobs.[]", Task, &["job", "deployment"]),
            named("jobs.[]", Task, &["job", "deployment"]),
            named("stages.[].jobs.[].steps.[]", Task, &["displayName"]),
            named("jobs.[].steps.[]", Task, &["displayName"]),
            named("steps.[]", Task, &["displayName"]),
        ],
    },
    // Playbooks, tasks and variables of Ansible.
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.has_any_below("[]", &["hosts", "import_playbook", "ansible.builtin.import_playbook"]),
        rules: &[
            named("[]", Module, &["name", "hosts", "import_playbook"]),
            named("[].tasks|pre_tasks|post_tasks|handlers.[]", Task, &["name"]),
            named("[].tasks|pre_tasks|post_tasks|handlers.[].block|rescue|always.[]", Task, &["name"]),
            keyed("[].vars.*", Variable, "vars"),
        ],
    },
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.is_below(&["tasks", "handlers"]) && one.has_any_below("[]", &["name"]),
        rules: &[
            named("[]", Task, &["name"]),
            named("[].block|rescue|always.[]", Task, &["name"]),
            named("[].block|rescue|always.[].block|rescue|always.[]", Task, &["name"]),
        ],
    },
    DocumentKind {
        languages: YAML,
        recognizes: |one| {
            one.is_below(&["group_vars", "host_vars"])
                || (one.is_below(&["roles"]) && one.is_in(&["/defaults", "/vars"]))
        },
        rules: &[keyed("*", Variable, "")],
    },
    // Taskfiles, and functions of the Serverless Framework.
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.has(&["tasks"]) && one.is_named(&["taskfile*"]),
        rules: &[keyed("tasks.*", Task, "tasks"), keyed("vars.*", Variable, "vars")],
    },
    DocumentKind {
        languages: YAML,
        recognizes: |one| one.has(&["service", "provider", "functions"]),
        rules: &[keyed("functions.*", Function, "functions")],
    },
    // Packages.
    DocumentKind {
        languages: JSON,
        recognizes: |one| one.is_named(&["package.json", "composer.json", "deno.json", "deno.jsonc"]),
        rules: &[
            named("", Module, &["name"]),
            keyed("scripts.*", Task, "scripts"),
            keyed("bin.*", Task, "bin"),
            keyed("tasks.*", Task, "tasks"),
        ],
    },
    DocumentKind {
        languages: TOML,
        recognizes: |one| one.is_named(&["cargo.toml"]),
        rules: &[
            named("package", Module, &["name"]),
            named("lib", Module, &["name"]),
            under("bin", named("bin.[]", Task, &["name"])),
            under("example", named("example.[]", Task, &["name"])),
            under("test", named("test.[]", Task, &["name"])),
            under("bench", named("bench.[]", Task, &["name"])),
            keyed("features.*", Property, "features"),
        ],
    },
    DocumentKind {
        languages: TOML,
        recognizes: |one| one.is_named(&["pyproject.toml"]),
        rules: &[
            named("project", Module, &["name"]),
            keyed("project.scripts|gui-scripts.*", Task, "scripts"),
            keyed("project.optional-dependencies.*", Property, "optional-dependencies"),
            keyed("dependency-groups.*", Property, "dependency-groups"),
            named("tool.poetry", Module, &["name"]),
            keyed("tool.poetry|pdm.scripts.*", Task, "scripts"),
            keyed("tool.poe|taskipy.tasks.*", Task, "tasks"),
            keyed("tool.hatch.envs.*.scripts.*", Task, "scripts"),
        ],
    },
    // Schemas of JSON.
    DocumentKind {
        languages: YAML_AND_JSON,
        recognizes: |one| {
            one.has_any(&["$defs", "definitions"])
                || (one.has(&["$schema"]) && one.has_any(&["properties", "type", "$ref", "allOf"]))
        },
        rules: &[
            named("", Struct, &["title"]),
            keyed("$defs.*", Struct, "$defs"),
            keyed("definitions.*", Struct, "definitions"),
            keyed("properties.*", Property, ""),
        ],
    },
];

/// Path of the operations in a document of OpenAPI.
const OPERATIONS: &str = "paths|webhooks.*.get|put|post|delete|patch|options|head|trace|query";

/// Fields with the name of a manifest, in order of preference. A manifest whose name consists only of template actions
/// is named by its kind.
const MANIFEST_NAMES: &[&str] = &["metadata.name", "metadata.generateName", "kind"];
