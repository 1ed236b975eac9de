//! Plans the retrieval for a query from an index whose chunks are not all held in memory.

use super::CheckedQuery;
use super::report::parse_report;
use crate::query::request::RetrievalMode;
use crate::query::terms::{IndexLookup, QueryTerms};
use store::inverted_index::hash_term;
use text::unicode::RunningScript;
use text::words::{self, SplitBuffers, WordForm};

/// The texts, words and names by which candidates for a query are retrieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrievalPlan {
    /// The parts of the query, each with its own candidates.
    pub parts: Vec<PlannedPart>,
    /// Names whose definitions are candidates.
    pub names: Vec<String>,
    /// Names of files that are candidates.
    pub files: Vec<String>,
    /// Words of the query's phrases; candidates must contain every one. Empty without phrases.
    pub required_words: Vec<String>,
    /// The words, with their inflections, of each text that the code may contain word for word; only in hybrid mode.
    pub pasted_words: Vec<Vec<String>>,
    /// The hashes of all terms that the ranking looks up, sorted.
    pub term_hashes: Vec<u64>,
}

/// A part of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedPart {
    /// The text to embed; empty if vectors are not compared.
    pub embedding_text: String,
    /// The words, each with its inflections; empty if words are not compared.
    pub words: Vec<Vec<String>>,
    /// Two or three adjacent words, joined because they may form an identifier.
    pub compounds: Vec<String>,
}

/// Plans the retrieval for a query.
pub fn plan_retrieval(query: &CheckedQuery, known: &dyn IndexLookup) -> RetrievalPlan {
    let CheckedQuery { text, query_filters, mode, .. } = query;
    let report = if *mode == RetrievalMode::Hybrid { parse_report(text) } else { None };
    let (terms, pasted): (Vec<QueryTerms>, Vec<String>) = match &report {
        Some(report) => (report.to_terms(known).into(), report.messages.clone()),
        None => {
            let terms = QueryTerms::parse(text, known);
            let pasted = terms.pasted_texts(text);
            (vec![terms], pasted)
        }
    };
    let mut plan = RetrievalPlan::default();
    for terms in &terms {
        let embedding_text = if *mode == RetrievalMode::Lexical { "" } else { &terms.embedding_text };
        let (words, compounds) = match mode {
            RetrievalMode::Dense => (Vec::new(), Vec::new()),
            _ => (words_with_forms(terms), terms.compounds.clone()),
        };
        plan.parts.push(PlannedPart { embedding_text: embedding_text.to_owned(), words, compounds });
        plan.names.extend(terms.names.iter().map(|name| name.text.clone()));
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        plan.files.extend(terms.locations.iter().map(|location| name(&location.path)));
    }
    plan.names.sort_unstable();
    plan.names.dedup();
    plan.files.sort_unstable();
    plan.files.dedup();
    plan.required_words = query_filters.phrases.iter().flat_map(|phrase| required_words(phrase)).collect();
    let is_pasted = *mode == RetrievalMode::Hybrid;
    let words_of = |text: &String| words_with_forms(&QueryTerms::from_words(text)).concat();
    plan.pasted_words.extend(pasted.iter().filter(|_| is_pasted).map(words_of));
    let words = plan.parts.iter().flat_map(|part| part.words.iter().flatten().chain(&part.compounds));
    let words = words.chain(plan.pasted_words.iter().flatten());
    plan.term_hashes = words.map(|word| hash_term(word)).collect();
    for text in query_filters.phrases.iter().chain(&pasted) {
        words::for_each_search_word(text, |word| plan.term_hashes.push(hash_term(word)));
    }
    for compounds in pasted.iter().map(|text| QueryTerms::from_words(text).compounds) {
        plan.term_hashes.extend(compounds.iter().map(|word| hash_term(word)));
    }
    plan.term_hashes.sort_unstable();
    plan.term_hashes.dedup();
    plan
}

fn words_with_forms(terms: &QueryTerms) -> Vec<Vec<String>> {
    terms
        .lexical_words
        .iter()
        .map(|word| std::iter::once(&word.text).chain(&word.inflections).cloned().collect())
        .collect()
}

/// Returns words that every text with this phrase contains.
fn required_words(phrase: &str) -> Vec<String> {
    let mut required = Vec::new();
    words::split_search_words(phrase, &mut SplitBuffers::default(), |word| {
        if word.form == WordForm::Word && !RunningScript::is_in(word.text) {
            required.push(word.text.to_owned());
        }
    });
    required
}
