//! Stands in for crates.io's `nalgebra`, linear algebra.
//!
//! LanceDB compiles it to rotate vectors before it indexes them. codescry makes no such index. No matrix can be
//! decomposed here.

use std::marker::PhantomData;

/// A matrix of any size. It keeps no numbers.
pub struct DMatrix<T>(PhantomData<T>);

impl<T> DMatrix<T> {
    /// Makes a matrix from a function of row and column.
    pub fn from_fn(_rows: usize, _columns: usize, _number: impl FnMut(usize, usize) -> T) -> Self {
        Self(PhantomData)
    }
}

enum Never {}

/// Numbers that have been calculated. They have no value.
pub struct Calculated<T>(Never, PhantomData<T>);

impl<T, I> std::ops::Index<I> for Calculated<T> {
    type Output = T;

    fn index(&self, _place: I) -> &T {
        match self.0 {}
    }
}

/// Eigenvalues and eigenvectors of a symmetric matrix. It has no value.
pub struct SymmetricEigen<T> {
    /// By row and column.
    pub eigenvectors: Calculated<T>,
    /// One for each column.
    pub eigenvalues: Calculated<T>,
}

impl<T> SymmetricEigen<T> {
    /// Decomposes a matrix: always `None`, which stands for no result after all rounds.
    pub fn try_new(_matrix: DMatrix<T>, _tolerance: T, _rounds: usize) -> Option<Self> {
        None
    }
}
