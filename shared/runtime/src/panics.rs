//! What becomes of a panic: a line in the log that says where it was, and an error for whoever waits.
//!
//! A message that was formatted may hold a cell of a user's file (that of a text cut between two bytes of a letter
//! does), so only messages that stand in the program's text are told.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What stands for a message that was formatted.
const UNTOLD: &str = "a message that may hold data, and is left out";

/// Lets panics be told by the log alone, as one line, in place of the several lines of text on standard error.
pub(crate) fn tell_the_log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, panic = message(panic.payload()), "panicked: this is a defect of the program");
    }));
}

/// The message, where it is one of the program's text.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &'static str {
    panic.downcast_ref::<&'static str>().copied().unwrap_or(UNTOLD)
}

/// Runs a future to its end, or to its panic, whose message is the error.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, &'static str> {
    let mut future = pin!(future);
    // What a future that panicked has left behind is not looked at again: it is dropped.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(message(&*panic))),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end<T>(future: impl Future<Output = T>) -> Result<T, &'static str> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(caught(future))
    }

    #[test]
    fn only_messages_of_the_program_are_told() {
        assert_eq!(end(async { 1 }), Ok(1));
        assert_eq!(end(async { panic!("out of order") }), Err::<(), _>("out of order"));
        let cell = String::from("https://secret.example/é");
        let cut = async move {
            tokio::task::yield_now().await;
            cell[..cell.len() - 1].len()
        };
        assert_eq!(end(cut), Err(UNTOLD));
    }
}
