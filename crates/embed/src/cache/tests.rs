use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::folder::{list_segments, merge_small_segments};
use super::segment::RecordFormat;
use super::{VectorCache, VectorKey, round_to_half};
use platform::cancel::CancelToken;

const MODEL: &str = "a/model:v1";
const PLENTY: u64 = 1 << 30;

fn open_cache(folder: &Path) -> VectorCache {
    VectorCache::open(folder, MODEL, 3, PLENTY)
}

fn vector(seed: u16) -> Vec<f32> {
    rounded(seed).0
}

/// Returns a vector and its half floats, as the cache stores them.
fn rounded(seed: u16) -> (Vec<f32>, Vec<half::f16>) {
    let mut vector = [1.0, 2.0, 3.0].map(|part| f32::from(seed % 1000) / part).to_vec();
    let mut halves = Vec::new();
    round_to_half(&mut vector, &mut halves);
    (vector, halves)
}

fn insert(cache: &VectorCache, seed: u16) {
    cache.insert(key(seed), &rounded(seed).1);
}

fn key(seed: u16) -> VectorKey {
    VectorKey::of_text(&seed.to_string())
}

fn fill(cache: &VectorCache, seeds: impl IntoIterator<Item = u16>) {
    seeds.into_iter().for_each(|seed| insert(cache, seed));
    cache.flush().expect("written");
}

/// Returns whether the vector is cached; panics if it is a wrong one.
fn has_vector(cache: &VectorCache, seed: u16) -> bool {
    let mut found = vec![9.0; 7];
    let there = cache.get(key(seed), &mut found);
    assert!(!there || found == vector(seed), "a wrong vector for {seed}");
    there
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let model = fs::read_dir(folder.join("vectors")).expect("a folder").flatten().next().expect("a model").path();
    let files = fs::read_dir(model).expect("a folder").flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|found| found == "vectors")).collect();
    files.sort();
    files
}

/// Sets a file's modification time to `hours` ago.
fn age(path: &Path, hours: u64) {
    let time = SystemTime::now() - Duration::from_secs(hours * 3600);
    let file = File::options().append(true).open(path).expect("a segment");
    file.set_times(FileTimes::new().set_modified(time)).expect("a time");
}

#[test]
fn vectors_of_one_process_are_found_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open_cache(folder.path());
    assert!(!folder.path().join("vectors").exists(), "no folder is created before the first vector");
    insert(&first, 1);
    assert!(has_vector(&first, 1), "not written yet");
    fill(&first, [2]);
    assert!(has_vector(&first, 1) && has_vector(&first, 2), "written");
    let second = open_cache(folder.path());
    assert!(has_vector(&second, 1) && has_vector(&second, 2) && !has_vector(&second, 3));
    assert_eq!((second.hits(), second.misses()), (2, 1));
}

#[test]
fn models_and_widths_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open_cache(folder.path()), [1]);
    for (model, dimensions) in [("another", 3), (MODEL, 4)] {
        assert!(!has_vector(&VectorCache::open(folder.path(), model, dimensions, PLENTY), 1));
    }
    let cache = open_cache(folder.path());
    cache.insert(key(2), &[half::f16::ONE; 5]);
    assert!(!has_vector(&cache, 2), "a vector of another width does not belong to this model");
}

#[test]
fn a_torn_record_and_a_flipped_bit_lose_only_their_own_records() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open_cache(folder.path()), 0..10);
    let segment = &segments(folder.path())[0];
    let mut bytes = fs::read(segment).expect("a segment");
    let record = (bytes.len() - 32) / 10;
    bytes[32 + 4 * record + 21] ^= 1;
    bytes.truncate(bytes.len() - 3);
    fs::write(segment, bytes).expect("written");
    let cache = open_cache(folder.path());
    let found: Vec<u16> = (0..10).filter(|seed| has_vector(&cache, *seed)).collect();
    assert_eq!(found, [0, 1, 2, 3, 5, 6, 7, 8]);
}

#[test]
fn a_file_that_is_not_a_segment_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open_cache(folder.path()), [1]);
    let foreign = segments(folder.path())[0].with_file_name("0-0-0.vectors");
    fs::write(&foreign, "not vectors at all, but long enough for a header").expect("written");
    assert!(has_vector(&open_cache(folder.path()), 1));
    assert!(foreign.exists());
}

#[test]
fn many_small_segments_are_merged_without_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..20).for_each(|seed| fill(&open_cache(folder.path()), [seed]));
    assert_eq!(segments(folder.path()).len(), 20);
    let writing = open_cache(folder.path());
    fill(&writing, [20]);
    segments(folder.path()).iter().for_each(|path| age(path, 1));
    let cache = open_cache(folder.path());
    assert!((0..21).all(|seed| has_vector(&cache, seed)));
    assert_eq!(segments(folder.path()).len(), 2, "a live segment is not merged");
    fill(&writing, [21]);
    assert!((0..22).all(|seed| has_vector(&open_cache(folder.path()), seed)), "and its later records are found");
}

#[test]
fn segments_that_another_process_removed_after_they_were_listed_do_not_stop_a_merge() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..20).for_each(|seed| fill(&open_cache(folder.path()), [seed]));
    let model = segments(folder.path())[0].parent().expect("a folder").to_owned();
    let (format, listed) = (RecordFormat::new(MODEL, 3), list_segments(&model));
    fs::remove_file(&listed[7].path).expect("removed");
    let left: Vec<PathBuf> =
        merge_small_segments(&model, listed, &format).into_iter().map(|segment| segment.path).collect();
    assert_eq!((left.len(), &left), (1, &segments(folder.path())));
    let cache = open_cache(folder.path());
    assert_eq!((0..20).filter(|seed| has_vector(&cache, *seed)).count(), 19);
}

#[test]
fn running_processes_see_each_other_s_vectors() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (open_cache(folder.path()), open_cache(folder.path()));
    assert!(!has_vector(&one, 1) && !has_vector(&other, 1), "both have scanned the folder");
    for seed in 1..4 {
        fill(&one, [seed]);
        fill(&other, [100 + seed]);
        one.refresh(&CancelToken::default());
        other.refresh(&CancelToken::default());
        assert!(
            (1..=seed).all(|seed| [&one, &other]
                .iter()
                .all(|cache| has_vector(cache, seed) && has_vector(cache, 100 + seed)))
        );
    }
    assert_eq!(segments(folder.path()).len(), 2);
}

#[test]
fn indexes_of_one_process_share_a_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = |model| VectorCache::shared(folder.path(), model, 3, PLENTY);
    let (one, other) = (shared(MODEL), shared(MODEL));
    insert(&one, 1);
    assert!(has_vector(&other, 1) && !has_vector(&shared("another"), 1));
    drop((one, other));
    assert!(has_vector(&shared(MODEL), 1), "dropping the last handle writes the records");
}

#[test]
fn missing_or_torn_keys_are_read_from_the_records() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open_cache(folder.path()), 0..2_000);
    let keys = segments(folder.path())[0].with_extension("keys");
    for kept_bytes in [2_000 * 16, 1_000 * 16 + 5, 3, 0] {
        File::options().write(true).open(&keys).expect("keys").set_len(kept_bytes).expect("cut");
        let cache = open_cache(folder.path());
        assert!((0..2_000).all(|seed| has_vector(&cache, seed)), "{kept_bytes} bytes");
    }
    fs::remove_file(&keys).expect("keys");
    assert!((0..2_000).all(|seed| has_vector(&open_cache(folder.path()), seed)) && keys.exists(), "read once");
    fs::write(&keys, [7; 32_000]).expect("keys");
    assert!(!has_vector(&open_cache(folder.path()), 1), "wrong keys find nothing");
}

#[test]
fn memory_is_estimated_before_keys_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(open_cache(folder.path()).memory_bytes(), 0);
    fill(&open_cache(folder.path()), 0..2_000);
    let estimate = open_cache(folder.path()).memory_bytes();
    assert!((2_000 * 20..2_000 * 100).contains(&estimate), "{estimate} bytes for 2,000 keys");
}

#[test]
fn a_cancelled_refresh_continues_later() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..3).for_each(|seed| fill(&open_cache(folder.path()), [seed]));
    let cache = open_cache(folder.path());
    let cancelled = CancelToken::default();
    cancelled.cancel();
    cache.refresh(&cancelled);
    assert!(!(0..3).any(|seed| has_vector(&cache, seed)), "it reads no segment");
    cache.refresh(&CancelToken::default());
    assert!((0..3).all(|seed| has_vector(&cache, seed)));
}

#[test]
fn a_cache_removed_while_in_use_starts_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open_cache(folder.path());
    fill(&cache, [1, 2]);
    fs::remove_dir_all(folder.path().join("vectors")).expect("removed");
    cache.refresh(&CancelToken::default());
    assert!(!has_vector(&cache, 1));
    fill(&cache, [2, 3]);
    assert!(has_vector(&cache, 2) && has_vector(&cache, 3));
    assert!(has_vector(&open_cache(folder.path()), 2) && !has_vector(&open_cache(folder.path()), 1));
}

#[test]
fn above_the_limit_unused_segments_are_removed_first() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..4).for_each(|seed| fill(&open_cache(folder.path()), seed * 100..(seed + 1) * 100));
    for (hours, path) in segments(folder.path()).iter().rev().enumerate() {
        age(path, 2 + hours as u64);
    }
    let used = open_cache(folder.path());
    let oldest = (0..4).map(|seed| seed * 100).find(|seed| has_vector(&used, *seed)).expect("one of them");
    used.flush().expect("written");
    let bytes = fs::metadata(&segments(folder.path())[0]).expect("a segment").len();
    let kept = VectorCache::open(folder.path(), MODEL, 3, bytes * 2);
    assert!(has_vector(&kept, oldest), "the used segment stays");
    assert_eq!(segments(folder.path()).len(), 2);
}

#[test]
fn live_segments_stay_above_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let writing = open_cache(folder.path());
    fill(&writing, [1]);
    fill(&open_cache(folder.path()), [2]);
    age(&segments(folder.path())[0], 1);
    let small = VectorCache::open(folder.path(), MODEL, 3, 1);
    assert!(has_vector(&small, 1) && !has_vector(&small, 2));
    fill(&writing, [3]);
    assert!(has_vector(&open_cache(folder.path()), 3));
}

#[test]
fn a_folder_that_cannot_be_written_turns_the_cache_off_and_reports_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("vectors"), "a file in the way").expect("written");
    let cache = open_cache(folder.path());
    insert(&cache, 1);
    let error = cache.flush().expect_err("no folder can be made there").to_string();
    assert!(error.contains("--cache-dir"), "{error}");
    insert(&cache, 2);
    assert!(cache.flush().is_ok() && !has_vector(&cache, 2));
}

#[test]
fn the_format_is_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open_cache(folder.path()), [7]);
    let bytes = fs::read(&segments(folder.path())[0]).expect("a segment");
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, VERSION_2, "the format has changed: raise its version, and read or drop the old one");
}

/// A segment of [`MODEL`] in 3 dimensions that holds the vector of seed 7.
const VERSION_2: &str = "435343525956454302000000af0957bb03000000d0bb5269521ee54e96c27de3\
    22f36339ae3058eeaf19a52949cfb9eb81a9ea1d00470043ab40";

/// The same segment as an earlier version of codescry wrote it.
const VERSION_1: &str = "636f64657363727920766563746f72730100000003000000d0bb5269521ee54e\
    22f36339ae3058eeaf19a52949cfb9eb1f84bb6500470043ab40";

/// Writes segments of version 1 into a cache folder, one segment per seed, and one segment of the current version.
fn write_version_1_segments(folder: &Path, seeds: impl IntoIterator<Item = u16>) {
    fill(&open_cache(folder), [9_999]);
    let model_folder = segments(folder)[0].parent().expect("a folder").to_owned();
    let digits = VERSION_1.as_bytes().as_chunks::<2>().0;
    let digits = digits.iter().map(|pair| std::str::from_utf8(pair).expect("digits"));
    let header: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).expect("a byte")).take(32).collect();
    for seed in seeds {
        let values: Vec<u8> = rounded(seed).1.iter().flat_map(|half| half.to_le_bytes()).collect();
        let key = key(seed).0.to_le_bytes();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key).update(&values);
        let checksum = hasher.finalize().as_bytes()[..4].to_vec();
        let bytes = [header.clone(), key.to_vec(), checksum, values].concat();
        fs::write(model_folder.join(format!("0-0-{seed}.vectors")), bytes).expect("written");
    }
}

#[test]
fn vectors_of_version_1_are_found_and_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    write_version_1_segments(folder.path(), 0..10);
    assert!((0..10).all(|seed| has_vector(&open_cache(folder.path()), seed)));
    write_version_1_segments(folder.path(), 0..20);
    let damaged = segments(folder.path()).into_iter().find(|path| path.ends_with("0-0-3.vectors")).expect("a segment");
    let mut bytes = fs::read(&damaged).expect("a segment");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&damaged, bytes).expect("written");
    let merging = open_cache(folder.path());
    assert!((0..20).all(|seed| has_vector(&merging, seed) == (seed != 3)), "a damaged vector is not used");
    assert_eq!(segments(folder.path()).len(), 1);
    let bytes = fs::read(&segments(folder.path())[0]).expect("a segment");
    assert!(bytes.starts_with(b"CSCRYVEC"), "the merged segment has the current version");
    assert!((0..20).all(|seed| has_vector(&open_cache(folder.path()), seed) == (seed != 3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lookups_are_right_or_miss_after_any_truncation(
        runs in prop::collection::vec((prop::collection::vec(0_u16..60, 0..30), any::<prop::sample::Index>()), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        for (seeds, cut) in runs {
            let cache = open_cache(folder.path());
            fill(&cache, seeds.iter().copied());
            prop_assert!(seeds.iter().all(|seed| has_vector(&cache, *seed)) || seeds.is_empty());
            drop(cache);
            if folder.path().join("vectors").exists() {
                let all = segments(folder.path());
                let torn = &all[cut.index(all.len())];
                let length = fs::metadata(torn).expect("a segment").len();
                File::options().append(true).open(torn).expect("a segment").set_len(length - length % 7).expect("cut");
            }
            let cache = open_cache(folder.path());
            (0..60).for_each(|seed| _ = has_vector(&cache, seed));
        }
    }
}
