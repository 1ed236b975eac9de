//! Tests that an index with schema 3 is read until it is rebuilt.

use arrow_array::{ArrayRef, RecordBatch, StringArray};

use super::*;
use crate::inverted_index::{SegmentWriter, tests::convert_to_version_1};
use crate::lance::manifest::TableVersion;
use crate::lance::{rows, tables};

/// The columns of the chunks table in schema 3, in their order.
const CHUNK_COLUMNS: [&str; 12] = [
    "number",
    "path",
    "language",
    "start_line",
    "end_line",
    "kind",
    "symbol",
    "container",
    "defines",
    "signature",
    "text",
    "vector",
];
/// The columns of the files table in schema 3, in their order.
const FILE_COLUMNS: [&str; 8] = ["path", "size_bytes", "mtime_ns", "hash", "language", "chunks", "skip", "problem"];

/// Returns the columns of a batch in the layout of schema 3.
fn keep_columns(batch: &RecordBatch, names: &[&'static str]) -> RecordBatch {
    let column = |name: &'static str| match batch.column_by_name(name) {
        Some(column) => (name, Arc::clone(column)),
        // The signature without the checksum that precedes it.
        None => {
            let checked: &StringArray = rows::typed_column(batch, "checked_signature").expect("a column");
            let plain = StringArray::from_iter_values(checked.iter().flatten().map(|text| &text[8..]));
            (name, Arc::new(plain) as ArrayRef)
        }
    };
    RecordBatch::try_from_iter(names.iter().copied().map(column)).expect("the columns have one length")
}

/// Writes an index in the layout of schema 3 with the files and chunks of `commit`.
fn write_schema_3_index(store: &LanceStore, commit: &Commit) {
    let location = &store.location;
    fs::create_dir_all(location.dir.join("words")).expect("a folder");
    let connection = tables::open_connection(location).expect("a connection");
    let mut terms = SegmentWriter::default();
    (0..).zip(&commit.chunks).for_each(|(number, chunk)| terms.add(number, &chunk.terms));
    let segment = convert_to_version_1(&terms.finish().expect("a segment"));
    fs::write(location.dir.join("words/1-0.words"), segment).expect("a segment");
    let chunks = rows::encode_chunk_batches(commit.chunks.clone(), 0, 4).next().expect("chunks").expect("a batch");
    let files = rows::encode_files(&commit.replace).expect("a batch");
    let batches =
        [("chunks_1", keep_columns(&chunks, &CHUNK_COLUMNS)), ("files_1", keep_columns(&files, &FILE_COLUMNS))];
    let versions = batches.map(|(name, batch)| {
        let version = location.block_on("create a table", async {
            let table = connection.create_table(name, batch).execute().await?;
            table.version().await
        });
        TableVersion { name: name.to_owned(), version: version.expect("a table"), metadata: BTreeMap::new() }
    });
    let [chunks, files] =
        serde_json::to_value(versions).expect("JSON").as_array().expect("two").clone().try_into().expect("two");
    let manifest = serde_json::json!({
        "manifest": {
            "generation": 1,
            "recipe": {
                "schema_version": 3, "chunker_version": 1, "model_id": "m", "dimensions": 4, "settings": "",
            },
            "root": location.root, "complete": true, "files_found": 2, "skipped": {},
            "committed_at_ms": 1, "is_empty": false,
        },
        "chunks": chunks, "files": files, "words": ["1-0.words"], "next_number": 2, "rows_epoch": 7,
    });
    fs::write(location.dir.join("manifest.json"), manifest.to_string()).expect("a manifest");
}

#[test]
fn an_index_of_schema_3_answers_until_a_run_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let written = commit(&[("a.rs", "alpha shared"), ("b.rs", "beta shared")]);
    write_schema_3_index(&store, &written);
    let view = store.view().expect("a view").expect("a commit");
    assert!(view.manifest().fingerprint.is_readable());
    let (mut chunks, files) = (view.chunks().expect("chunks"), view.files().expect("files"));
    assert_eq!(files.len(), 2);
    assert_eq!((files[0].stat.ctime_ns, files[0].content.encoding), (0, TextEncoding::Unknown));
    assert_eq!(files[0].content.hash, written.replace[0].content.hash);
    assert_eq!(chunks.remove(0).vector, written.chunks[0].vector);
    assert_eq!(texts_with(&store, "shared"), ["alpha shared", "beta shared"]);

    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    assert!(writer.base().is_none(), "its rows are not extended");
    writer.defer_publication();
    writer.commit(commit(&[("a.rs", "gamma")]), &status(false)).expect("a commit");
    assert_eq!(texts_with(&store, "alpha"), ["alpha shared"], "it answers until the run is complete");
    writer.finish(&status(true)).expect("a finish");
    assert_eq!(store.view().expect("a view").expect("a commit").manifest().fingerprint.schema_version, SCHEMA_VERSION);
    assert_eq!((texts_with(&store, "gamma"), texts_with(&store, "alpha")), (vec!["gamma".to_owned()], vec![]));
}
