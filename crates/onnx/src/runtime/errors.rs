//! Reading of ONNX Runtime's errors: the cause, and a message without source locations.

use ort::error::ErrorCode;

/// The command that installs ONNX Runtime with its CUDA provider, for messages.
pub const INSTALL_CUDA_PROVIDER: &str = "`pip install 'onnxruntime-gpu[cuda,cudnn]'`";

/// A cause that ONNX Runtime reports in its message only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageCause {
    /// The device or the process has too little memory.
    OutOfMemory,
    /// The library of the NVIDIA driver is not installed.
    MissingDriver,
    /// The system's loader does not find a library that an execution provider needs.
    MissingLibrary,
}

/// Recognizes a cause by the text of an error message.
///
/// ONNX Runtime has no error code for these causes. Errors of its arena, the C++ library, the GPU drivers and the
/// system's loader all have the code [`ErrorCode::GenericFailure`], [`ErrorCode::RuntimeException`] or
/// [`ErrorCode::ExecutionProviderFailure`]; only their messages differ.
pub fn recognize_cause(message: &str) -> Option<MessageCause> {
    const TEXTS: [(&str, MessageCause); 11] = [
        ("out of memory", MessageCause::OutOfMemory),
        ("outofmemory", MessageCause::OutOfMemory),
        ("not enough memory", MessageCause::OutOfMemory),
        ("failed to allocate memory", MessageCause::OutOfMemory),
        // The message of an arena with a limit: `Available memory of 5 is smaller than requested bytes of 7`.
        ("is smaller than requested bytes", MessageCause::OutOfMemory),
        ("bad_alloc", MessageCause::OutOfMemory),
        ("alloc_failed", MessageCause::OutOfMemory),
        ("memory_allocation", MessageCause::OutOfMemory),
        ("hipmalloc failed", MessageCause::OutOfMemory),
        ("libcuda.so", MessageCause::MissingDriver),
        ("cannot open shared object file", MessageCause::MissingLibrary),
    ];
    let lower = message.to_ascii_lowercase();
    TEXTS.iter().find(|(text, _)| lower.contains(text)).map(|(_, cause)| *cause)
}

/// Returns whether an error of loading a model means that the model's file is broken or unsupported. The device may be
/// the cause of any other error.
pub fn blames_model_file(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::InvalidProtobuf | ErrorCode::InvalidGraph | ErrorCode::NoSuchFile | ErrorCode::NoModel)
}

/// Returns an error's message without its source location and error code.
pub fn plain_message<R>(error: &ort::Error<R>) -> String {
    strip_source_location(error.message())
}

/// Removes the source location and error code from a message of ONNX Runtime:
/// `/onnxruntime_src/…/provider_bridge_ort.cc:2043 … [ONNXRuntimeError] : 1 : FAIL : Failed to load …`.
fn strip_source_location(message: &str) -> String {
    let after = message.split_once("[ONNXRuntimeError] : ").and_then(|(_, after)| after.splitn(3, " : ").nth(2));
    after.unwrap_or(message).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_memory_is_recognized_in_messages_of_arenas_and_drivers() {
        let arena = "Non-zero status code returned while running Gather node. Name:'node_embedding_1' Status Message: \
            /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(\
            size_t, bool, onnxruntime::Stream*) ";
        let limited = format!("{arena}Available memory of 622080 is smaller than requested bytes of 3145728");
        let refused = format!("{arena}Failed to allocate memory for requested buffer of size 281474976710656");
        for message in [
            limited.as_str(),
            refused.as_str(),
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; file=cuda_allocator.cc ; expr=cudaMalloc((void**)&p, size);",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);",
            "HIP failure 2: hipErrorOutOfMemory",
            "std::bad_alloc",
        ] {
            assert_eq!(recognize_cause(message), Some(MessageCause::OutOfMemory), "{message}");
        }
        for message in [
            "indices element out of data bounds, idx=99 must be within the inclusive range [-16,15]",
            "CUDA failure 100: no CUDA-capable device is detected",
            "Got invalid dimensions for input: input_ids",
        ] {
            assert_eq!(recognize_cause(message), None, "{message}");
        }
    }

    #[test]
    fn a_missing_driver_is_distinguished_from_other_missing_libraries() {
        let missing = |library: &str| {
            recognize_cause(&format!("{library}: cannot open shared object file: No such file or directory"))
        };
        assert_eq!(missing("libcuda.so.1"), Some(MessageCause::MissingDriver));
        assert_eq!(missing("libcudnn.so.9"), Some(MessageCause::MissingLibrary));
    }

    #[test]
    fn errors_of_a_device_are_distinguished_from_errors_of_the_model_file() {
        assert!(blames_model_file(ErrorCode::InvalidProtobuf));
        for code in [ErrorCode::GenericFailure, ErrorCode::RuntimeException, ErrorCode::ExecutionProviderFailure] {
            assert!(!blames_model_file(code), "{code:?}");
        }
    }

    #[test]
    fn source_locations_are_removed_from_messages() {
        let message = "/onnxruntime_src/core/session/provider_bridge_ort.cc:2043 Provider& ProviderLibrary::Get() \
            [ONNXRuntimeError] : 1 : FAIL : Failed to load library a.so with error: b.so: cannot open it : no\n";
        assert_eq!(strip_source_location(message), "Failed to load library a.so with error: b.so: cannot open it : no");
        assert_eq!(strip_source_location("CUDA failure 35"), "CUDA failure 35");
    }
}
