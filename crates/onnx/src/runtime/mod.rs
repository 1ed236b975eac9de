//! ONNX Runtime itself: finding and loading its library, the libraries of its CUDA provider, and its errors.

pub(crate) mod cuda_libraries;
pub(crate) mod errors;
pub(crate) mod library;
