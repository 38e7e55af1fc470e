//! Erase a person: what was asked for is kept first and done afterwards, again after a crash, until
//! nothing personal is left. The audit history stays whole: it never held anything personal.

use super::{App, Failure};
use crate::store::erasure::Unreadable;
use crate::store::{self, Erased, Erasure, Pass, Person};

/// How many contacts are looked at together: others' questions wait no longer than for these.
const PORTION: usize = 500;

/// How many erasures are taken up at a time.
const AT_A_TIME: usize = 10;

/// An erasure that was not done is tried again no sooner, in milliseconds.
const SOONEST_AGAIN_MS: i64 = 1_000;

/// And no later.
const LATEST_AGAIN_MS: i64 = 3_600_000;

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
            pass: Pass::default(),
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

    /// Does what was asked for, is not done and has its turn; how many erasures are done by that. One
    /// that is not has its turn again after as long as it is open already, so none keeps another from
    /// beginning.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]; what is left will be found again.
    pub async fn erase_open(&self) -> Result<usize, Failure> {
        let open = self.store.open_erasures(self.now(), AT_A_TIME).await?;
        if open.is_empty() {
            return Ok(0);
        }
        let (mut whole, mut failed) = (Vec::new(), None);
        for erasure in open {
            // One that cannot be done holds up no other.
            match self.erase(&erasure).await {
                Ok(Pass { unreadable: 0, .. }) => whole.push(erasure.erasure_id),
                Ok(_) => {}
                Err(cause) => failed = Some(cause),
            }
        }
        // The mail address of a restaurant may have been one of theirs.
        self.restaurants.forget_all();
        let number = whole.len();
        if number > 0 {
            self.store.close_erasures(whole, self.now()).await?;
        }
        failed.map_or(Ok(number), |cause| Err(cause.into()))
    }

    /// Goes through all contacts once, and notes what that came to, however it ends.
    async fn erase(&self, erasure: &Erasure) -> Result<Pass, store::Error> {
        // Who is forgotten has nothing left to look for: that was only not said yet.
        let mut pass = erasure.person.as_ref().map_or(erasure.pass, |_| Pass::default());
        let passed = self.pass_through(erasure, &mut pass).await;
        let now = self.now();
        let open_for_ms = now.0.saturating_sub(erasure.requested_at.0) / 1_000;
        let next = now.plus_ms(open_for_ms.clamp(SOONEST_AGAIN_MS, LATEST_AGAIN_MS));
        self.store.end_pass(erasure.erasure_id.clone(), pass, next).await?;
        passed.and(Ok(pass))
    }

    async fn pass_through(&self, erasure: &Erasure, pass: &mut Pass) -> Result<(), store::Error> {
        let mut next = Some(String::new());
        while let Some(after) = next {
            let looked_at = self.store.erase_portion(erasure.clone(), after, PORTION).await?;
            pass.scanned += looked_at.scanned;
            pass.unreadable += looked_at.unreadable.len() as i64;
            for Unreadable { kind, id, cause } in looked_at.unreadable {
                let erasure = &erasure.erasure_id;
                tracing::warn!(kind, id, erasure, error = %cause,
                    "It cannot be read whose this is: it is left, and an erasure stays open");
            }
            next = looked_at.last;
        }
        Ok(())
    }
}
