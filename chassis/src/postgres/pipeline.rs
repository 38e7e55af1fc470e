//! Several statements, one round trip.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A statement that is sent when it is first polled, as those of the driver are.
pub type Sending<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Sends all of `statements` in their order without waiting in between, then waits for all their
/// answers. The server carries them out in that order too.
///
/// # Errors
/// The first statement's that failed: in a transaction, the cause of all failures after it.
pub async fn pipelined<T, E>(mut statements: Vec<Sending<'_, T, E>>) -> Result<Vec<T>, E> {
    let mut answers: Vec<Option<Result<T, E>>> = statements.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut complete = true;
        for (statement, answer) in statements.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match statement.as_mut().poll(cx) {
                    Poll::Ready(ready) => *answer = Some(ready),
                    Poll::Pending => complete = false,
                }
            }
        }
        if complete { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn all_are_sent_in_order_before_the_first_is_answered() {
        let log = Mutex::new(Vec::new());
        let say = |word: String| log.lock().unwrap().push(word);
        let statement = |number: u32| -> Sending<'_, u32, u32> {
            Box::pin(async move {
                say(format!("send {number}"));
                tokio::task::yield_now().await;
                say(format!("answer {number}"));
                if number.is_multiple_of(2) { Err(number) } else { Ok(number) }
            })
        };
        assert_eq!(pipelined(vec![statement(1), statement(3)]).await, Ok(vec![1, 3]));
        assert_eq!(*log.lock().unwrap(), ["send 1", "send 3", "answer 1", "answer 3"]);
        let failed = pipelined(vec![statement(1), statement(2), statement(4)]).await;
        assert_eq!(failed, Err(2));
    }
}
