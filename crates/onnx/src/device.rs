//! Selection of the devices that run a model.
//!
//! A device requested by name is used, or opening the model fails. `auto` may fall back to another device
//! and records the reasons. Every selected device has run one token successfully, and a device that leaves
//! some operators to the CPU says so in its name.

use std::path::Path;

use super::gauge::{self, VisibleGpus};
use super::library;
use super::session::SessionRunError;
use super::session_pool::SessionPool;
use config::{DeviceChoice, LibrarySearchPaths, Provider};
use embed::EmbedError;
use hub::ModelDescription;

/// A device that runs a model. Displayed as `CPU`, `CUDA:0` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub provider: Provider,
    pub id: u32,
    /// Whether some of the model's operators run on the CPU instead.
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

/// Opens sessions on devices. Implemented by ONNX Runtime, and by a fake in tests.
pub trait SessionOpener {
    /// Opens the sessions of a device.
    ///
    /// # Errors
    /// When the device is not available, or the model does not load.
    fn open_device(&self, provider: Provider, id: u32) -> Result<(Device, SessionPool), SessionOpenError>;

    /// Opens a session on the CPU for queries, in addition to those on another device. Returns `None` if the
    /// model is too large for that.
    ///
    /// # Errors
    /// When the CPU cannot run the model.
    fn open_query_pool(&self) -> Result<Option<SessionPool>, SessionOpenError>;
}

/// The selected devices with their sessions, and the reasons for passing over others.
pub struct OpenedDevices {
    pub devices: Vec<(Device, SessionPool)>,
    /// A session on the CPU for queries, if the devices are others than the CPU.
    pub query_pool: Option<SessionPool>,
    /// Why `auto` passed over devices that it prefers.
    pub passed_over: Vec<String>,
}

/// Selects devices for a model and opens sessions on them.
pub struct DeviceSelector<'c> {
    pub opener: &'c dyn SessionOpener,
    pub model: &'c ModelDescription,
    /// The name of the first NVIDIA GPU, if there is one.
    pub gpu: Option<String>,
    /// The ONNX Runtime library, for messages.
    pub library: &'c Path,
    /// The tokenizer's largest token ID, which the model must know.
    pub last_token: u32,
    /// Makes the error for a model that does not know that token, given ONNX Runtime's message.
    pub misfit: &'c dyn Fn(&str) -> EmbedError,
}

impl DeviceSelector<'_> {
    /// Opens sessions on the requested devices, and runs one token on each.
    ///
    /// # Errors
    /// When a device requested by name is not available, or the model does not load.
    pub fn open_devices(&self, choice: &DeviceChoice) -> Result<OpenedDevices, EmbedError> {
        let mut opened = match choice {
            DeviceChoice::Named { provider, ids } => {
                let open = |id: &u32| self.open_and_try(*provider, *id);
                let devices = ids.iter().map(open).collect::<Result<Vec<_>, SessionOpenError>>();
                let devices = devices.map_err(|error| self.to_embed_error(error, choice))?;
                OpenedDevices { devices, query_pool: None, passed_over: Vec::new() }
            }
            DeviceChoice::Auto => self.open_automatic()?,
        };
        if opened.devices.iter().any(|(device, _)| device.provider != Provider::Cpu) {
            opened.query_pool = self.open_query_pool()?;
        }
        Ok(opened)
    }

    /// Opens the first device that works, in the order of preference.
    fn open_automatic(&self) -> Result<OpenedDevices, EmbedError> {
        let mut passed_over = Vec::new();
        for provider in automatic_providers() {
            match self.open_and_try(provider, 0) {
                Ok(opened) => return Ok(OpenedDevices { devices: vec![opened], query_pool: None, passed_over }),
                Err(error @ SessionOpenError::Model(_)) => return Err(self.to_embed_error(error, &DeviceChoice::Auto)),
                Err(error) if provider == Provider::Cpu => return Err(self.to_embed_error(error, &DeviceChoice::Auto)),
                Err(SessionOpenError::NotBuilt) => {
                    // Worth reporting only if there is a GPU for it.
                    if let (Provider::Cuda, Some(gpu)) = (provider, &self.gpu) {
                        let library = self.library.display();
                        passed_over.push(format!(
                            "{provider}: there is an {gpu}, but {library} was built without CUDA; \
                             `pip install 'onnxruntime-gpu[cuda,cudnn]'`"
                        ));
                    }
                }
                Err(SessionOpenError::Device(problem)) => passed_over.push(format!("{provider}: {problem}")),
            }
        }
        Err(self.to_embed_error(SessionOpenError::NotBuilt, &DeviceChoice::Auto))
    }

    /// Opens a device and runs one token on it, because a session may open on a device that cannot compute.
    fn open_and_try(&self, provider: Provider, id: u32) -> Result<(Device, SessionPool), SessionOpenError> {
        let (device, mut pool) = self.opener.open_device(provider, id)?;
        self.run_trial(&mut pool).map_err(|error| match error {
            TrialError::Misfit(error) => SessionOpenError::Model(error),
            TrialError::Failed(SessionRunError::OutOfMemory) if provider != Provider::Cpu => {
                SessionOpenError::Device("it has too little memory for one token".to_owned())
            }
            TrialError::Failed(SessionRunError::Other(problem)) if provider != Provider::Cpu => {
                SessionOpenError::Device(problem)
            }
            TrialError::Failed(error) => SessionOpenError::Model(to_run_error(error, &self.model.name, &device, 1)),
        })?;
        Ok((device, pool))
    }

    /// Opens the CPU session for queries. If the CPU cannot run the model, the device answers queries.
    ///
    /// # Errors
    /// When the tokenizer does not fit the model.
    fn open_query_pool(&self) -> Result<Option<SessionPool>, EmbedError> {
        let mut pool = match self.opener.open_query_pool() {
            Ok(Some(pool)) => pool,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::debug!("no session on the CPU for queries: {}", error.into_message());
                return Ok(None);
            }
        };
        match self.run_trial(&mut pool) {
            Ok(()) => Ok(Some(pool)),
            Err(TrialError::Misfit(error)) => Err(error),
            Err(TrialError::Failed(error)) => {
                tracing::debug!("no session on the CPU for queries: {error:?}");
                Ok(None)
            }
        }
    }

    /// Runs the tokenizer's largest token ID. A model without an embedding for it belongs to another tokenizer.
    fn run_trial(&self, pool: &mut SessionPool) -> Result<(), TrialError> {
        let row: &[u32] = &[self.last_token];
        let ran = pool.run(&[row], true).and_then(|output| output.vectors(&[row], self.model).map(drop));
        ran.map_err(|error| match error {
            SessionRunError::Other(problem) if problem.contains("out of data bounds") || problem.contains("idx=") => {
                TrialError::Misfit((self.misfit)(&problem))
            }
            error => TrialError::Failed(error),
        })
    }

    /// Makes the error for a requested device, with a remedy.
    fn to_embed_error(&self, error: SessionOpenError, choice: &DeviceChoice) -> EmbedError {
        let problem = match error {
            SessionOpenError::Model(error) => return error,
            SessionOpenError::NotBuilt => {
                format!(
                    "the ONNX Runtime library {} was built without it{}",
                    self.library.display(),
                    install_hint(choice)
                )
            }
            SessionOpenError::Device(problem) if problem.contains("libcuda.so") => {
                format!("{problem}; the NVIDIA driver is missing")
            }
            SessionOpenError::Device(problem) if problem.contains("cannot open shared object file") => {
                format!("{problem}{}", install_hint(choice))
            }
            SessionOpenError::Device(problem) => problem,
        };
        EmbedError::Device { device: choice.to_string(), problem }
    }
}

/// Returns the command that installs the libraries of the requested device, as the end of a message.
fn install_hint(choice: &DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Named { provider: Provider::Cuda | Provider::TensorRt, .. } => {
            "; `pip install 'onnxruntime-gpu[cuda,cudnn]'`"
        }
        _ => "",
    }
}

/// The error of the first token on a device.
enum TrialError {
    /// The tokenizer belongs to another model.
    Misfit(EmbedError),
    Failed(SessionRunError),
}

/// The error of opening a session.
pub enum SessionOpenError {
    /// The library was built without the provider.
    NotBuilt,
    /// The device failed; the message says how.
    Device(String),
    /// The model or the library failed, not the device.
    Model(EmbedError),
}

impl SessionOpenError {
    /// Returns the error as a message.
    pub fn into_message(self) -> String {
        match self {
            Self::NotBuilt => "the library was built without it".to_owned(),
            Self::Device(problem) => problem,
            Self::Model(error) => error.to_string(),
        }
    }
}

/// Adds the model, the device and the length of the longest text to the error of a call.
pub fn to_run_error(error: SessionRunError, model: &str, device: &Device, tokens: usize) -> EmbedError {
    let (model, device) = (model.to_owned(), device.to_string());
    match error {
        SessionRunError::OutOfMemory => EmbedError::OutOfMemory { model, device, tokens },
        SessionRunError::Other(problem) => EmbedError::Run { model, device, problem },
    }
}

/// Returns the providers that `auto` tries, in order. TensorRT and OpenVINO are excluded, because they compile a
/// model for minutes.
fn automatic_providers() -> impl Iterator<Item = Provider> {
    let slow = [Provider::TensorRt, Provider::OpenVino];
    Provider::ALL.into_iter().filter(move |provider| !slow.contains(provider))
}

/// Returns the provider that the ONNX Runtime library should support for the requested device; `None` for the
/// CPU.
pub fn wanted_provider(choice: &DeviceChoice, visible: &VisibleGpus) -> Option<Provider> {
    match choice {
        DeviceChoice::Named { provider, .. } => Some(*provider).filter(|provider| *provider != Provider::Cpu),
        DeviceChoice::Auto => gauge::first_gpu_name(visible).map(|_| Provider::Cuda),
    }
}

/// Predicts the provider that a model will run on, without loading anything.
pub fn expected_provider(choice: &DeviceChoice, places: &LibrarySearchPaths, visible: &VisibleGpus) -> Provider {
    if let DeviceChoice::Named { provider, .. } = choice {
        return *provider;
    }
    let locations = library::preferred_locations(places, wanted_provider(choice, visible));
    let Some(location) = locations.iter().find(|location| location.found.is_some()) else { return Provider::Cpu };
    let is_here = |provider: &Provider| match provider {
        Provider::Cuda => location.providers.contains(provider) && gauge::first_gpu_name(visible).is_some(),
        Provider::Rocm | Provider::MiGraphX => location.providers.contains(provider) && Path::new("/dev/kfd").exists(),
        Provider::DirectMl => location.providers.contains(provider),
        // CoreML is part of the library itself, not a file beside it.
        Provider::CoreMl => cfg!(target_os = "macos"),
        _ => false,
    };
    automatic_providers().find(is_here).unwrap_or(Provider::Cpu)
}

#[cfg(test)]
mod tests {
    use super::super::fake_session::FakeSession;
    use super::*;

    fn pool(ran: Result<(), SessionRunError>) -> SessionPool {
        FakeSession::pool(move |_, _| ran.clone())
    }

    /// A simulated machine with a CUDA device and a CPU.
    struct FakeMachine {
        cuda: fn() -> Result<SessionPool, SessionOpenError>,
        cpu: fn() -> Result<SessionPool, SessionOpenError>,
    }

    impl SessionOpener for FakeMachine {
        fn open_device(&self, provider: Provider, id: u32) -> Result<(Device, SessionPool), SessionOpenError> {
            let pool = match provider {
                Provider::Cuda => (self.cuda)(),
                Provider::Cpu => (self.cpu)(),
                _ => Err(SessionOpenError::NotBuilt),
            }?;
            Ok((Device { provider, id, is_partly_cpu: false }, pool))
        }

        fn open_query_pool(&self) -> Result<Option<SessionPool>, SessionOpenError> {
            (self.cpu)().map(Some)
        }
    }

    fn open(
        choice: &str,
        gpu: Option<&str>,
        cuda: fn() -> Result<SessionPool, SessionOpenError>,
    ) -> Result<OpenedDevices, String> {
        with_cpu(choice, gpu, cuda, || Ok(pool(Ok(()))))
    }

    fn with_cpu(
        choice: &str,
        gpu: Option<&str>,
        cuda: fn() -> Result<SessionPool, SessionOpenError>,
        cpu: fn() -> Result<SessionPool, SessionOpenError>,
    ) -> Result<OpenedDevices, String> {
        let opener = FakeMachine { cuda, cpu };
        let model = ModelDescription { name: "m".into(), dimensions: 1, ..ModelDescription::default() };
        let misfit = |problem: &str| EmbedError::Tokenizer { path: "tokenizer.json".into(), problem: problem.into() };
        let (gpu, library) = (gpu.map(str::to_owned), Path::new("/lib/libonnxruntime.so"));
        let selector = DeviceSelector { opener: &opener, model: &model, gpu, library, last_token: 1, misfit: &misfit };
        let opened = selector.open_devices(&choice.parse().expect("a device"));
        opened.map_err(|error| error.to_string())
    }

    fn names(opened: &OpenedDevices) -> Vec<String> {
        opened.devices.iter().map(|(device, _)| device.to_string()).collect()
    }

    fn broken() -> Result<SessionPool, SessionOpenError> {
        Ok(pool(Err(SessionRunError::Other("CUDA failure 209: no kernel image is available".into()))))
    }

    #[test]
    fn auto_selects_a_working_gpu_and_a_cpu_session_for_queries() {
        let opened = open("auto", Some("H100"), || Ok(pool(Ok(())))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((names(&opened), opened.passed_over.len()), (vec!["CUDA:0".to_owned()], 0));
        assert!(opened.query_pool.is_some());
    }

    #[test]
    fn auto_passes_over_a_gpu_that_opens_but_cannot_compute() {
        let opened = open("auto", Some("H100"), broken).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(names(&opened), ["CPU"]);
        assert!(opened.passed_over[0].contains("CUDA: CUDA failure 209"), "{:?}", opened.passed_over);
        let opened = open("auto", Some("H100"), || Ok(pool(Err(SessionRunError::OutOfMemory))))
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(opened.passed_over[0].contains("too little memory"), "{:?}", opened.passed_over);
        let said = open("cuda", Some("H100"), broken).err().expect("it was requested by name");
        assert!(said.contains("--device cuda is not available: CUDA failure 209"), "{said}");
    }

    #[test]
    fn auto_reports_a_gpu_that_the_library_does_not_support() {
        let opened =
            open("auto", Some("NVIDIA H100"), || Err(SessionOpenError::NotBuilt)).unwrap_or_else(|e| panic!("{e}"));
        let said = &opened.passed_over[0];
        assert!(said.contains("NVIDIA H100") && said.contains("onnxruntime-gpu[cuda,cudnn]"), "{said}");
        let opened = open("auto", None, || Err(SessionOpenError::NotBuilt)).unwrap_or_else(|error| panic!("{error}"));
        assert!(opened.passed_over.is_empty(), "without a GPU there is nothing to report");
    }

    #[test]
    fn a_gpu_is_used_alone_if_the_cpu_cannot_run_the_model() {
        let full =
            || Err(SessionOpenError::Model(EmbedError::Library { path: "a".into(), problem: "b".into(), remedy: "c" }));
        let opened = with_cpu("auto", None, || Ok(pool(Ok(()))), full).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((names(&opened), opened.query_pool.is_none()), (vec!["CUDA:0".to_owned()], true));
    }

    #[test]
    fn an_unknown_token_is_a_tokenizer_error_on_every_device() {
        let unknown = || Ok(pool(Err(SessionRunError::Other("indices element out of data bounds, idx=9".into()))));
        let said = with_cpu("auto", None, || Ok(pool(Ok(()))), unknown).err().expect("the CPU reports it");
        assert!(said.contains("does not fit"), "{said}");
        assert!(open("auto", None, unknown).err().expect("the GPU reports it").contains("does not fit"));
    }

    #[test]
    fn provider_files_without_a_gpu_do_not_predict_a_gpu() {
        let root = tempfile::tempdir().expect("a folder");
        for file in ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll", "libonnxruntime_providers_cuda.so"]
        {
            std::fs::write(root.path().join(file), "").expect("written");
        }
        let places = LibrarySearchPaths { named: Some(root.path().to_owned()), ..LibrarySearchPaths::default() };
        let expected = |choice: &str| {
            let no_gpu = VisibleGpus::parse(Some(""));
            super::expected_provider(&choice.parse().expect("a device"), &places, &no_gpu)
        };
        let auto = if cfg!(target_os = "macos") { Provider::CoreMl } else { Provider::Cpu };
        assert_eq!([expected("auto"), expected("cuda"), expected("cpu")], [auto, Provider::Cuda, Provider::Cpu]);
    }

    #[test]
    fn every_named_gpu_gets_sessions() {
        let opened = open("cuda:0,1", None, || Ok(pool(Ok(())))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(names(&opened), ["CUDA:0", "CUDA:1"]);
    }
}
