use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::{VectorCache, VectorKey, round};

const MODEL: &str = "a/model:v1";
const PLENTY: u64 = 1 << 30;

fn open(folder: &Path) -> VectorCache {
    VectorCache::open(folder, MODEL, 3, PLENTY)
}

fn vector(seed: u16) -> Vec<f32> {
    rounded(seed).0
}

/// A vector, and its values as they are kept.
fn rounded(seed: u16) -> (Vec<f32>, Vec<half::f16>) {
    let mut vector = [1.0, 2.0, 3.0].map(|part| f32::from(seed % 1000) / part).to_vec();
    let mut halves = Vec::new();
    round(&mut vector, &mut halves);
    (vector, halves)
}

fn insert(cache: &VectorCache, seed: u16) {
    cache.insert(key(seed), &rounded(seed).1);
}

fn key(seed: u16) -> VectorKey {
    VectorKey::of(&seed.to_string())
}

fn fill(cache: &VectorCache, seeds: impl IntoIterator<Item = u16>) {
    seeds.into_iter().for_each(|seed| insert(cache, seed));
    cache.flush().expect("written");
}

/// Whether the vector is there; it must be the right one.
fn has(cache: &VectorCache, seed: u16) -> bool {
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

/// As if nobody had written to it for so long.
fn age(path: &Path, hours: u64) {
    let time = SystemTime::now() - Duration::from_secs(hours * 3600);
    let file = File::options().append(true).open(path).expect("a segment");
    file.set_times(FileTimes::new().set_modified(time)).expect("a time");
}

#[test]
fn what_one_process_keeps_the_next_one_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    assert!(!folder.path().join("vectors").exists(), "nothing is made before there is something to keep");
    insert(&first, 1);
    assert!(has(&first, 1), "not written yet");
    fill(&first, [2]);
    assert!(has(&first, 1) && has(&first, 2), "written");
    let second = open(folder.path());
    assert!(has(&second, 1) && has(&second, 2) && !has(&second, 3));
    assert_eq!((second.hits(), second.misses()), (2, 1));
}

#[test]
fn models_and_widths_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()), [1]);
    for (model, dimensions) in [("another", 3), (MODEL, 4)] {
        assert!(!has(&VectorCache::open(folder.path(), model, dimensions, PLENTY), 1));
    }
    let cache = open(folder.path());
    cache.insert(key(2), &[half::f16::ONE; 5]);
    assert!(!has(&cache, 2), "a vector of another width is none of this model's");
}

#[test]
fn a_torn_record_and_a_flipped_bit_cost_themselves_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()), 0..10);
    let segment = &segments(folder.path())[0];
    let mut bytes = fs::read(segment).expect("a segment");
    let record = (bytes.len() - 32) / 10;
    bytes[32 + 4 * record + 21] ^= 1;
    bytes.truncate(bytes.len() - 3);
    fs::write(segment, bytes).expect("written");
    let cache = open(folder.path());
    let found: Vec<u16> = (0..10).filter(|seed| has(&cache, *seed)).collect();
    assert_eq!(found, [0, 1, 2, 3, 5, 6, 7, 8]);
}

#[test]
fn a_file_that_is_no_segment_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()), [1]);
    let foreign = segments(folder.path())[0].with_file_name("0-0-0.vectors");
    fs::write(&foreign, "not vectors at all, but long enough for a header").expect("written");
    assert!(has(&open(folder.path()), 1));
    assert!(foreign.exists());
}

#[test]
fn small_segments_are_joined_once_there_are_many_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..20).for_each(|seed| fill(&open(folder.path()), [seed]));
    assert_eq!(segments(folder.path()).len(), 20);
    let writing = open(folder.path());
    fill(&writing, [20]);
    segments(folder.path()).iter().for_each(|path| age(path, 1));
    let cache = open(folder.path());
    assert!((0..21).all(|seed| has(&cache, seed)));
    assert_eq!(segments(folder.path()).len(), 2, "one that is written to stays by itself");
    fill(&writing, [21]);
    assert!((0..22).all(|seed| has(&open(folder.path()), seed)), "and is found with what came later");
}

#[test]
fn processes_that_go_on_see_what_each_of_them_keeps() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (open(folder.path()), open(folder.path()));
    assert!(!has(&one, 1) && !has(&other, 1), "both have looked");
    for seed in 1..4 {
        fill(&one, [seed]);
        fill(&other, [100 + seed]);
        one.refresh(&|| false);
        other.refresh(&|| false);
        assert!((1..=seed).all(|seed| [&one, &other].iter().all(|cache| has(cache, seed) && has(cache, 100 + seed))));
    }
    assert_eq!(segments(folder.path()).len(), 2);
}

#[test]
fn indexes_of_one_process_share_a_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = |model| VectorCache::shared(folder.path(), model, 3, PLENTY);
    let (one, other) = (shared(MODEL), shared(MODEL));
    insert(&one, 1);
    assert!(has(&other, 1) && !has(&shared("another"), 1));
    drop((one, other));
    assert!(has(&shared(MODEL), 1), "the last one to go has written it");
}

#[test]
fn keys_that_are_missing_or_torn_are_read_from_the_records() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()), 0..2_000);
    let keys = segments(folder.path())[0].with_extension("keys");
    for kept_bytes in [2_000 * 16, 1_000 * 16 + 5, 3, 0] {
        File::options().write(true).open(&keys).expect("keys").set_len(kept_bytes).expect("cut");
        let cache = open(folder.path());
        assert!((0..2_000).all(|seed| has(&cache, seed)), "{kept_bytes} bytes");
    }
    fs::remove_file(&keys).expect("keys");
    assert!((0..2_000).all(|seed| has(&open(folder.path()), seed)) && keys.exists(), "read once");
    fs::write(&keys, [7; 32_000]).expect("keys");
    assert!(!has(&open(folder.path()), 1), "keys of no record find nothing");
}

#[test]
fn memory_is_told_before_a_key_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(open(folder.path()).memory_bytes(), 0);
    fill(&open(folder.path()), 0..2_000);
    let told = open(folder.path()).memory_bytes();
    assert!((2_000 * 20..2_000 * 100).contains(&told), "{told} bytes for 2,000 keys");
}

#[test]
fn a_look_that_is_stopped_goes_on_later() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..3).for_each(|seed| fill(&open(folder.path()), [seed]));
    let cache = open(folder.path());
    let looks = std::cell::Cell::new(0);
    cache.refresh(&|| looks.replace(looks.get() + 1) > 0);
    assert_eq!((0..3).filter(|seed| has(&cache, *seed)).count(), 1);
    cache.refresh(&|| false);
    assert!((0..3).all(|seed| has(&cache, seed)));
}

#[test]
fn a_cache_that_is_removed_while_it_is_used_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path());
    fill(&cache, [1, 2]);
    fs::remove_dir_all(folder.path().join("vectors")).expect("removed");
    cache.refresh(&|| false);
    assert!(!has(&cache, 1));
    fill(&cache, [2, 3]);
    assert!(has(&cache, 2) && has(&cache, 3));
    assert!(has(&open(folder.path()), 2) && !has(&open(folder.path()), 1));
}

#[test]
fn above_the_limit_what_was_of_no_use_goes_first() {
    let folder = tempfile::tempdir().expect("a folder");
    (0..4).for_each(|seed| fill(&open(folder.path()), seed * 100..(seed + 1) * 100));
    for (hours, path) in segments(folder.path()).iter().rev().enumerate() {
        age(path, 2 + hours as u64);
    }
    let used = open(folder.path());
    let oldest = (0..4).map(|seed| seed * 100).find(|seed| has(&used, *seed)).expect("one of them");
    used.flush().expect("written");
    let bytes = fs::metadata(&segments(folder.path())[0]).expect("a segment").len();
    let kept = VectorCache::open(folder.path(), MODEL, 3, bytes * 2);
    assert!(has(&kept, oldest), "what was of use stays");
    assert_eq!(segments(folder.path()).len(), 2);
}

#[test]
fn what_is_written_to_stays_above_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let writing = open(folder.path());
    fill(&writing, [1]);
    fill(&open(folder.path()), [2]);
    age(&segments(folder.path())[0], 1);
    let small = VectorCache::open(folder.path(), MODEL, 3, 1);
    assert!(has(&small, 1) && !has(&small, 2));
    fill(&writing, [3]);
    assert!(has(&open(folder.path()), 3));
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_keeping_and_says_so_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("vectors"), "a file in the way").expect("written");
    let cache = open(folder.path());
    insert(&cache, 1);
    let error = cache.flush().expect_err("no folder can be made there").to_string();
    assert!(error.contains("--cache-dir"), "{error}");
    insert(&cache, 2);
    assert!(cache.flush().is_ok() && !has(&cache, 2));
}

#[test]
fn yesterday_s_segment_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()), [7]);
    let bytes = fs::read(&segments(folder.path())[0]).expect("a segment");
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, VERSION_1, "the format has changed: raise its version, and keep reading or dropping the old one");
}

/// A segment of [`MODEL`] in 3 dimensions that holds the vector of 7.
const VERSION_1: &str = "636f64657363727920766563746f72730100000003000000d0bb5269521ee54e\
    22f36339ae3058eeaf19a52949cfb9eb1f84bb6500470043ab40";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_vector_is_right_or_not_there_whatever_is_cut_off(
        runs in prop::collection::vec((prop::collection::vec(0_u16..60, 0..30), any::<prop::sample::Index>()), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        for (seeds, cut) in runs {
            let cache = open(folder.path());
            fill(&cache, seeds.iter().copied());
            prop_assert!(seeds.iter().all(|seed| has(&cache, *seed)) || seeds.is_empty());
            drop(cache);
            if folder.path().join("vectors").exists() {
                let all = segments(folder.path());
                let torn = &all[cut.index(all.len())];
                let length = fs::metadata(torn).expect("a segment").len();
                File::options().append(true).open(torn).expect("a segment").set_len(length - length % 7).expect("cut");
            }
            let cache = open(folder.path());
            (0..60).for_each(|seed| _ = has(&cache, seed));
        }
    }
}
