//! Erase a person: what was asked for is kept first and done afterwards, again after a crash, until
//! nothing personal is left. The audit history stays whole: it never held anything personal.

use super::{App, Failure};
use crate::store::{Erased, Erasure, Person};

/// How many rows one transaction looks at: others' commits wait no longer than for these.
const PORTION: usize = 500;

/// How many erasures are taken up at a time.
const AT_A_TIME: usize = 10;

impl App {
    /// Asks for somebody to be erased, durably. The same `erasure_id` again is the same erasure.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn ask_erasure(&self, erasure_id: &str, person: Person) -> Result<Erasure, Failure> {
        let erasure = Erasure {
            erasure_id: erasure_id.to_owned(),
            person: Some(person),
            requested_at: self.now(),
            done_at: None,
            erased: Erased::default(),
        };
        self.store.ask_erasure(erasure.clone()).await?;
        Ok(self.erasure(erasure_id).await?.unwrap_or(erasure))
    }

    /// How far an erasure has come.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn erasure(&self, erasure_id: &str) -> Result<Option<Erasure>, Failure> {
        Ok(self.store.erasure(erasure_id.to_owned()).await?)
    }

    /// Does what was asked for and is not done; how many erasures.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; what is left will be found again.
    pub async fn erase_open(&self) -> Result<usize, Failure> {
        let open = self.store.open_erasures(AT_A_TIME).await?;
        let number = open.len();
        let mut failed = None;
        for erasure in open {
            // One that cannot be done holds up no other.
            failed = self.erase(erasure).await.err().or(failed);
        }
        failed.map_or(Ok(number), Err)
    }

    async fn erase(&self, erasure: Erasure) -> Result<(), Failure> {
        let mut after = String::new();
        while let Some(next) = self.store.erase_portion(erasure.clone(), after, PORTION).await? {
            after = next;
        }
        let closed = self.store.close_erasure(erasure.erasure_id, self.now()).await;
        // The mail address of a restaurant may have been that person's.
        self.restaurants.forget_all();
        Ok(closed?)
    }
}
