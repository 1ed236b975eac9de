//! Opening of ONNX Runtime sessions: execution providers, session options, and the causes of failures.

use std::path::Path;

use config::Provider;
use embed::EmbedError;
use hub::{ModelDescription, Pooling};
use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch};
use ort::memory::AllocationDevice;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{NoSelectedOutputs, RunOptions, Session};

use super::device::Device;
use super::session_opener::{SessionOpenError, SessionOpener};
use crate::runtime::cuda_libraries;
use crate::runtime::errors::{blames_model_file, plain_message};
use crate::runtime::library::OrtLibrary;
use crate::session::device_pooler::{self, DevicePooler};
use crate::session::encoder::Encoder;
use crate::session::model_session::ModelSession;
use crate::session::pool::SessionPool;

/// Opens sessions of one model with ONNX Runtime.
pub struct OrtSessionOpener<'o> {
    pub library: &'static OrtLibrary,
    pub model: &'o ModelDescription,
    pub path: &'o Path,
    /// Size of all weight files of the model, in bytes.
    pub weights_bytes: u64,
    /// The number of CPU threads.
    pub threads: usize,
    /// Memory limit of the whole process, in bytes.
    pub max_memory_bytes: u64,
    /// Whether to preload the CUDA libraries: true if CUDA or TensorRT was requested, and for `auto` if an NVIDIA GPU
    /// is visible.
    pub wants_cuda: bool,
    /// Returns the maximum size of a device's arena in bytes; `None` sets no limit.
    pub arena_limit_bytes: &'o dyn Fn(Provider, u32) -> Option<usize>,
}

impl SessionOpener for OrtSessionOpener<'_> {
    fn open_device(&self, provider: Provider, id: u32) -> Result<(Device, SessionPool), SessionOpenError> {
        if !self.library.providers.contains(&provider) {
            return Err(SessionOpenError::NotBuilt);
        }
        if provider == Provider::Cpu {
            return Ok((Device { provider, id, is_partly_cpu: false }, self.open_cpu_pool()?));
        }
        if self.wants_cuda && provider.is_nvidia() {
            cuda_libraries::preload_cuda_libraries(&self.library.path);
        }
        // First require that all operators run on the device; failing that, let some run on the CPU.
        let (session, is_partly_cpu) = match self.load_session(self.strict_session_builder(provider, id)?, provider) {
            Ok(session) => (session, false),
            Err(_) => (self.load_session(self.session_builder(provider, id)?, provider)?, true),
        };
        let mut encoder = self.make_encoder(session, provider, id)?;
        if let Some((memory, pools)) = device_pooler::pooling_memory(provider)
            && let Err(problem) = self.attach_device_pooler(&mut encoder, memory, pools, id)
        {
            tracing::warn!("the vectors of {} are pooled on the CPU, which is slower: {problem}", self.model.name);
        }
        Ok((Device { provider, id, is_partly_cpu }, SessionPool::new(Box::new(encoder), Vec::new())))
    }

    fn open_query_pool(&self) -> Result<Option<SessionPool>, SessionOpenError> {
        // Loading a large model into main memory a second time, only for queries, would take too much memory.
        if self.weights_bytes > self.max_memory_bytes / 4 {
            return Ok(None);
        }
        Ok(Some(SessionPool::new(Box::new(self.open_cpu_session(self.threads)?), Vec::new())))
    }
}

impl OrtSessionOpener<'_> {
    /// Opens a session on the CPU with `threads` threads.
    ///
    /// # Errors
    /// Fails if the model does not load on the CPU or contradicts its description.
    pub fn open_cpu_session(&self, threads: usize) -> Result<Encoder, SessionOpenError> {
        let builder = self.session_builder(Provider::Cpu, 0)?.with_intra_threads(threads).map_err(device_error)?;
        self.make_encoder(self.load_session(builder, Provider::Cpu)?, Provider::Cpu, 0)
    }

    /// Opens the sessions on the CPU: as many as [`session_count`] returns, or one if the model fixes its number of
    /// rows.
    fn open_cpu_pool(&self) -> Result<SessionPool, SessionOpenError> {
        let count = session_count(self.weights_bytes, self.max_memory_bytes, self.threads);
        let session =
            || self.open_cpu_session(self.threads / count).map(|encoder| Box::new(encoder) as Box<dyn ModelSession>);
        let first = session()?;
        if first.fixed_rows().is_some() && count > 1 {
            return Ok(SessionPool::new(Box::new(self.open_cpu_session(self.threads)?), Vec::new()));
        }
        let others = (1..count).map(|_| session()).collect::<Result<_, _>>()?;
        Ok(SessionPool::new(first, others))
    }

    /// Returns a builder of sessions on a device.
    ///
    /// # Errors
    /// Fails if the device is not available.
    pub fn session_builder(&self, provider: Provider, id: u32) -> Result<SessionBuilder, SessionOpenError> {
        let builder = Session::builder(&self.library.environment).map_err(device_error)?;
        let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(device_error)?;
        // Input shapes vary, so the memory plan of one call does not fit the next.
        let builder = builder.with_memory_pattern(false).map_err(device_error)?;
        // Spinning threads would take CPU time from the parsers.
        let builder = builder.with_intra_op_spinning(false).map_err(device_error)?;
        builder.with_execution_providers([self.provider_dispatch(provider, id)?]).map_err(device_error)
    }

    /// Returns a builder of sessions that fail to load if the device cannot run all of their operators. Other sessions
    /// leave such operators to the CPU without a word.
    ///
    /// # Errors
    /// Fails if the device is not available.
    pub fn strict_session_builder(&self, provider: Provider, id: u32) -> Result<SessionBuilder, SessionOpenError> {
        let builder = self.session_builder(provider, id)?;
        // On the CPU, nothing falls back.
        if provider == Provider::Cpu {
            return Ok(builder);
        }
        builder.with_disable_cpu_fallback().map_err(device_error)
    }

    fn load_session(&self, mut builder: SessionBuilder, provider: Provider) -> Result<Session, SessionOpenError> {
        builder.commit_from_file(self.path).map_err(|error| {
            let problem = plain_message(&error);
            // On the CPU, the device cannot be the cause.
            if provider != Provider::Cpu && !blames_model_file(error.code()) {
                return SessionOpenError::Device(problem);
            }
            let (model, path) = (self.model.name.clone(), self.path.to_owned());
            SessionOpenError::Model(EmbedError::Model { model, path, problem })
        })
    }

    fn make_encoder(&self, session: Session, provider: Provider, id: u32) -> Result<Encoder, SessionOpenError> {
        let misfit = |problem| SessionOpenError::Model(EmbedError::Misfit { path: self.path.to_owned(), problem });
        Encoder::new(session, run_options(provider, id).map_err(device_error)?, self.model).map_err(misfit)
    }

    /// Makes `encoder` pool its output in device memory. Does nothing for a model that pools by itself, for an output
    /// type without a pooling graph, and if the model cannot run the test rows.
    ///
    /// # Errors
    /// Fails if the pooling session cannot be opened or run, or if its vectors differ from those pooled on the CPU.
    pub fn attach_device_pooler(
        &self,
        encoder: &mut Encoder,
        memory: AllocationDevice<'static>,
        provider: Provider,
        id: u32,
    ) -> Result<(), String> {
        let Some(graph) = encoder.pooling_graph().filter(|_| self.model.pooling != Pooling::None) else {
            return Ok(());
        };
        encoder.attach_pooler(self.open_pooler(graph, self.model.pooling, memory, provider, id)?, self.model)
    }

    /// Opens a session with a pooling graph.
    ///
    /// # Errors
    /// Fails if the session cannot be opened or the memory is not supported.
    pub fn open_pooler(
        &self,
        graph: &[u8],
        pooling: Pooling,
        memory: AllocationDevice<'static>,
        provider: Provider,
        id: u32,
    ) -> Result<DevicePooler, String> {
        let message = |error: ort::Error| plain_message(&error);
        let index = device_index(id).map_err(SessionOpenError::into_message)?;
        let mut builder = self.session_builder(provider, id).map_err(SessionOpenError::into_message)?;
        let session = builder.commit_from_memory(graph).map_err(message)?;
        let options = run_options(provider, id).map_err(message)?;
        DevicePooler::new(session, pooling, (memory, index), options).map_err(message)
    }

    fn provider_dispatch(&self, provider: Provider, id: u32) -> Result<ExecutionProviderDispatch, SessionOpenError> {
        let index = device_index(id)?;
        let grow = ArenaExtendStrategy::SameAsRequested;
        let limit = (self.arena_limit_bytes)(provider, id);
        let dispatch = match provider {
            Provider::Cpu => ep::CPU::default().with_arena_allocator(true).build(),
            Provider::Cuda => {
                let cuda = ep::CUDA::default().with_device_id(index).with_arena_extend_strategy(grow);
                limit.map_or(cuda.clone(), |limit| cuda.with_memory_limit(limit)).build()
            }
            Provider::TensorRt => ep::TensorRT::default().with_device_id(index).build(),
            Provider::CoreMl => ep::CoreML::default().build(),
            Provider::DirectMl => ep::DirectML::default().with_device_id(index).build(),
            Provider::Rocm => {
                let rocm = ep::ROCm::default().with_device_id(index).with_arena_extend_strategy(grow);
                limit.map_or(rocm.clone(), |limit| rocm.with_mem_limit(limit)).build()
            }
            Provider::MiGraphX => {
                let migraphx = ep::MIGraphX::default().with_device_id(index).with_arena_extend_strategy(grow);
                limit.map_or(migraphx.clone(), |limit| migraphx.with_mem_limit(limit)).build()
            }
            Provider::OpenVino => ep::OpenVINO::default().with_device_type("AUTO").build(),
        };
        Ok(dispatch.error_on_failure())
    }
}

/// Converts a device number to the type that ONNX Runtime expects.
///
/// # Errors
/// Fails if the number exceeds [`i32::MAX`].
fn device_index(id: u32) -> Result<i32, SessionOpenError> {
    i32::try_from(id).map_err(|_| SessionOpenError::Device(format!("there is no device with the number {id}")))
}

/// Returns the options for all calls of a window but the last, and for the last one.
fn run_options(provider: Provider, id: u32) -> ort::Result<[RunOptions<NoSelectedOutputs>; 2]> {
    let arena = match provider {
        Provider::Cpu => Some("cpu:0".to_owned()),
        Provider::Cuda | Provider::TensorRt | Provider::Rocm | Provider::MiGraphX => Some(format!("gpu:{id}")),
        _ => None,
    };
    let mut last = RunOptions::new()?;
    if let Some(arena) = arena {
        // The arena shrinks after a window's last call only, because allocating it again takes time.
        last.set("memory.enable_memory_arena_shrinkage", arena)?;
    }
    Ok([RunOptions::new()?, last])
}

/// Maximum number of sessions on a CPU, since all sessions share the memory for batches.
const MAX_SESSIONS: usize = 4;

/// Returns the number of sessions for a model on a CPU: as many as fit in a quarter of the memory, but at least one, at
/// most four and at most one per thread.
pub fn session_count(weights_bytes: u64, max_memory_bytes: u64, threads: usize) -> usize {
    let room = max_memory_bytes / 4 / weights_bytes.max(1);
    let most = MAX_SESSIONS.min(threads).max(1);
    usize::try_from(room).map_or(most, |room| room.clamp(1, most))
}

fn device_error<R>(error: ort::Error<R>) -> SessionOpenError {
    SessionOpenError::Device(plain_message(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_sessions_fit_in_a_quarter_of_the_memory() {
        assert_eq!(session_count(1 << 20, 1 << 30, 8), 4);
        assert_eq!(session_count(100 << 20, 1 << 30, 8), 2);
        assert_eq!(session_count(1 << 31, 1 << 30, 8), 1);
        assert_eq!(session_count(1, 1 << 30, 2), 2);
    }
}
