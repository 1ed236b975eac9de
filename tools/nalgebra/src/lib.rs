//! Stands in for crates.io's `nalgebra`, linear algebra.
//!
//! LanceDB needs it for indexes that rotate their vectors. codescry creates no such index. No matrix can be decomposed
//! here.

use std::marker::PhantomData;

/// A matrix of any size. It keeps no numbers.
pub struct DMatrix<T>(PhantomData<T>);

impl<T> DMatrix<T> {
    /// Creates a matrix without calling the function that returns its numbers.
    pub fn from_fn(_rows: usize, _columns: usize, _number: impl FnMut(usize, usize) -> T) -> Self {
        Self(PhantomData)
    }
}

enum Never {}

/// The numbers of a decomposition. The type has no values.
pub struct Calculated<T>(Never, PhantomData<T>);

impl<T, I> std::ops::Index<I> for Calculated<T> {
    type Output = T;

    fn index(&self, _place: I) -> &T {
        match self.0 {}
    }
}

/// The eigenvalues and eigenvectors of a symmetric matrix. The type has no values.
pub struct SymmetricEigen<T> {
    /// The eigenvectors, indexed by row and column.
    pub eigenvectors: Calculated<T>,
    /// The eigenvalues, one for each column of `eigenvectors`.
    pub eigenvalues: Calculated<T>,
}

impl<T> SymmetricEigen<T> {
    /// Returns `None`, as for a decomposition that does not converge.
    pub fn try_new(_matrix: DMatrix<T>, _tolerance: T, _rounds: usize) -> Option<Self> {
        None
    }
}
