//! Sessions on devices: what was asked for, what is to be had, what really runs.
//!
//! Invariants: a device that was asked for by name is used or the call fails; `auto` may fall back,
//! and keeps the reasons; a session that runs a part of its model on the CPU says so. Must never
//! import: anything of this crate but `config` and `embed`.

use std::path::Path;

use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session};

use super::library::Library;
use super::session::Encoder;
use super::team::Team;
use crate::config::{DeviceChoice, Provider};
use crate::embed::EmbedError;
use crate::embed::models::Description;

/// A device that runs a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub provider: Provider,
    pub id: u32,
    /// Whether some operators of the model run on the CPU instead.
    pub is_partly_cpu: bool,
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.provider {
            Provider::Cpu => f.write_str("CPU")?,
            provider => write!(f, "{provider}:{}", self.id)?,
        }
        if self.is_partly_cpu { f.write_str(" (some operators on the CPU)") } else { Ok(()) }
    }
}

/// What to open, and how.
pub struct Opening<'o> {
    pub library: &'static Library,
    pub model: &'o Description,
    pub path: &'o Path,
    /// Threads of the CPU.
    pub threads: usize,
    /// Of the whole process.
    pub max_memory_bytes: u64,
    /// Bytes of a device's memory that its arena may take; `None` for all there is.
    pub device_bytes: Option<usize>,
}

/// Sessions that run, and what was not to be had on the way to them.
pub struct Opened {
    pub teams: Vec<(Device, Team)>,
    /// Why `auto` did not take what stands before.
    pub passed_over: Vec<String>,
}

impl Opening<'_> {
    /// Opens sessions on the devices that were asked for.
    ///
    /// # Errors
    /// When a device that was asked for by name is not to be had, or the model does not load.
    pub fn open(&self, choice: &DeviceChoice) -> Result<Opened, EmbedError> {
        match choice {
            DeviceChoice::Named { provider, ids } => {
                let one = |id: &u32| self.on(*provider, *id);
                let teams = ids.iter().map(one).collect::<Result<Vec<_>, Refusal>>();
                let teams = teams.map_err(|refusal| refusal.of(choice))?;
                Ok(Opened { teams, passed_over: Vec::new() })
            }
            DeviceChoice::Auto => self.auto(),
        }
    }

    fn auto(&self) -> Result<Opened, EmbedError> {
        let mut passed_over = Vec::new();
        // TensorRT and OpenVINO compile a model for minutes: by name only.
        let slow = [Provider::TensorRt, Provider::OpenVino];
        for provider in Provider::ALL.into_iter().filter(|provider| !slow.contains(provider)) {
            match self.on(provider, 0) {
                Ok(opened) => return Ok(Opened { teams: vec![opened], passed_over }),
                Err(refusal @ Refusal::Model(_)) => return Err(refusal.of(&DeviceChoice::Auto)),
                Err(refusal) if provider == Provider::Cpu => return Err(refusal.of(&DeviceChoice::Auto)),
                Err(Refusal::NotBuilt) => {}
                Err(Refusal::Device(problem)) => passed_over.push(format!("{provider}: {problem}")),
            }
        }
        Err(Refusal::NotBuilt.of(&DeviceChoice::Auto))
    }

    /// A session on the CPU, beside those on another device.
    pub fn on_cpu(&self) -> Result<Team, EmbedError> {
        let cpu = DeviceChoice::Named { provider: Provider::Cpu, ids: vec![0] };
        let encoder = self.session_on_cpu(self.threads).map_err(|refusal| refusal.of(&cpu))?;
        Ok(Team::new(encoder, Vec::new()))
    }

    fn session_on_cpu(&self, threads: usize) -> Result<Encoder, Refusal> {
        let builder = self.builder(Provider::Cpu, 0)?.with_intra_threads(threads).map_err(device)?;
        self.encoder(self.commit(builder)?, Provider::Cpu, 0)
    }

    /// Several sessions, unless the model insists on a number of rows: those are for one.
    fn team_on_cpu(&self) -> Result<Team, Refusal> {
        let weights = std::fs::metadata(self.path).map_or(u64::MAX, |file| file.len());
        let count = sessions(weights, self.max_memory_bytes, self.threads);
        let first = self.session_on_cpu(self.threads / count)?;
        if first.rows.is_some() && count > 1 {
            return Ok(Team::new(self.session_on_cpu(self.threads)?, Vec::new()));
        }
        let others = (1..count).map(|_| self.session_on_cpu(self.threads / count)).collect::<Result<_, _>>()?;
        Ok(Team::new(first, others))
    }

    fn on(&self, provider: Provider, id: u32) -> Result<(Device, Team), Refusal> {
        if !self.library.providers.contains(&provider) {
            return Err(Refusal::NotBuilt);
        }
        if provider == Provider::Cpu {
            return Ok((Device { provider, id, is_partly_cpu: false }, self.team_on_cpu()?));
        }
        // First so that nothing may run on the CPU; if that is refused, it partly does.
        let whole = self.builder(provider, id)?.with_disable_cpu_fallback().map_err(device)?;
        let (session, is_partly_cpu) = match self.commit(whole) {
            Ok(session) => (session, false),
            Err(_) => (self.commit(self.builder(provider, id)?)?, true),
        };
        let encoder = self.encoder(session, provider, id)?;
        Ok((Device { provider, id, is_partly_cpu }, Team::new(encoder, Vec::new())))
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

    fn commit(&self, mut builder: SessionBuilder) -> Result<Session, Refusal> {
        builder.commit_from_file(self.path).map_err(|error| {
            let message = error.message().to_owned();
            let of_device = ["CUDA", "cuda", "cuDNN", "ExecutionProvider", "execution provider", "EP", "hip"];
            let of_model =
                ["Protobuf", "protobuf", "ModelProto", "Load model", "No such file", "not a registered", "opset"];
            if of_model.iter().any(|sign| message.contains(sign))
                || !of_device.iter().any(|sign| message.contains(sign))
            {
                let (model, path) = (self.model.name.clone(), self.path.to_owned());
                return Refusal::Model(EmbedError::Model { model, path, problem: message });
            }
            Refusal::Device(message)
        })
    }

    fn encoder(&self, session: Session, provider: Provider, id: u32) -> Result<Encoder, Refusal> {
        let misfit = |problem| Refusal::Model(EmbedError::Misfit { path: self.path.to_owned(), problem });
        let arena = match provider {
            Provider::Cpu => Some("cpu:0".to_owned()),
            Provider::Cuda | Provider::TensorRt | Provider::Rocm | Provider::MiGraphX => Some(format!("gpu:{id}")),
            _ => None,
        };
        let mut last = RunOptions::new().map_err(device)?;
        if let Some(arena) = arena {
            // What the largest batch took goes back, but not after each call: to have it again takes time.
            last.set("memory.enable_memory_arena_shrinkage", arena).map_err(device)?;
        }
        let options = [RunOptions::new().map_err(device)?, last];
        Encoder::new(session, options, self.model).map_err(misfit)
    }

    fn provider(&self, provider: Provider, id: u32) -> ExecutionProviderDispatch {
        let index = i32::try_from(id).unwrap_or(i32::MAX);
        let grow = ArenaExtendStrategy::SameAsRequested;
        let limit = self.device_bytes;
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

/// Most sessions on a CPU. More threads than that share a session: the memory for batches is divided.
const MOST_SESSIONS: usize = 4;

/// How many sessions of a model with weights of so many bytes a CPU of so many threads has: as many as
/// a quarter of the memory holds.
pub fn sessions(weights: u64, max_memory_bytes: u64, threads: usize) -> usize {
    let room = usize::try_from(max_memory_bytes / 4 / weights.max(1)).unwrap_or(usize::MAX);
    room.min(MOST_SESSIONS).clamp(1, threads.max(1))
}

/// Why there is no session.
enum Refusal {
    /// The library was not built for it.
    NotBuilt,
    Device(String),
    /// The device is not at fault.
    Model(EmbedError),
}

impl Refusal {
    fn of(self, choice: &DeviceChoice) -> EmbedError {
        let problem = match self {
            Self::Model(error) => return error,
            Self::NotBuilt => format!(
                "the ONNX Runtime library {} was built without it",
                super::library::loaded().map(|library| library.path.display().to_string()).unwrap_or_default()
            ),
            Self::Device(problem) => problem,
        };
        EmbedError::Device { device: choice.to_string(), problem }
    }
}

fn device<R>(error: ort::Error<R>) -> Refusal {
    Refusal::Device(error.message().to_owned())
}
