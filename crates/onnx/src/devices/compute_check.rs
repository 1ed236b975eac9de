//! A test computation that shows whether a device works.

use std::path::Path;

use config::Provider;
use hub::ModelDescription;
use ort::value::TensorRef;

use super::ort_opener::OrtSessionOpener;
use super::session_opener::SessionOpenError;
use crate::runtime::cuda_libraries;
use crate::runtime::errors::plain_message;
use crate::runtime::library::OrtLibrary;

/// A model that multiplies two matrices.
const MATRIX_PRODUCT_MODEL: &[u8] = include_bytes!("../../assets/product.onnx");

/// Checks that a device can run a small model.
///
/// # Errors
/// Fails if the device fails, leaves the model to the CPU or computes a wrong result; the message contains the reason.
pub fn check_device_computes(library: &'static OrtLibrary, provider: Provider, id: u32) -> Result<(), String> {
    let model = ModelDescription::default();
    let (path, no_limit) = (Path::new("product.onnx"), |_, _| None);
    let opener = OrtSessionOpener {
        library,
        model: &model,
        path,
        weights_bytes: 0,
        threads: 1,
        max_memory_bytes: 0,
        wants_cuda: true,
        arena_limit_bytes: &no_limit,
    };
    if provider.is_nvidia() {
        cuda_libraries::preload_cuda_libraries(&library.path);
    }
    let message = |error: ort::Error| plain_message(&error);
    let builder = opener.strict_session_builder(provider, id).map_err(SessionOpenError::into_message)?;
    let mut builder = builder.with_intra_threads(1).map_err(|error| plain_message(&error))?;
    let mut session = builder.commit_from_memory(MATRIX_PRODUCT_MODEL).map_err(message)?;
    let matrix = [1.0_f32, 2.0, 3.0, 4.0];
    let input = TensorRef::from_array_view(([2, 2], matrix.as_slice())).map_err(message)?;
    let outputs = session.run(ort::inputs!["x" => input]).map_err(message)?;
    let (_, product) = outputs["y"].try_extract_tensor::<f32>().map_err(message)?;
    if product == [2.0, 1.0, 4.0, 3.0] { Ok(()) } else { Err(format!("it computes a wrong result: {product:?}")) }
}
