//! Which devices run a model: what was asked for, what is to be had, what really runs.
//!
//! Invariants: a device that was asked for by name is used or the call fails; `auto` may fall back,
//! and keeps the reasons; a device has run a text before it is taken, and one that runs a part of its
//! model on the CPU says so. Must never import: anything of this crate but `config` and `embed`.

use std::path::Path;

use super::gauge::{self, Visible};
use super::library;
use super::session::RunError;
use super::team::Team;
use crate::config::{DeviceChoice, LibraryPlaces, Provider};
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

/// What opens sessions: ONNX Runtime, or in tests what stands for it.
pub trait Opens {
    /// Sessions on a device.
    ///
    /// # Errors
    /// When it is not to be had, or the model does not load.
    fn open(&self, provider: Provider, id: u32) -> Result<(Device, Team), Refusal>;

    /// A session on the CPU, for questions, beside those on another device; `None` where memory is short.
    ///
    /// # Errors
    /// When the CPU cannot have the model.
    fn beside(&self) -> Result<Option<Team>, Refusal>;
}

/// Sessions that have run, and what was not to be had on the way to them.
pub struct Opened {
    pub teams: Vec<(Device, Team)>,
    /// For questions, beside devices that are no CPU.
    pub on_cpu: Option<Team>,
    /// Why `auto` did not take what stands before.
    pub passed_over: Vec<String>,
}

/// What devices there are to choose from.
pub struct Candidates<'c> {
    pub opens: &'c dyn Opens,
    pub model: &'c Description,
    /// The name of an NVIDIA GPU that the driver shows.
    pub gpu: Option<String>,
    /// The library that sessions are of, for messages.
    pub library: &'c Path,
    /// A token that the model must know: the tokenizer's last one.
    pub last_token: u32,
    /// What to say where it does not.
    pub misfit: &'c dyn Fn(&str) -> EmbedError,
}

impl Candidates<'_> {
    /// Opens sessions on the devices that were asked for, and runs a token on each.
    ///
    /// # Errors
    /// When a device that was asked for by name is not to be had, or the model does not load.
    pub fn open(&self, choice: &DeviceChoice) -> Result<Opened, EmbedError> {
        let mut opened = match choice {
            DeviceChoice::Named { provider, ids } => {
                let one = |id: &u32| self.one(*provider, *id);
                let teams = ids.iter().map(one).collect::<Result<Vec<_>, Refusal>>();
                let teams = teams.map_err(|refusal| self.refused(refusal, choice))?;
                Opened { teams, on_cpu: None, passed_over: Vec::new() }
            }
            DeviceChoice::Auto => self.auto()?,
        };
        if opened.teams.iter().any(|(device, _)| device.provider != Provider::Cpu) {
            opened.on_cpu = self.beside()?;
        }
        Ok(opened)
    }

    fn auto(&self) -> Result<Opened, EmbedError> {
        let mut passed_over = Vec::new();
        for provider in automatic() {
            match self.one(provider, 0) {
                Ok(opened) => return Ok(Opened { teams: vec![opened], on_cpu: None, passed_over }),
                Err(refusal @ Refusal::Model(_)) => return Err(self.refused(refusal, &DeviceChoice::Auto)),
                Err(refusal) if provider == Provider::Cpu => return Err(self.refused(refusal, &DeviceChoice::Auto)),
                Err(Refusal::NotBuilt) => {
                    // No news, unless there is a card for it.
                    if let (Provider::Cuda, Some(gpu)) = (provider, &self.gpu) {
                        let library = self.library.display();
                        passed_over.push(format!(
                            "{provider}: there is an {gpu}, but {library} was built without CUDA; \
                             `pip install 'onnxruntime-gpu[cuda,cudnn]'`"
                        ));
                    }
                }
                Err(Refusal::Device(problem)) => passed_over.push(format!("{provider}: {problem}")),
            }
        }
        Err(self.refused(Refusal::NotBuilt, &DeviceChoice::Auto))
    }

    /// A device that has run one token: that a session is made says little.
    fn one(&self, provider: Provider, id: u32) -> Result<(Device, Team), Refusal> {
        let (device, mut team) = self.opens.open(provider, id)?;
        self.try_out(&mut team).map_err(|error| match error {
            Trial::Misfit(error) => Refusal::Model(error),
            Trial::Failed(RunError::Memory) if provider != Provider::Cpu => {
                Refusal::Device("it has too little memory for one token".to_owned())
            }
            Trial::Failed(RunError::Other(problem)) if provider != Provider::Cpu => Refusal::Device(problem),
            Trial::Failed(error) => Refusal::Model(failed(error, &self.model.name, &device, 1)),
        })?;
        Ok((device, team))
    }

    /// A model that the CPU cannot have is not missed there: the device answers questions then.
    fn beside(&self) -> Result<Option<Team>, EmbedError> {
        let mut team = match self.opens.beside() {
            Ok(Some(team)) => team,
            Ok(None) => return Ok(None),
            Err(refusal) => {
                tracing::debug!("no session on the CPU for questions: {}", refusal.problem());
                return Ok(None);
            }
        };
        match self.try_out(&mut team) {
            Ok(()) => Ok(Some(team)),
            Err(Trial::Misfit(error)) => Err(error),
            Err(Trial::Failed(error)) => {
                tracing::debug!("no session on the CPU for questions: {error:?}");
                Ok(None)
            }
        }
    }

    /// Runs the tokenizer's last token: a model that has no row for it is of another tokenizer.
    fn try_out(&self, team: &mut Team) -> Result<(), Trial> {
        let row: &[u32] = &[self.last_token];
        let ran = team.run(&[row], true).and_then(|called| called.vectors(&[row], self.model).map(drop));
        ran.map_err(|error| match error {
            RunError::Other(problem) if problem.contains("out of data bounds") || problem.contains("idx=") => {
                Trial::Misfit((self.misfit)(&problem))
            }
            error => Trial::Failed(error),
        })
    }

    fn refused(&self, refusal: Refusal, choice: &DeviceChoice) -> EmbedError {
        let problem = match refusal {
            Refusal::Model(error) => return error,
            Refusal::NotBuilt => {
                format!("the ONNX Runtime library {} was built without it{}", self.library.display(), remedy(choice))
            }
            Refusal::Device(problem) if problem.contains("libcuda.so") => {
                format!("{problem}; the NVIDIA driver is missing")
            }
            Refusal::Device(problem) if problem.contains("cannot open shared object file") => {
                format!("{problem}{}", remedy(choice))
            }
            Refusal::Device(problem) => problem,
        };
        EmbedError::Device { device: choice.to_string(), problem }
    }
}

fn remedy(choice: &DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Named { provider: Provider::Cuda | Provider::TensorRt, .. } => {
            "; `pip install 'onnxruntime-gpu[cuda,cudnn]'`"
        }
        _ => "",
    }
}

/// How the first token went wrong.
enum Trial {
    Misfit(EmbedError),
    Failed(RunError),
}

/// Why there is no session.
pub enum Refusal {
    /// The library was not built for it.
    NotBuilt,
    Device(String),
    /// The device is not at fault.
    Model(EmbedError),
}

impl Refusal {
    /// In words.
    pub fn problem(self) -> String {
        match self {
            Self::NotBuilt => "the library was built without it".to_owned(),
            Self::Device(problem) => problem,
            Self::Model(error) => error.to_string(),
        }
    }
}

/// What to say of a call that failed.
pub fn failed(error: RunError, model: &str, device: &Device, tokens: usize) -> EmbedError {
    let (model, device) = (model.to_owned(), device.to_string());
    match error {
        RunError::Memory => EmbedError::OutOfMemory { model, device, tokens },
        RunError::Other(problem) => EmbedError::Run { model, device, problem },
    }
}

/// What `auto` tries, in this order. TensorRT and OpenVINO compile a model for minutes: by name only.
fn automatic() -> impl Iterator<Item = Provider> {
    let slow = [Provider::TensorRt, Provider::OpenVino];
    Provider::ALL.into_iter().filter(move |provider| !slow.contains(provider))
}

/// The provider that the library should have for what is asked for, if any.
pub fn wanted(choice: &DeviceChoice, visible: &Visible) -> Option<Provider> {
    match choice {
        DeviceChoice::Named { provider, .. } => Some(*provider).filter(|provider| *provider != Provider::Cpu),
        DeviceChoice::Auto => gauge::first(visible).map(|_| Provider::Cuda),
    }
}

/// What a model will most likely run on, by what is seen without loading anything.
pub fn expected(choice: &DeviceChoice, places: &LibraryPlaces, visible: &Visible) -> Provider {
    if let DeviceChoice::Named { provider, .. } = choice {
        return *provider;
    }
    let looked = library::in_order(places, wanted(choice, visible));
    let Some(place) = looked.iter().find(|place| place.found.is_some()) else { return Provider::Cpu };
    let is_here = |provider: &Provider| match provider {
        Provider::Cuda => place.providers.contains(provider) && gauge::first(visible).is_some(),
        Provider::Rocm | Provider::MiGraphX => place.providers.contains(provider) && Path::new("/dev/kfd").exists(),
        Provider::DirectMl => place.providers.contains(provider),
        // It is in the library itself, where there is one of it at all.
        Provider::CoreMl => cfg!(target_os = "macos"),
        _ => false,
    };
    automatic().find(is_here).unwrap_or(Provider::Cpu)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn team(ran: Result<(), RunError>) -> Team {
        Fake::team(move |_, _| ran.clone())
    }

    /// A machine: what its GPU's session does, and whether the CPU can have the model.
    struct Machine {
        cuda: fn() -> Result<Team, Refusal>,
        cpu: fn() -> Result<Team, Refusal>,
    }

    impl Opens for Machine {
        fn open(&self, provider: Provider, id: u32) -> Result<(Device, Team), Refusal> {
            let team = match provider {
                Provider::Cuda => (self.cuda)(),
                Provider::Cpu => (self.cpu)(),
                _ => Err(Refusal::NotBuilt),
            }?;
            Ok((Device { provider, id, is_partly_cpu: false }, team))
        }

        fn beside(&self) -> Result<Option<Team>, Refusal> {
            (self.cpu)().map(Some)
        }
    }

    fn open(choice: &str, gpu: Option<&str>, cuda: fn() -> Result<Team, Refusal>) -> Result<Opened, String> {
        with_cpu(choice, gpu, cuda, || Ok(team(Ok(()))))
    }

    fn with_cpu(
        choice: &str,
        gpu: Option<&str>,
        cuda: fn() -> Result<Team, Refusal>,
        cpu: fn() -> Result<Team, Refusal>,
    ) -> Result<Opened, String> {
        let opens = Machine { cuda, cpu };
        let model = Description { name: "m".into(), dimensions: 1, ..Description::default() };
        let misfit = |problem: &str| EmbedError::Tokenizer { path: "tokenizer.json".into(), problem: problem.into() };
        let (gpu, library) = (gpu.map(str::to_owned), Path::new("/lib/libonnxruntime.so"));
        let candidates = Candidates { opens: &opens, model: &model, gpu, library, last_token: 1, misfit: &misfit };
        let opened = candidates.open(&choice.parse().expect("a device"));
        opened.map_err(|error| error.to_string())
    }

    fn names(opened: &Opened) -> Vec<String> {
        opened.teams.iter().map(|(device, _)| device.to_string()).collect()
    }

    fn broken() -> Result<Team, Refusal> {
        Ok(team(Err(RunError::Other("CUDA failure 209: no kernel image is available".into()))))
    }

    #[test]
    fn auto_takes_a_gpu_that_runs_with_a_cpu_beside_it_for_questions() {
        let opened = open("auto", Some("H100"), || Ok(team(Ok(())))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((names(&opened), opened.passed_over.len()), (vec!["CUDA:0".to_owned()], 0));
        assert!(opened.on_cpu.is_some());
    }

    #[test]
    fn auto_passes_over_a_gpu_whose_session_opens_and_does_not_run() {
        let opened = open("auto", Some("H100"), broken).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(names(&opened), ["CPU"]);
        assert!(opened.passed_over[0].contains("CUDA: CUDA failure 209"), "{:?}", opened.passed_over);
        let opened = open("auto", Some("H100"), || Ok(team(Err(RunError::Memory)))).unwrap_or_else(|e| panic!("{e}"));
        assert!(opened.passed_over[0].contains("too little memory"), "{:?}", opened.passed_over);
        let said = open("cuda", Some("H100"), broken).err().expect("it was asked for by name");
        assert!(said.contains("--device cuda is not to be had: CUDA failure 209"), "{said}");
    }

    #[test]
    fn auto_says_that_the_library_was_not_built_for_a_card_that_is_here() {
        let opened = open("auto", Some("NVIDIA H100"), || Err(Refusal::NotBuilt)).unwrap_or_else(|e| panic!("{e}"));
        let said = &opened.passed_over[0];
        assert!(said.contains("NVIDIA H100") && said.contains("onnxruntime-gpu[cuda,cudnn]"), "{said}");
        let opened = open("auto", None, || Err(Refusal::NotBuilt)).unwrap_or_else(|error| panic!("{error}"));
        assert!(opened.passed_over.is_empty(), "without a card there is nothing to say");
    }

    #[test]
    fn a_gpu_does_without_the_cpu_where_that_cannot_have_the_model() {
        let full = || Err(Refusal::Model(EmbedError::Library { path: "a".into(), problem: "b".into(), remedy: "c" }));
        let opened = with_cpu("auto", None, || Ok(team(Ok(()))), full).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((names(&opened), opened.on_cpu.is_none()), (vec!["CUDA:0".to_owned()], true));
    }

    #[test]
    fn a_token_that_the_model_does_not_know_is_the_tokenizers_fault_on_every_device() {
        let unknown = || Ok(team(Err(RunError::Other("indices element out of data bounds, idx=9".into()))));
        let said = with_cpu("auto", None, || Ok(team(Ok(()))), unknown).err().expect("the CPU tells it");
        assert!(said.contains("does not fit"), "{said}");
        assert!(open("auto", None, unknown).err().expect("the GPU tells it").contains("does not fit"));
    }

    #[test]
    fn files_for_a_gpu_that_is_not_here_promise_none() {
        let root = tempfile::tempdir().expect("a folder");
        for file in ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll", "libonnxruntime_providers_cuda.so"]
        {
            std::fs::write(root.path().join(file), "").expect("written");
        }
        let places = LibraryPlaces { named: Some(root.path().to_owned()), ..LibraryPlaces::default() };
        let expected = |choice: &str| {
            let no_gpu = Visible::read(Some(""));
            super::expected(&choice.parse().expect("a device"), &places, &no_gpu)
        };
        let auto = if cfg!(target_os = "macos") { Provider::CoreMl } else { Provider::Cpu };
        assert_eq!([expected("auto"), expected("cuda"), expected("cpu")], [auto, Provider::Cuda, Provider::Cpu]);
    }

    #[test]
    fn every_gpu_that_is_named_is_tried_and_has_sessions() {
        let opened = open("cuda:0,1", None, || Ok(team(Ok(())))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(names(&opened), ["CUDA:0", "CUDA:1"]);
    }
}
