//! Leases as a store keeps them: who does the work that only one instance may do at a time.

use std::sync::Arc;

/// A lease as somebody holds it, or held it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// Names the work.
    pub name: Arc<str>,
    /// Larger for each new holder: who shows a smaller one than is stored has lost the lease.
    pub token: i64,
}

/// What an instance wants of leases.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Names the instance: nobody else, nor the same process after a restart.
    pub owner: String,
    /// Names the work.
    pub names: Vec<Arc<str>>,
    /// For how long, in milliseconds.
    pub for_ms: i64,
}

/// How leases and instances stand at one moment, as one of the instances sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Those that were prolonged.
    pub held: Vec<Lease>,
    /// Names of those that anybody holds.
    pub taken: Vec<Arc<str>>,
    /// How many instances are alive, this one among them.
    pub instances: usize,
    /// How many of these have been for a while.
    pub settled: usize,
}
