//! The check of the installed models.

use crate::check::DoctorCheck;
use config::ModelSettings;
use engine::models::{self, ModelSource};

/// Reports the models on this machine, or the problem of the first installed one that cannot be used.
pub fn check_models(models: &ModelSettings) -> DoctorCheck {
    let listed = match models::list_models(models) {
        Ok(listed) => listed,
        Err(error) => {
            return DoctorCheck::fail("models", error.to_string(), "check the permissions of the models folder");
        }
    };
    let broken =
        listed.iter().find_map(|model| model.problem.as_ref().filter(|_| model.source == ModelSource::Installed));
    let here: Vec<&str> = listed.iter().filter(|model| model.here.is_some()).map(|model| model.name.as_str()).collect();
    if let Some(problem) = broken {
        return DoctorCheck::warn("models", problem.clone(), "run codescry models install or codescry models remove");
    }
    let folder = models.models_dir.display();
    match here.as_slice() {
        [] => DoctorCheck::ok("models", format!("the built-in model; no others in {folder}")),
        here => DoctorCheck::ok("models", format!("the built-in model and {} ({folder})", here.join(", "))),
    }
}
