//! Selection of the devices that run a model.
//!
//! If a device requested by name is not available, opening the model fails. `auto` may fall back to another device and
//! records the reasons. Every selected device has run one token successfully. The name of a device shows whether some
//! operators run on the CPU instead.

use std::path::Path;

use config::{DeviceChoice, Provider};
use embed::EmbedError;
use hub::ModelDescription;

use super::device::Device;
use super::providers;
use super::session_opener::{SessionOpenError, SessionOpener};
use crate::runtime::errors::{self, INSTALL_CUDA_PROVIDER, MessageCause};
use crate::session::model_session::SessionRunError;
use crate::session::pool::SessionPool;

/// The selected devices with their sessions, and the reasons for passing over others.
pub struct OpenedDevices {
    pub devices: Vec<(Device, SessionPool)>,
    /// A session on the CPU for queries. `None` if the CPU is one of the devices, if it cannot run the model, or if the
    /// weights exceed a quarter of the memory limit.
    pub query_pool: Option<SessionPool>,
    /// Reasons why `auto` passed over preferred devices.
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
    /// Returns the error for a model that does not know `last_token`, given ONNX Runtime's message.
    pub misfit: &'c dyn Fn(&str) -> EmbedError,
}

impl DeviceSelector<'_> {
    /// Opens sessions on each named device, or for `auto` on the first device that works, and runs one token on each.
    ///
    /// # Errors
    /// Fails if a device requested by name is not available, if no device works, or if the model does not load or does
    /// not fit the tokenizer.
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
        for provider in providers::automatic_providers() {
            match self.open_and_try(provider, 0) {
                Ok(opened) => return Ok(OpenedDevices { devices: vec![opened], query_pool: None, passed_over }),
                Err(error @ SessionOpenError::Model(_)) => return Err(self.to_embed_error(error, &DeviceChoice::Auto)),
                Err(error) if provider == Provider::Cpu => return Err(self.to_embed_error(error, &DeviceChoice::Auto)),
                Err(SessionOpenError::NotBuilt) => {
                    // The missing provider is reported only if there is a GPU for it.
                    if let (Provider::Cuda, Some(gpu)) = (provider, &self.gpu) {
                        let library = self.library.display();
                        passed_over.push(format!(
                            "{provider}: there is an {gpu}, but {library} was built without CUDA; {INSTALL_CUDA_PROVIDER}"
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
            TrialError::Failed(error) => SessionOpenError::Model(device.call_error(error, &self.model.name, 1)),
        })?;
        Ok((device, pool))
    }

    /// Opens the CPU session for queries. Returns `None` if the model is too large or the CPU cannot run it; the device
    /// then embeds queries.
    ///
    /// # Errors
    /// Fails if the tokenizer does not fit the model.
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

    /// Runs the token with the tokenizer's largest ID. If the model fails on this token but can run token 0, it has no
    /// embedding for the token, so the tokenizer belongs to another model.
    fn run_trial(&self, pool: &mut SessionPool) -> Result<(), TrialError> {
        let mut run_token = |token: u32| {
            let row: &[u32] = &[token];
            pool.run(&[row], true).and_then(|output| output.vectors(&[row], self.model).map(drop))
        };
        match run_token(self.last_token) {
            Ok(()) => Ok(()),
            Err(SessionRunError::Other(problem)) if run_token(0).is_ok() => {
                Err(TrialError::Misfit((self.misfit)(&problem)))
            }
            Err(error) => Err(TrialError::Failed(error)),
        }
    }

    /// Converts the error of opening the requested devices, and appends the remedy if one is known. An error of the
    /// model stays as it is.
    fn to_embed_error(&self, error: SessionOpenError, choice: &DeviceChoice) -> EmbedError {
        let install_hint = match choice {
            DeviceChoice::Named { provider, .. } if provider.is_nvidia() => format!("; {INSTALL_CUDA_PROVIDER}"),
            _ => String::new(),
        };
        let problem = match error {
            SessionOpenError::Model(error) => return error,
            SessionOpenError::NotBuilt => {
                format!("the ONNX Runtime library {} was built without it{install_hint}", self.library.display())
            }
            SessionOpenError::Device(problem) => match errors::recognize_cause(&problem) {
                Some(MessageCause::MissingDriver) => format!("{problem}; the NVIDIA driver is missing"),
                Some(MessageCause::MissingLibrary) => format!("{problem}{install_hint}"),
                Some(MessageCause::OutOfMemory) | None => problem,
            },
        };
        EmbedError::Device { device: choice.to_string(), problem }
    }
}

/// The reason why a newly opened session failed to run one token.
enum TrialError {
    /// The tokenizer belongs to another model.
    Misfit(EmbedError),
    Failed(SessionRunError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::fake_session::FakeSession;

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
        let unknown = || {
            Ok(FakeSession::pool(|rows, _| match rows[0] {
                [0] => Ok(()),
                token => Err(SessionRunError::Other(format!("indices element out of data bounds, idx={}", token[0]))),
            }))
        };
        let said = with_cpu("auto", None, || Ok(pool(Ok(()))), unknown).err().expect("the CPU reports it");
        assert!(said.contains("does not fit"), "{said}");
        assert!(open("auto", None, unknown).err().expect("the GPU reports it").contains("does not fit"));
    }

    #[test]
    fn every_named_gpu_gets_sessions() {
        let opened = open("cuda:0,1", None, || Ok(pool(Ok(())))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(names(&opened), ["CUDA:0", "CUDA:1"]);
    }
}
