//! The calls that read an index: the same for a folder and for a group of folders.

use super::find_references::{ReferenceAnswer, ReferenceQuery, find_references_in};
use super::find_similar::{SimilarQuery, find_similar_in};
use super::find_symbol::{SymbolAnswer, find_symbol_in};
use super::matching_symbols::SymbolQuery;
use super::outline_file::{FileOutline, outline_in};
use super::outline_folder::{FolderOutline, FolderQuery, is_folder_in, outline_folder_in};
use super::read_code::{CodeExcerpt, ReadRequest, read_code_in};
use super::search::{check_query_in, search_in};
use crate::answer::SearchAnswer;
use crate::error::EngineError;
use crate::query_source::QuerySource;
use crate::query_source::group::EngineGroup;
use crate::state::Engine;
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::{CheckedQuery, Hit, Mentions, RankingWeights, SearchQuery, find_mentions};

/// The calls that read the index of a folder, or those of a group of folders as one.
///
/// In a group, each repository is a folder named like it: paths in calls and answers begin with its name.
pub trait QueryCalls: QuerySource {
    /// Parses the filters of a query and checks that the query is valid, without searching.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the query is invalid.
    fn check_query(&self, query: &SearchQuery) -> Result<CheckedQuery, EngineError> {
        check_query_in(self, query)
    }

    /// Searches the newest commit of the index, whichever process made it. While another call loads that commit, or an
    /// index run of this process refreshes the snapshot, the commit loaded before is searched.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], [`EngineError::Request`], [`EngineError::Cancelled`], or an error of the
    /// store or the model.
    fn search(&self, query: &SearchQuery, cancel: &CancelToken) -> Result<SearchAnswer, EngineError> {
        search_in(self, query, &RankingWeights::default(), cancel)
    }

    /// Finds the definitions of a name. Exact matches come first, then names with the same letters in another case or
    /// with other separators. If there are neither, finds names that begin with the requested one or contain its words,
    /// or else names with one or two typos.
    ///
    /// # Errors
    /// [`EngineError::Request`] if there is no name in the text or a filter is invalid;
    /// [`EngineError::NotIndexed`]; [`EngineError::Cancelled`]; an error of the store.
    fn find_symbol(&self, query: &SymbolQuery, cancel: &CancelToken) -> Result<SymbolAnswer, EngineError> {
        find_symbol_in(self, query, cancel)
    }

    /// Finds the uses of a name. If the call is cancelled while files are read, the answer has the uses found
    /// so far.
    ///
    /// # Errors
    /// [`EngineError::Request`] if there is no name in the text or a filter is invalid;
    /// [`EngineError::NotIndexed`]; an error of the store.
    fn find_references(&self, query: &ReferenceQuery, cancel: &CancelToken) -> Result<ReferenceAnswer, EngineError> {
        find_references_in(self, query, cancel)
    }

    /// Finds the first `count` lines of code that name the definition of a hit; see [`find_mentions`].
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`]; an error of the store.
    fn find_mentions(&self, hit: &Hit, count: usize) -> Result<Option<Mentions>, EngineError> {
        let snapshot = load_part(&self.snapshot()?, &PartRequest::Identifier(&hit.symbol))?;
        Ok(find_mentions(&snapshot, hit, count)?)
    }

    /// Finds the chunks whose vectors are nearest to the vector of the target.
    ///
    /// # Errors
    /// Fails like [`QueryCalls::search`]; [`EngineError::Path`] for a location that does not exist or is not indexed.
    fn find_similar(&self, query: &SimilarQuery, cancel: &CancelToken) -> Result<SearchAnswer, EngineError> {
        find_similar_in(self, query, cancel)
    }

    /// Reads a range of lines or a definition.
    ///
    /// # Errors
    /// [`EngineError::Path`] for a path that is missing, outside of the root, excluded or not text, and for a line that
    /// does not exist; [`EngineError::Request`] for an unknown name; [`EngineError::Cancelled`]. Without a path, also
    /// like [`QueryCalls::find_symbol`].
    fn read_code(&self, request: &ReadRequest, cancel: &CancelToken) -> Result<CodeExcerpt, EngineError> {
        read_code_in(self, request, cancel)
    }

    /// Parses the current contents of a file on disk and returns its definitions.
    ///
    /// # Errors
    /// [`EngineError::Path`] if the path is missing, outside of the root, excluded or not a text file.
    fn outline(&self, path: &str) -> Result<FileOutline, EngineError> {
        outline_in(self, path)
    }

    /// Returns whether the path is a folder.
    ///
    /// # Errors
    /// [`EngineError::Path`] if the path is missing or outside of the root; with a trusted base, also an error of the
    /// store.
    fn is_folder(&self, path: &str) -> Result<bool, EngineError> {
        is_folder_in(self, path)
    }

    /// Returns the outline of a folder.
    ///
    /// # Errors
    /// [`EngineError::Path`] if the folder is missing or nothing in it is indexed; [`EngineError::NotIndexed`];
    /// [`EngineError::Cancelled`]; an error of the store.
    fn outline_folder(&self, query: &FolderQuery, cancel: &CancelToken) -> Result<FolderOutline, EngineError> {
        outline_folder_in(self, query, cancel)
    }
}

impl QueryCalls for Engine {}
impl QueryCalls for EngineGroup {}
