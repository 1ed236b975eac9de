//! The snapshot of a group: several repositories as one pool of candidates.
//!
//! Each repository is a folder of the group, named like the repository. The snapshot of the group stores no chunks,
//! names and posting lists: its files are in the column blocks of the repositories' snapshots, its inverted index
//! consists of their segments, and names and texts are looked up in each of them. Only the numbers of chunks belong to
//! the group, so it is rebuilt in milliseconds when a repository changes.

use std::path::PathBuf;
use std::sync::Arc;

use super::columns::{ChunkKeys, SnapshotColumns};
use super::file_chunks::FileChunks;
use super::key_index::to_number;
use super::{DocumentChunks, GroupMember, GroupStores, Snapshot, SnapshotStores};
use store::inverted_index::{InvertedIndex, SegmentError};
use store::{ChunkText, Manifest, StoreError};
use types::Generation;

impl GroupMember {
    /// Creates a member that is not yet part of a group.
    pub fn new(name: String, snapshot: Arc<Snapshot>) -> Self {
        Self { name, snapshot, first_file: 0, first_chunk: 0 }
    }

    /// Returns whether two members are the same snapshot under the same name.
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.snapshot, &other.snapshot)
    }

    /// Returns the chunks of the group that define a name with this hash in the repository.
    pub(super) fn chunks_with_name(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.snapshot.columns.names.chunks_of(hash).map(|chunk| self.first_chunk + chunk)
    }

    /// Returns the indices of the member's files in the snapshot of the group.
    fn files(&self) -> std::ops::Range<usize> {
        self.first_file..self.first_file + self.snapshot.files.len()
    }
}

impl GroupStores {
    /// Returns the repository of a path in the group, and the path in it; `None` if there is no such repository.
    pub fn find_member<'p>(&self, path: &'p str) -> Option<(&GroupMember, &'p str)> {
        let (name, inner) = path.split_once('/')?;
        self.members.iter().find(|member| member.name == name).map(|member| (member, inner))
    }

    /// Reads the texts of chunks, in the order of `chunks`: those of each repository at once.
    ///
    /// # Errors
    /// If the store of a repository cannot be read.
    pub fn read_texts(&self, chunks: &[u32]) -> Result<Vec<ChunkText>, StoreError> {
        let mut texts = vec![ChunkText::default(); chunks.len()];
        let mut of_members: Vec<Vec<usize>> = vec![Vec::new(); self.members.len()];
        for (at, chunk) in chunks.iter().enumerate() {
            let after = self.members.partition_point(|member| member.first_chunk <= *chunk);
            of_members[after - 1].push(at);
        }
        for (member, positions) in self.members.iter().zip(of_members).filter(|(_, positions)| !positions.is_empty()) {
            let own: Vec<u32> = positions.iter().map(|at| chunks[*at] - member.first_chunk).collect();
            let read = member.snapshot.read_texts(&own)?;
            positions.into_iter().zip(read).for_each(|(at, text)| texts[at] = text);
        }
        Ok(texts)
    }

    /// Converts a read error of a segment into an error of the repository that the segment is of.
    pub fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        let is_source = |member: &&GroupMember| {
            member.snapshot.inverted_index().segments().iter().any(|segment| segment.is_source_of(error))
        };
        let member = self.members.iter().find(is_source).or(self.members.first());
        member.expect("an error comes from a segment of a member").snapshot.inverted_index_error(error)
    }
}

impl Snapshot {
    /// Joins the snapshots of at least one repository; their vectors must be of one model. `previous` is an earlier
    /// snapshot of the group; the files of unchanged repositories are taken from it.
    pub fn join(members: Vec<GroupMember>, previous: Option<&Self>) -> Self {
        let mut members = members;
        // The paths of all files are sorted if their folders are, with the slash that follows them.
        members.sort_by_cached_key(|member| format!("{}/", member.name));
        let (mut files, mut documents, mut segments) = (Vec::<Arc<FileChunks>>::new(), Vec::new(), Vec::new());
        let mut first_chunk = 0;
        for member in &mut members {
            (member.first_file, member.first_chunk) = (files.len(), first_chunk);
            first_chunk += to_number(member.snapshot.chunk_count());
            let known = previous.into_iter().flat_map(|group| group.members().iter().zip(std::iter::repeat(group)));
            match known.into_iter().find(|(other, _)| other.is_same(member)) {
                Some((other, group)) => files.extend_from_slice(&group.files[other.files()]),
                None => {
                    files.extend(member.snapshot.files.iter().map(|file| Arc::new(file.in_repository(&member.name))))
                }
            }
            let first = member.first_chunk;
            let of_member =
                |own: &DocumentChunks| DocumentChunks { chunks: Arc::clone(&own.chunks), first: own.first + first };
            documents.extend(member.snapshot.documents.iter().map(of_member));
            segments.extend(member.snapshot.inverted_index().segments().iter().cloned());
        }
        let files_indexed = members.iter().map(|member| member.snapshot.files_indexed).sum();
        let stores = SnapshotStores::Group(Box::new(GroupStores {
            manifest: join_manifests(&members),
            generation: join_generations(&members),
            inverted_index: InvertedIndex::new(segments),
            members,
        }));
        let columns = SnapshotColumns::new(Arc::new(files), ChunkKeys::default());
        Self { files_indexed, ..Self::assemble(stores, Arc::new(columns), documents) }
    }

    /// Returns whether this snapshot joins exactly these snapshots under these names, in any order.
    pub fn is_joined_from(&self, members: &[GroupMember]) -> bool {
        let joined = self.members();
        joined.len() == members.len() && members.iter().all(|member| joined.iter().any(|other| other.is_same(member)))
    }
}

/// Returns a manifest with the sums over all repositories, and the fingerprint of the first one.
fn join_manifests(members: &[GroupMember]) -> Manifest {
    let manifests = || members.iter().map(|member| member.snapshot.manifest());
    let first = manifests().next().expect("a group has a repository");
    let mut skipped = first.skipped.clone();
    for (reason, count) in manifests().skip(1).flat_map(|manifest| &manifest.skipped) {
        *skipped.entry(reason.clone()).or_default() += count;
    }
    // A repository whose number is not known yet leaves the sum unknown.
    let is_known = manifests().all(|manifest| manifest.files_found > 0 || manifest.is_empty);
    Manifest {
        generation: manifests().map(|manifest| manifest.generation).sum(),
        fingerprint: first.fingerprint.clone(),
        root: PathBuf::new(),
        complete: manifests().all(|manifest| manifest.complete),
        files_found: if is_known { manifests().map(|manifest| manifest.files_found).sum() } else { 0 },
        skipped,
        committed_at_ms: manifests().map(|manifest| manifest.committed_at_ms).max().unwrap_or_default(),
        origin: None,
        head: None,
        is_empty: manifests().all(|manifest| manifest.is_empty),
    }
}

/// Returns a generation that differs when the generation of a repository does.
fn join_generations(members: &[GroupMember]) -> Generation {
    let generations = || members.iter().map(|member| member.snapshot.generation());
    let mix = |seed: u64, generation: Generation| (seed ^ generation.stable_hash()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Generation {
        number: generations().map(|generation| generation.number).sum(),
        rows_generation: generations().fold(1, mix),
        committed_at_ms: generations().map(|generation| generation.committed_at_ms).max().unwrap_or_default(),
    }
}
