//! Tests of embedded texts: components, pages, fences, marked strings and notebooks; also of long lines.

use std::fs;
use std::time::Duration;

use crate::decode_source;
use crate::parse::syntax::{SyntaxAnalyzer, SyntaxTask};
use crate::parse::{ParsedFile, Parser, ReferenceKind, build_outline};
use types::{RepoPath, Symbol};

fn parse(path: &str, text: &str) -> ParsedFile {
    Parser::new(Duration::from_secs(5)).parse(&decode_source(&RepoPath::new(path), text.as_bytes().to_vec()))
}

/// Returns the uses of a name, each as its line and kind.
fn uses(path: &str, text: &str, name: &str) -> Vec<(u32, ReferenceKind)> {
    let file = decode_source(&RepoPath::new(path), text.as_bytes().to_vec());
    let found = Parser::new(Duration::from_secs(5)).find_references(&file, name);
    assert_eq!(found.problem, None);
    found.sites.iter().map(|site| (site.line, site.kind)).collect()
}

fn fixture(name: &str) -> String {
    fs::read_to_string(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a fixture")
}

fn listed(symbols: &[Symbol]) -> Vec<(String, u32)> {
    symbols.iter().map(|one| (types::qualified_name(&one.container, &one.name), one.span.start_line)).collect()
}

#[test]
fn what_a_template_uses_is_a_reference() {
    use ReferenceKind::{Call, Definition, Import, Other, Write};
    let vue = fixture("vue/CartSummary.vue");
    let of = |name| uses("src/CartSummary.vue", &vue, name);
    assert_eq!(of("CartLine"), [(7, Call), (27, Import)]);
    assert_eq!(of("PriceTag")[0], (10, Call), "in kebab case");
    assert_eq!(of("removeLine"), [(7, Call), (61, Definition)]);
    assert_eq!(of("applyCoupon"), [(11, Call), (50, Definition)]);
    assert_eq!(of("isBusy"), [(12, Other), (13, Other), (42, Definition), (51, Other), (56, Other)]);
    assert_eq!(of("primary"), [(13, Other), (74, Definition)]);
    let svelte = fixture("svelte/Login.svelte");
    let of = |name| uses("src/Login.svelte", &svelte, name);
    assert_eq!(of("submitLogin"), [(19, Definition), (35, Other)]);
    assert_eq!(of("tooltip"), [(9, Import), (35, Other)]);
    assert_eq!(of("Field"), [(8, Import), (36, Call), (37, Call)]);
    assert_eq!(
        of("failures"),
        [
            (13, Definition),
            (26, Write),
            (26, Other),
            (31, Write),
            (38, Other),
            (39, Other),
            (40, Other),
            (55, Definition)
        ]
    );
    let astro = fixture("astro/Blog.astro");
    assert_eq!(uses("Blog.astro", &astro, "PostCard"), [(3, Import), (24, Call)]);
    assert_eq!(uses("Blog.astro", &astro, "markRead"), [(31, Definition), (34, Call)]);
    let page = fixture("html/guide.html");
    assert_eq!(uses("guide.html", &page, "openDialog"), [(28, Call), (33, Definition)]);
    assert_eq!(uses("guide.html", &page, "note"), [(10, Definition), (19, Other)]);
    let razor = fixture("razor/Orders.razor");
    let of = |name| uses("Orders.razor", &razor, name);
    assert_eq!(of("ReloadOrders"), [(20, Other), (32, Call), (36, Definition), (46, Call)]);
    assert_eq!(of("CancelOrder"), [(18, Other), (43, Definition)]);
    assert_eq!(of("OrderRow"), [(18, Call)]);
    assert_eq!(of("example"), []);
}

#[test]
fn a_fence_is_no_definition_but_has_uses() {
    use ReferenceKind::{Call, Text};
    let text = "# Use\n\nCall `load_orders`:\n\n```python\ndef example():\n    load_orders(3)\n```\n";
    assert_eq!(listed(&parse("README.md", text).symbols()), [("Use".to_owned(), 1)]);
    assert_eq!(uses("README.md", text, "load_orders"), [(3, Text), (7, Call)]);
}

#[test]
fn sql_in_marked_strings_has_definitions_and_uses() {
    let ruby = "class AddAudit < Migration\n  def up\n    execute <<~SQL\n      CREATE TABLE audit_log (id INT);\n    SQL\n  end\nend\n";
    assert_eq!(
        listed(&parse("db/1_add.rb", ruby).symbols()),
        [("AddAudit".to_owned(), 1), ("AddAudit.up".to_owned(), 2), ("AddAudit.up.audit_log".to_owned(), 4)]
    );
    let query = "export const find = (id: number) => sql`\n  SELECT * FROM audit_log WHERE id = ${id}\n`\n";
    assert_eq!(uses("src/find.ts", query, "audit_log").len(), 1);
    assert_eq!(uses("src/find.ts", query, "id").iter().map(|one| one.0).collect::<Vec<_>>(), [1, 2, 2]);
}

#[test]
fn scripts_in_templates_of_php_are_code() {
    let text = "<?php function total($n) { return $n; } ?>\n<h1>Total</h1>\n<script>\nvar id = <?= $id ?>;\nfunction recount(row) {\n  return row;\n}\n</script>\n";
    let symbols = listed(&parse("cart.php", text).symbols());
    assert!(symbols.contains(&("total".to_owned(), 1)) && symbols.contains(&("recount".to_owned(), 5)), "{symbols:?}");
}

const NOTEBOOK: &str = r##"{"cells": [
    {"cell_type": "markdown", "source": ["# Churn model\n", "Who leaves, and when?"]},
    {"cell_type": "code", "execution_count": 7, "outputs": [OUTPUT], "source": ["import pandas as pd\n", "%matplotlib inline"]},
    {"cell_type": "code", "outputs": [], "source": ["def fit_churn_model(frame):\n", "    \"\"\"Trains a model.\"\"\"\n", "    return train(frame)"]}
], "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}"##;

#[test]
fn cells_of_a_notebook_are_sections_with_numbers() {
    let parsed = parse("churn.ipynb", &NOTEBOOK.replace("OUTPUT", "{\"text\": \"an output\"}"));
    let cells = [("cell 1", 1), ("cell 2", 5), ("cell 3", 9), ("cell 3.fit_churn_model", 10)];
    assert_eq!(listed(&parsed.symbols()), cells.map(|(name, line)| (name.to_owned(), line)));
    assert_eq!(parsed.symbols()[0].signature, "cell 1: Churn model");
    assert!(parsed.chunks.iter().all(|chunk| !chunk.text.contains("output") && chunk.language.0 == "python"));
    assert!(parsed.chunks.iter().any(|chunk| chunk.text.contains("# Who leaves, and when?")));
}

#[test]
fn outputs_of_a_notebook_change_no_chunk() {
    let texts = |output: &str| {
        let notebook = NOTEBOOK.replace("OUTPUT", output).replace("\"execution_count\": 7", "\"execution_count\": 8");
        parse("churn.ipynb", &notebook).chunks
    };
    assert_eq!(texts("{\"text\": \"ok\"}"), texts("{\"data\": {\"image/png\": \"iVBORw0KGgo\"}}"));
}

#[test]
fn a_long_line_costs_that_line() {
    let data = "aGVsbG8sIHdvcmxk".repeat(4_000);
    let text = format!(
        "import base64\n\n\ndef first():\n    return 1\n\n\ndef icon():\n    data = \"{data}\"\n    return base64.b64decode(data)\n\n\ndef last():\n    return 2\n"
    );
    let parsed = parse("icons.py", &text);
    assert_eq!(
        listed(&parsed.symbols()),
        [("first", 4), ("icon", 8), ("last", 13)].map(|(name, line)| (name.to_owned(), line))
    );
    super::assert_covers(&text, &parsed.chunks);
    let icon = parsed.chunks.iter().find(|chunk| chunk.symbol == "icon").expect("a chunk");
    assert!(icon.text.contains("return base64") && icon.text.len() < 1_500, "{}", icon.text.len());
}

#[test]
fn a_script_in_an_expression_of_a_template_is_read() {
    use ReferenceKind::{Call, Definition, Other};
    let text = "---\nconst isShown = true\nconst list = [1]\n---\n<main>\n{isShown && <script is:inline>\n  class Tabs { restore() { return '}' } }\n  function inExpression(a) { return new Tabs(a) }\n</script>}\n{list.map((item) => <p>{item}<style>.wide { color: red }</style></p>)}\n</main>\n";
    let symbols = listed(&parse("src/Page.astro", text).symbols());
    for (name, line) in [("Page.Tabs", 7), ("Page.Tabs.restore", 7), ("Page.inExpression", 8), ("Page.wide", 10)] {
        assert!(symbols.contains(&(name.to_owned(), line)), "{name}: {symbols:?}");
    }
    let of = |name| uses("src/Page.astro", text, name);
    assert_eq!(of("isShown"), [(2, Definition), (6, Other)]);
    assert_eq!(of("inExpression"), [(8, Definition)]);
    assert_eq!(of("list"), [(3, Definition), (10, Other)]);
    assert_eq!(uses("src/Page.astro", text, "restore"), [(7, Definition)]);
    assert!(of("Tabs").contains(&(8, Call)));
    let unclosed =
        "<main>{isShown && <script>\nfunction lost() {}\n}</main>\n<script>\nfunction found() {}\n</script>\n";
    assert!(listed(&parse("src/Odd.astro", unclosed).symbols()).contains(&("Odd.found".to_owned(), 5)));
}

#[test]
fn props_and_events_of_components_are_definitions_and_uses() {
    use ReferenceKind::{Call, Definition, Other};
    let defined = |path: &str, text: &str| {
        let symbols = parse(path, text).symbols();
        let properties = symbols.into_iter().filter(|one| one.kind == types::SymbolKind::Property);
        properties.map(|one| format!("{}:{}", one.name, one.span.start_line)).collect::<Vec<_>>().join(" ")
    };
    let row = "<script setup lang=\"ts\">\nimport { Line } from './types'\nconst props = withDefaults(defineProps<{\n  /** The line. */\n  line: Line\n  isBusy?: boolean,\n  sizes: Map<string, number>\n}>(), { isBusy: false })\nconst emit = defineEmits<{\n  (e: 'removed' | 'moved', id: number): void\n  (e: 'line-sent'): void\n}>()\nconst count = defineModel<number>('count')\nfunction send() { emit('removed', 1) }\n</script>\n<template><b @click=\"$emit('moved', 2)\">{{ line }}</b></template>\n";
    assert_eq!(
        defined("src/Row.vue", row),
        "line:4 isBusy:6 sizes:7 removed:10 moved:10 line-sent:11 count:13",
        "each on its line, with its comment"
    );
    assert_eq!(uses("src/Row.vue", row, "removed"), [(10, Definition), (14, Call)]);
    assert_eq!(uses("src/Row.vue", row, "moved"), [(10, Definition), (16, Call)]);
    let lists = "<script setup>\nconst props = defineProps(['line', \"isBusy\"])\ndefineEmits({ removed: null, moved: (id) => id > 0 })\n</script>\n";
    assert_eq!(defined("A.vue", lists), "line:2 isBusy:2 removed:3 moved:3");
    let options = "<script>\nexport default {\n  name: 'Old',\n  props: {\n    line: { type: Object, default: () => ({ a: 1 }) },\n    isBusy: Boolean, // whether it waits\n  },\n  emits: ['removed'],\n}\n</script>\n";
    assert_eq!(defined("B.vue", options), "line:5 isBusy:6 removed:8");
    let named = "<script setup lang=\"ts\">\ninterface Props {\n  line: string\n  isBusy?: boolean\n}\ndefineProps<Props>()\n</script>\n";
    assert_eq!(defined("C.vue", named), "line:3 isBusy:4");
    let svelte = "<script lang=\"ts\">\n  let { line, isBusy = false, class: kind, ...rest }: { line: string } = $props();\n</script>\n<p>{line}</p>\n";
    assert_eq!(defined("D.svelte", svelte), "line:2 isBusy:2 class:2");
    let old = "<script>\n  import { createEventDispatcher } from 'svelte';\n  export let line;\n  const dispatch = createEventDispatcher<{ removed: number }>();\n  const go = () => dispatch('removed', 1);\n</script>\n";
    assert_eq!(uses("E.svelte", old, "line"), [(3, Definition)]);
    assert_eq!(uses("E.svelte", old, "removed"), [(4, Definition), (5, Call)]);
    let astro =
        "---\ninterface Props {\n  tag?: string;\n}\nconst { tag, wide = false } = Astro.props;\n---\n<p>{tag}</p>\n";
    assert_eq!(defined("F.astro", astro), "tag:3 wide:5");
    let page = "<template>\n  <Row :line=\"x\" @removed=\"go\" v-model:count.lazy=\"n\" />\n  <data-row v-bind:is-busy=\"b\" @line-sent=\"go\" line=\"a\" />\n  <input line=\"a\" :is-busy=\"b\" />\n</template>\n";
    assert_eq!(uses("Page.vue", page, "line"), [(2, Other), (3, Other)]);
    assert_eq!(uses("Page.vue", page, "isBusy"), [(3, Other)]);
    assert_eq!(uses("Page.vue", page, "lineSent"), [(3, Other)]);
    assert_eq!(uses("Page.vue", page, "removed"), [(2, Other)]);
    assert_eq!(uses("Page.vue", page, "count"), [(2, Other)]);
    let page = "<Row {x} line={a} on:removed={go} bind:count />\n<p line=\"1\">{x}</p>\n";
    assert_eq!(uses("Page.svelte", page, "line"), [(1, Other)]);
    assert_eq!(uses("Page.svelte", page, "removed"), [(1, Other)]);
    assert_eq!(uses("Page.astro", "<Row line={a} />\n", "line"), [(1, Other)]);
}

#[test]
fn an_outline_says_that_the_grammars_of_embedded_texts_fail() {
    let outline = |path: &str, text: &str| {
        let file = decode_source(&RepoPath::new(path), text.as_bytes().to_vec());
        let limit = Duration::from_secs(5);
        let request = file.syntax_request(SyntaxTask::Definitions, limit).expect("a scanner");
        build_outline(&file, Some(SyntaxAnalyzer::default().analyze(&request)), limit)
    };
    let broken = "%% ?? )} %% ?? )} %%\n".repeat(40);
    let good = "function save() {\n  return 1\n}\n".repeat(4);
    for (path, text) in [
        ("Cart.vue", format!("<script>\n{good}</script>\n<script setup>\n{broken}</script>\n")),
        ("page.html", format!("<p>{}</p>\n<script>\n{broken}</script>\n", "words ".repeat(2_000))),
    ] {
        let (symbols, problem) = outline(path, &text);
        let problem = problem.unwrap_or_else(|| panic!("{path} has a problem"));
        assert!(problem.starts_with("the grammars cannot parse"), "{path}: {problem}");
        assert!(problem.ends_with("of code in the file, so definitions may be missing"), "{path}: {problem}");
        assert_eq!(symbols.iter().any(|one| one.name == "save"), path == "Cart.vue", "{path}");
        assert_eq!(parse(path, &text).problem, None, "an index does not count it as a problem");
    }
    for (path, text) in [
        ("Cart.vue", format!("<script>\n{good}</script>\n<p>{}</p>\n", "words ".repeat(2_000))),
        ("Cart.vue", format!("<script>\n{good}</script>\n<style lang=\"stylus\">\n{broken}</style>\n")),
        ("rows.ts", format!("{good}const rows = sql`{broken}`\n{}", good.repeat(20))),
    ] {
        assert_eq!(outline(path, &text).1, None, "{path}");
    }
}
