//! Sessions as ONNX Runtime makes them, and why it does not.
//!
//! Must never import: anything of this crate but `config` and `embed`.

use std::path::Path;

use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch};
use ort::memory::AllocationDevice;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{NoSelectedOutputs, RunOptions, Session};
use ort::value::TensorRef;

use super::cuda;
use super::device::{Device, Opens, Refusal};
use super::library::Library;
use super::pooler::{self, Pooler};
use super::session::{Encoder, Runs, is_memory};
use super::team::Team;
use crate::config::Provider;
use crate::embed::EmbedError;
use crate::embed::models::{Description, Pooling};

/// What to open, and how.
pub struct Opening<'o> {
    pub library: &'static Library,
    pub model: &'o Description,
    pub path: &'o Path,
    /// Of all files of its weights.
    pub weights_bytes: u64,
    /// Threads of the CPU.
    pub threads: usize,
    /// Of the whole process.
    pub max_memory_bytes: u64,
    /// Whether CUDA's libraries are worth loading: there is a GPU, or it was asked for.
    pub wants_cuda: bool,
    /// Bytes of a device's memory that its arena may take; `None` for all there is.
    pub device_bytes: &'o dyn Fn(Provider, u32) -> Option<usize>,
}

impl Opens for Opening<'_> {
    fn open(&self, provider: Provider, id: u32) -> Result<(Device, Team), Refusal> {
        if !self.library.providers.contains(&provider) {
            return Err(Refusal::NotBuilt);
        }
        if provider == Provider::Cpu {
            return Ok((Device { provider, id, is_partly_cpu: false }, self.team_on_cpu()?));
        }
        if self.wants_cuda && matches!(provider, Provider::Cuda | Provider::TensorRt) {
            cuda::preload(&self.library.path);
        }
        // First so that nothing may run on the CPU; if that is refused, it partly does.
        let whole = self.builder(provider, id)?.with_disable_cpu_fallback().map_err(device)?;
        let (session, is_partly_cpu) = match self.commit(whole, provider) {
            Ok(session) => (session, false),
            Err(_) => (self.commit(self.builder(provider, id)?, provider)?, true),
        };
        let mut encoder = self.encoder(session, provider, id)?;
        if let Some((memory, pools)) = pooler::place(provider)
            && let Err(problem) = self.pool_there(&mut encoder, memory, pools, id)
        {
            tracing::warn!("vectors of {} are pooled on the CPU, which takes longer: {problem}", self.model.name);
        }
        Ok((Device { provider, id, is_partly_cpu }, Team::new(Box::new(encoder), Vec::new())))
    }

    fn beside(&self) -> Result<Option<Team>, Refusal> {
        // A model that a GPU was bought for is not also held in memory for questions.
        if self.weights_bytes > self.max_memory_bytes / 4 {
            return Ok(None);
        }
        Ok(Some(Team::new(Box::new(self.on_cpu(self.threads)?), Vec::new())))
    }
}

impl Opening<'_> {
    /// A session of so many threads on the CPU.
    ///
    /// # Errors
    /// When the CPU cannot have the model.
    pub fn on_cpu(&self, threads: usize) -> Result<Encoder, Refusal> {
        let builder = self.builder(Provider::Cpu, 0)?.with_intra_threads(threads).map_err(device)?;
        self.encoder(self.commit(builder, Provider::Cpu)?, Provider::Cpu, 0)
    }

    /// Several sessions, unless the model insists on a number of rows: those are for one.
    fn team_on_cpu(&self) -> Result<Team, Refusal> {
        let count = sessions(self.weights_bytes, self.max_memory_bytes, self.threads);
        let session = || self.on_cpu(self.threads / count).map(|encoder| Box::new(encoder) as Box<dyn Runs>);
        let first = session()?;
        if first.rows().is_some() && count > 1 {
            return Ok(Team::new(Box::new(self.on_cpu(self.threads)?), Vec::new()));
        }
        let others = (1..count).map(|_| session()).collect::<Result<_, _>>()?;
        Ok(Team::new(first, others))
    }

    fn builder(&self, provider: Provider, id: u32) -> Result<SessionBuilder, Refusal> {
        let builder = Session::builder(&self.library.environment).map_err(device)?;
        let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(device)?;
        // Lengths vary from call to call: a plan of one call's memory is of no use to the next.
        let builder = builder.with_memory_pattern(false).map_err(device)?;
        // Threads that spin while they wait take the cores from the parsers.
        let builder = builder.with_intra_op_spinning(false).map_err(device)?;
        builder.with_execution_providers([self.provider(provider, id)]).map_err(device)
    }

    fn commit(&self, mut builder: SessionBuilder, provider: Provider) -> Result<Session, Refusal> {
        builder.commit_from_file(self.path).map_err(|error| {
            let problem = error.message().to_owned();
            // A folder's name says nothing about devices.
            let said = problem.replace(&*self.path.to_string_lossy(), "");
            let is_of_device = is_of_device(provider, &said);
            let problem = plain(&problem);
            if is_of_device {
                return Refusal::Device(problem);
            }
            let (model, path) = (self.model.name.clone(), self.path.to_owned());
            Refusal::Model(EmbedError::Model { model, path, problem })
        })
    }

    fn encoder(&self, session: Session, provider: Provider, id: u32) -> Result<Encoder, Refusal> {
        let misfit = |problem| Refusal::Model(EmbedError::Misfit { path: self.path.to_owned(), problem });
        Encoder::new(session, run_options(provider, id).map_err(device)?, self.model).map_err(misfit)
    }

    /// Has what a model gives pooled in the memory where it is, if it is not one vector a text already.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn pool_there(
        &self,
        encoder: &mut Encoder,
        memory: AllocationDevice<'static>,
        provider: Provider,
        id: u32,
    ) -> Result<(), String> {
        let Some(graph) = encoder.pooling_graph().filter(|_| self.model.pooling != Pooling::None) else {
            return Ok(());
        };
        encoder.pool_with(self.pooler(graph, self.model.pooling, memory, provider, id)?, self.model)
    }

    /// A session that pools.
    ///
    /// # Errors
    /// Why there is none.
    pub fn pooler(
        &self,
        graph: &[u8],
        pooling: Pooling,
        memory: AllocationDevice<'static>,
        provider: Provider,
        id: u32,
    ) -> Result<Pooler, String> {
        let said = |error: ort::Error| plain(error.message());
        let mut builder = self.builder(provider, id).map_err(Refusal::problem)?;
        let session = builder.commit_from_memory(graph).map_err(said)?;
        let options = run_options(provider, id).map_err(said)?;
        Pooler::new(session, pooling, (memory, id), options).map_err(said)
    }

    fn provider(&self, provider: Provider, id: u32) -> ExecutionProviderDispatch {
        let index = i32::try_from(id).unwrap_or(i32::MAX);
        let grow = ArenaExtendStrategy::SameAsRequested;
        let limit = (self.device_bytes)(provider, id);
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
        dispatch.error_on_failure()
    }
}

/// For a call after which others come, and for the last one of a window.
fn run_options(provider: Provider, id: u32) -> ort::Result<[RunOptions<NoSelectedOutputs>; 2]> {
    let arena = match provider {
        Provider::Cpu => Some("cpu:0".to_owned()),
        Provider::Cuda | Provider::TensorRt | Provider::Rocm | Provider::MiGraphX => Some(format!("gpu:{id}")),
        _ => None,
    };
    let mut last = RunOptions::new()?;
    if let Some(arena) = arena {
        // What the largest batch took goes back, but not after each call: to have it again takes time.
        last.set("memory.enable_memory_arena_shrinkage", arena)?;
    }
    Ok([RunOptions::new()?, last])
}

/// Most sessions on a CPU. More threads than that share a session: the memory for batches is divided.
const MOST_SESSIONS: usize = 4;

/// How many sessions of a model with weights of so many bytes a CPU of so many threads has: as many as
/// a quarter of the memory holds.
pub fn sessions(weights: u64, max_memory_bytes: u64, threads: usize) -> usize {
    let room = usize::try_from(max_memory_bytes / 4 / weights.max(1)).unwrap_or(usize::MAX);
    room.min(MOST_SESSIONS).clamp(1, threads.max(1))
}

/// Whether what a session was refused for is the device's fault. On a CPU nothing is: there a model
/// that does not load is broken.
fn is_of_device(provider: Provider, problem: &str) -> bool {
    let of_model =
        ["rotobuf", "ModelProto", "not a registered", "opset", "InvalidGraph", "INVALID_GRAPH", "NO_SUCHFILE"];
    let of_device = ["CUDA", "cuda", "cuDNN", "CUDNN", "ExecutionProvider", "execution provider", " EP", "hip"];
    let says = |signs: &[&str]| signs.iter().any(|sign| problem.contains(sign));
    provider != Provider::Cpu && (is_memory(problem) || says(&of_device) || !says(&of_model))
}

fn device<R>(error: ort::Error<R>) -> Refusal {
    Refusal::Device(plain(error.message()))
}

/// What ONNX Runtime says, without where in its source it says so:
/// `/onnxruntime_src/…/provider_bridge_ort.cc:2043 … [ONNXRuntimeError] : 1 : FAIL : Failed to load …`.
fn plain(message: &str) -> String {
    let after = message.split_once("[ONNXRuntimeError] : ").and_then(|(_, after)| after.splitn(3, " : ").nth(2));
    after.unwrap_or(message).trim().to_owned()
}

/// A product of two matrices: enough to see whether a device computes.
const PRODUCT: &[u8] = include_bytes!("../../../assets/product.onnx");

/// Whether a device runs anything at all.
///
/// # Errors
/// What it says where it does not.
pub fn works(library: &'static Library, provider: Provider, id: u32) -> Result<(), String> {
    let model = Description::default();
    let (path, none) = (Path::new("product.onnx"), |_, _| None);
    let opening = Opening {
        library,
        model: &model,
        path,
        weights_bytes: 0,
        threads: 1,
        max_memory_bytes: 0,
        wants_cuda: true,
        device_bytes: &none,
    };
    if matches!(provider, Provider::Cuda | Provider::TensorRt) {
        cuda::preload(&library.path);
    }
    let said = |error: ort::Error| plain(error.message());
    let builder = opening.builder(provider, id).map_err(Refusal::problem)?;
    let mut builder = builder.with_intra_threads(1).map_err(|error| error.message().to_owned())?;
    let mut session = builder.commit_from_memory(PRODUCT).map_err(said)?;
    let given = [1.0_f32, 2.0, 3.0, 4.0];
    let input = TensorRef::from_array_view(([2, 2], given.as_slice())).map_err(said)?;
    let outputs = session.run(ort::inputs!["x" => input]).map_err(said)?;
    let (_, product) = outputs["y"].try_extract_tensor::<f32>().map_err(said)?;
    if product == [2.0, 1.0, 4.0, 3.0] { Ok(()) } else { Err(format!("it computes wrongly: {product:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_broken_gpu_is_the_devices_fault_and_a_broken_file_is_the_models() {
        for problem in [
            "Available memory of 1024 is smaller than requested bytes of 4096",
            "Failed to allocate memory for requested buffer of size 4096",
            "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
            "something that nobody has foreseen",
        ] {
            assert!(is_of_device(Provider::Cuda, problem), "{problem}");
            assert!(!is_of_device(Provider::Cpu, problem), "there is nothing behind a CPU: {problem}");
        }
        let broken = "Load model from  failed:Protobuf parsing failed.";
        assert!(!is_of_device(Provider::Cuda, broken));
    }

    #[test]
    fn what_onnx_runtime_says_is_told_without_its_source() {
        let said = "/onnxruntime_src/core/session/provider_bridge_ort.cc:2043 Provider& ProviderLibrary::Get() \
            [ONNXRuntimeError] : 1 : FAIL : Failed to load library a.so with error: b.so: cannot open it : no\n";
        assert_eq!(plain(said), "Failed to load library a.so with error: b.so: cannot open it : no");
        assert_eq!(plain("CUDA failure 35"), "CUDA failure 35");
    }

    #[test]
    fn a_cpu_has_as_many_sessions_as_a_quarter_of_the_memory_holds() {
        assert_eq!(sessions(1 << 20, 1 << 30, 8), 4);
        assert_eq!(sessions(100 << 20, 1 << 30, 8), 2);
        assert_eq!(sessions(1 << 31, 1 << 30, 8), 1);
        assert_eq!(sessions(1, 1 << 30, 2), 2);
    }
}
