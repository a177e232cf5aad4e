//! Doing a stage's calculations away from the threads that wait for stores.

use crate::{Error, Stage};

/// Runs `work` on a thread that may be busy.
pub(crate) async fn calculate<T: Send + 'static>(
    stage: Stage,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let reason = match error.try_into_panic() {
            Ok(panic) => said(&*panic),
            Err(error) => error.to_string(),
        };
        Err(Error::BrokenOff { stage, reason })
    })
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_in_words() {
        let done = calculate(Stage::Fit, || Ok(1)).await;
        assert!(matches!(done, Ok(1)));
        let error = calculate::<()>(Stage::Fit, || panic!("{} rows", 3)).await.unwrap_err();
        assert_eq!(error.to_string(), "the work of stage fit was broken off: 3 rows");
    }
}
