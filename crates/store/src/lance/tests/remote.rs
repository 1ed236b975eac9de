//! Tests of a store whose large files are remote and read in ranges.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::*;
use crate::{RangeRead, RemoteReadError, RowFilter};

/// The large files of an index, in memory.
#[derive(Default)]
struct FilesInMemory {
    files: HashMap<String, Bytes>,
    read_bytes: AtomicU64,
    reads: AtomicU64,
    is_unreachable: AtomicBool,
}

impl RemoteFiles for FilesInMemory {
    fn location_name(&self) -> String {
        "memory://index".to_owned()
    }

    fn size_of(&self, path: &str) -> Option<u64> {
        self.files.get(path).map(|bytes| bytes.len() as u64)
    }

    fn read(&self, path: &str, range: Range<u64>) -> RangeRead {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(range.end - range.start, Ordering::Relaxed);
        let range = usize::try_from(range.start).expect("small")..usize::try_from(range.end).expect("small");
        let bytes = self.files[path].slice(range);
        let is_unreachable = self.is_unreachable.load(Ordering::Relaxed);
        Box::pin(async move {
            match is_unreachable {
                true => Err(RemoteReadError { message: "memory://index sleeps; wake it".to_owned() }),
                false => Ok(bytes),
            }
        })
    }
}

/// An index with search indexes, and a store over the same index whose large files are remote.
struct Split {
    folder: tempfile::TempDir,
    whole: LanceStore,
    split: LanceStore,
    remote: Arc<FilesInMemory>,
}

const ROOT: &str = "/elsewhere";

impl Split {
    fn new(files: usize, resident_limit: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = store(folder.path()).with_resident_limit(resident_limit);
        let texts: Vec<(String, String)> = (0..files)
            .map(|at| {
                (format!("src/f{at}.rs"), format!("shared word{at} {}", format!("w{} ", at * 7919 % 4093).repeat(40)))
            })
            .collect();
        let borrowed: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let mut writer = whole.writer(&fingerprint(), false).expect("a writer");
        writer.commit(commit(&borrowed), &status(false)).expect("a commit");
        writer.finish(&status(true)).expect("a finish");
        drop(writer);
        let (from, to) = (folder.path().join("index"), folder.path().join("split"));
        let parts = LanceStore::list_parts(&from).expect("parts").expect("a commit");
        let mut remote = FilesInMemory::default();
        for part in &parts.files {
            let content = fs::read(from.join(&part.path)).expect("a part");
            if IndexPart::is_left_in_place(&part.path) {
                remote.files.insert(part.path.clone(), content.into());
            } else {
                let path = to.join(&part.path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                fs::write(path, content).expect("written");
            }
        }
        let text = parts.manifest_file(Path::new("memory://index")).expect("a manifest");
        fs::write(to.join("manifest.json"), text).expect("written");
        let remote = Arc::new(remote);
        let split =
            LanceStore::open(&to, Path::new(ROOT)).expect("a store").with_remote_files(Arc::clone(&remote) as _);
        Self { folder, whole, split, remote }
    }
}

/// Returns the sorted paths of the chunks that two searches find, the texts of the chunks in the first two files, and
/// the number of documents.
fn answers(store: &LanceStore) -> Result<Vec<String>, StoreError> {
    let view = store.view()?.expect("a commit");
    let found = Arc::clone(&view).search_indexes().expect("search indexes");
    let any = RowFilter::default();
    let mut hits = found.find_words(&["word7", "word900"], false, 10, &any)?;
    hits.extend(found.find_nearest(&[0.5, -0.5, 0.5, 0.25], 10, &any)?);
    let mut paths: Vec<RepoPath> = hits.into_iter().map(|hit| hit.path).collect();
    let chunks = found.read_chunks_of(&paths[..2], None)?;
    let keys: Vec<RowKey> = chunks.iter().map(|(chunk, _)| chunk.row).collect();
    let texts = view.chunk_texts(&keys)?;
    assert_eq!(found.read_records_of(&paths[..2])?.len(), 2);
    paths.sort();
    let mut all: Vec<String> = paths.iter().map(ToString::to_string).collect();
    all.extend(texts.into_iter().map(|text| text.text));
    all.push(format!("{:?}", found.corpus_statistics().expect("statistics").docs));
    Ok(all)
}

#[test]
fn answers_are_those_of_the_whole_index_and_take_a_part_of_its_bytes() {
    let split = Split::new(20_000, 0);
    let expected = answers(&split.whole).expect("answers");
    assert_eq!(answers(&split.split).expect("answers"), expected);
    let size: u64 = split.remote.files.values().map(|bytes| bytes.len() as u64).sum();
    let read = split.remote.read_bytes.load(Ordering::Relaxed);
    assert!(read > 0 && read * 2 < size, "{read} of {size} bytes were read");
    let view = split.split.view().expect("a view").expect("a commit");
    assert!(view.manifest().is_unconfirmed_copy() && view.manifest().root == Path::new(ROOT));
    assert_eq!(split.split.generation().expect("a generation"), split.whole.generation().expect("a generation"));
}

#[test]
fn a_place_that_does_not_answer_is_no_damage() {
    let split = Split::new(50, 0);
    split.split.view().expect("a view");
    split.remote.is_unreachable.store(true, Ordering::Relaxed);
    let error = answers(&split.split).expect_err("nothing can be read");
    assert!(!error.is_damage() && error.to_string().contains("memory://index sleeps; wake it"), "{error}");
    let view = split.split.view().expect("a view").expect("a commit");
    assert!(!view.has_met_damage());
}

#[test]
fn nothing_can_be_written() {
    let split = Split::new(5, 0);
    let error = split.split.writer(&fingerprint(), false).err().expect("read only").to_string();
    assert!(error.contains("memory://index") && error.contains("--in-place"), "{error}");
    assert!(!split.folder.path().join("split/lock").exists());
}

#[test]
fn an_index_without_search_indexes_is_refused() {
    let split = Split::new(5, u64::MAX);
    let error = split.split.view().err().expect("no search indexes").to_string();
    assert!(error.contains("memory://index") && error.contains("--resident-limit 0"), "{error}");
}

#[test]
fn rows_and_search_indexes_stay_in_place() {
    for (path, is_left) in [
        ("data/chunks_1.lance/data/0a.lance", true),
        ("data/chunks_1.lance/_indices/0a/metadata.lance", true),
        ("data/chunks_1.lance/_versions/1.manifest", false),
        ("data/chunks_1.lance/_deletions/1-2-3.arrow", false),
        ("words/1.words", false),
        ("resident", true),
    ] {
        assert_eq!(IndexPart::is_left_in_place(path), is_left, "{path}");
    }
}
