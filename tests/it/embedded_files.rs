//! Tests of code embedded in other files: components, notebooks, and code beside very long lines.

use serde_json::json;

use crate::support::cli::Project;

const CARD: &str = "<template>
  <button @click=\"applyCoupon(code)\">Apply</button>
</template>

<script setup lang=\"ts\">
import { ref } from 'vue'
const code = ref('')
/** Takes the coupon's discount off the cart's total. */
async function applyCoupon(code: string): Promise<number> {
  return await post('/coupon', { code })
}
</script>
";

const PAGE: &str = "<script setup>
import CouponCard from './CouponCard.vue'
</script>

<template>
  <main>
    <CouponCard />
  </main>
</template>
";

/// Returns the places of an answer of `symbol --json`, as path, first line and kind.
fn places(project: &Project, name: &str) -> Vec<String> {
    let ran = project.run(&["symbol", "--json", name]);
    assert!(ran.code <= 1, "{}", ran.err);
    let answer = ran.json();
    let hits = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
    hits.iter().map(|hit| format!("{}:{} {}", hit["path"], hit["start_line"], hit["kind"]).replace('"', "")).collect()
}

fn notebook(output: &str, count: u32) -> String {
    let cells = json!([
        { "cell_type": "markdown", "metadata": {}, "source": ["# Churn model\n", "Who leaves, and when?"] },
        { "cell_type": "code", "metadata": {}, "execution_count": count,
          "source": ["def fit_churn_model(frame, depth=3):\n", "    return train(frame, depth)"],
          "outputs": [{ "output_type": "stream", "name": "stdout", "text": [output] }] },
    ]);
    let metadata = json!({ "language_info": { "name": "python" } });
    json!({ "nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells }).to_string()
}

#[test]
fn a_component_is_a_symbol_and_its_template_refers_to_others() {
    let project = Project::empty();
    project.write("src/CouponCard.vue", CARD);
    project.write("src/Page.vue", PAGE);
    assert_eq!(places(&project, "applyCoupon"), ["src/CouponCard.vue:8 function"]);
    assert_eq!(places(&project, "CouponCard")[0], "src/CouponCard.vue:1 class");
    let used = project.run(&["references", "CouponCard"]);
    assert!(used.out.contains("<CouponCard />"), "{}", used.out);
    let called = project.run(&["references", "applyCoupon kind:call"]);
    assert!(called.out.contains("@click=\"applyCoupon(code)\""), "{}{}", called.out, called.err);
    assert_eq!(project.paths(&["take a discount off the cart"])[0], "src/CouponCard.vue");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn cells_of_a_notebook_are_found_and_edits_of_outputs_embed_nothing() {
    let project = Project::empty();
    project.write("churn.ipynb", notebook("fitted", 1));
    let cache = project.home().join("vectors").to_string_lossy().into_owned();
    let index = ["index", "--json", "--cache-dir", &cache];
    let indexed = project.run(&index);
    assert_eq!(indexed.code, 0, "{}", indexed.err);
    assert_eq!(places(&project, "fit_churn_model"), ["churn.ipynb:6 function"]);
    let read = project.run(&["read", "churn.ipynb"]);
    assert!(read.out.contains("# %% cell 2") && read.out.contains("def fit_churn_model"), "{}", read.out);
    assert!(!read.out.contains("fitted") && !read.out.contains("nbformat"), "{}", read.out);
    let outline = project.run(&["outline", "churn.ipynb"]);
    assert!(outline.out.contains("cell 1") && outline.out.contains("Churn model"), "{}", outline.out);

    project.write("churn.ipynb", notebook("fitted again, and this time it took longer", 2));
    let again = project.run(&index).json();
    assert_eq!((&again["vectors_computed"], &again["files_indexed"]), (&0.into(), &1.into()), "{again}");
    assert_eq!(places(&project, "fit_churn_model"), ["churn.ipynb:6 function"]);
}

#[test]
fn code_beside_a_very_long_line_is_found() {
    let project = Project::empty();
    let data = "aGVsbG8sIHdvcmxk".repeat(3_000);
    project.write(
        "icons.py",
        format!("LOGO = \"{data}\"\n\n\ndef draw_tray_icon(canvas):\n    return canvas.paint(LOGO)\n"),
    );
    project.write("bundle.js", "!function(e){var t={};return t.a=e,t}(window);".repeat(2_000));
    assert_eq!(places(&project, "draw_tray_icon"), ["icons.py:4 function"]);
    let found = project.run(&["search", "LOGO data"]);
    assert!(found.out.contains("icons.py") && found.out.len() < 10_000, "{}", found.out.len());
    let listed = project.run(&["index", "--dry-run"]);
    assert!(listed.out.contains("bundle.js") && listed.out.contains("minified"), "{}", listed.out);
}
