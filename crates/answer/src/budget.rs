//! The token budget of an answer, and the rendering of as many parts as fit into it.

use serde::Serialize;
use text::tokens;

/// An answer as text and as structured data, with the same contents.
#[derive(Clone, Debug)]
pub struct RenderedAnswer<T> {
    /// Text for people and models.
    pub text: String,
    /// Data for programs.
    pub structured: T,
}

/// The forms of an answer that a client receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerForm {
    /// Text alone.
    #[default]
    Text,
    /// Text and structured data; a client shows one of the two to its model.
    TextAndData,
}

/// The limit on the size of an answer.
#[derive(Clone, Copy, Debug)]
pub struct TokenBudget {
    /// Maximum number of tokens of the text and, if the client receives it, of the structured data; each on its own.
    pub max_tokens: usize,
    pub form: AnswerForm,
}

/// An error that prevents an answer from being rendered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The structured data has no JSON form, which is a bug.
    #[error("the answer cannot be serialized: {0}; please report this")]
    Serialize(#[from] serde_json::Error),
}

impl<T: Serialize> RenderedAnswer<T> {
    /// Returns whether the text and, if the client receives it, the structured data as JSON each fit into the budget.
    ///
    /// # Errors
    /// When the data cannot be serialized.
    pub fn fits(&self, budget: TokenBudget) -> Result<bool, AnswerError> {
        let TokenBudget { max_tokens, form } = budget;
        Ok(tokens::fits_token_limit(&self.text, max_tokens)
            && (form == AnswerForm::Text
                || tokens::fits_token_limit(&serde_json::to_string(&self.structured)?, max_tokens)))
    }

    /// Returns the number of tokens of the text, or of the structured data as JSON if the client receives it and it has
    /// more.
    ///
    /// # Errors
    /// When the data cannot be serialized.
    pub fn count_tokens(&self, form: AnswerForm) -> Result<usize, AnswerError> {
        let text = tokens::count_tokens(&self.text);
        Ok(match form {
            AnswerForm::Text => text,
            AnswerForm::TextAndData => text.max(tokens::count_tokens(&serde_json::to_string(&self.structured)?)),
        })
    }

    /// Returns the answer if it [`fits`](Self::fits).
    ///
    /// # Errors
    /// When the data cannot be serialized.
    pub fn within(self, budget: TokenBudget) -> Result<Option<Self>, AnswerError> {
        Ok(self.fits(budget)?.then_some(self))
    }
}

/// Renders as many of `parts` parts as fit into the budget.
///
/// `render(n)` renders the first `n` parts and names the rest; the more parts it renders, the more tokens it must take.
/// If not even one part fits, the answer without parts is returned, even if it exceeds the budget.
///
/// # Errors
/// When the data of an answer cannot be serialized.
pub fn fit_to_budget<T: Serialize>(
    parts: usize,
    budget: TokenBudget,
    render: impl Fn(usize) -> RenderedAnswer<T>,
) -> Result<RenderedAnswer<T>, AnswerError> {
    let fit = |count: usize| render(count).within(budget);
    // Usually everything fits, and the tokens are counted only once.
    let fitting = match fit(parts)? {
        Some(whole) => Some(whole),
        None => find_largest(parts, fit)?,
    };
    Ok(fitting.unwrap_or_else(|| render(0)))
}

/// Returns `fit(n)` for the largest `n` from 1 to `max` for which it is `Some`; `None` if there is none. Uses binary
/// search: where `fit(n)` is `None`, it must be `None` for every larger number.
///
/// # Errors
/// The first error of `fit`.
pub fn find_largest<T, E>(max: usize, fit: impl Fn(usize) -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    let (mut low, mut high, mut best) = (1, max, None);
    while low <= high {
        let middle = usize::midpoint(low, high);
        match fit(middle)? {
            Some(fitting) => (low, best) = (middle + 1, Some(fitting)),
            None => high = middle - 1,
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(max_tokens: usize, form: AnswerForm) -> TokenBudget {
        TokenBudget { max_tokens, form }
    }

    fn render_numbers(count: usize) -> RenderedAnswer<Vec<usize>> {
        let structured: Vec<_> = (0..count).collect();
        RenderedAnswer { text: format!("{structured:?}"), structured }
    }

    #[test]
    fn the_most_that_fits_is_rendered() {
        let shown = |parts, max_tokens| {
            let budget = budget(max_tokens, AnswerForm::TextAndData);
            fit_to_budget(parts, budget, render_numbers).expect("it can be serialized").structured.len()
        };
        assert_eq!(shown(100, 1_000), 100);
        let some = shown(100, 50);
        assert!((10..50).contains(&some), "{some}");
        let fits =
            |count| render_numbers(count).fits(budget(50, AnswerForm::TextAndData)).expect("it can be serialized");
        assert!(fits(some) && !fits(some + 1));
        assert_eq!(shown(100, 0), 0);
    }

    #[test]
    fn data_counts_only_for_clients_that_receive_it() {
        let answer = RenderedAnswer { text: "short".to_owned(), structured: vec!["long"; 100] };
        let fits = |form| answer.fits(budget(50, form)).expect("it can be serialized");
        assert!(fits(AnswerForm::Text) && !fits(AnswerForm::TextAndData));
    }

    #[test]
    fn data_that_cannot_be_serialized_is_an_error() {
        let keyed_by_list = std::collections::BTreeMap::from([(vec![1], 2)]);
        let render = |_| RenderedAnswer { text: String::new(), structured: keyed_by_list.clone() };
        let error =
            fit_to_budget(3, budget(100, AnswerForm::TextAndData), render).expect_err("a list is no key of an object");
        assert!(error.to_string().contains("cannot be serialized"), "{error}");
    }

    #[test]
    fn the_largest_number_is_found_and_errors_end_the_search() {
        let largest = |max| find_largest(max, |n| Ok::<_, ()>((n <= 7).then_some(n)));
        assert_eq!(
            [largest(0), largest(3), largest(7), largest(100)],
            [Ok(None), Ok(Some(3)), Ok(Some(7)), Ok(Some(7))]
        );
        assert_eq!(find_largest(9, |_| Err::<Option<()>, _>("no")), Err("no"));
    }
}
