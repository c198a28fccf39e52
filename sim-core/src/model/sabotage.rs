//! Defects that a test puts in on purpose, to show that the invariants find them.
//!
//! Only a build with the feature `sabotage` can choose one; in every other build [`Sabotage::is`] is always false.

/// A defect of the cluster, named after what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A candidate asks for votes in a term that has had its election, and gets them.
    ReuseTerm,
    /// A voter does not look at the candidate's log.
    VoteForShortLog,
    /// A follower keeps entries that differ from its leader's.
    KeepConflicts,
    /// A leader takes what it alone has stored for committed.
    CommitAlone,
    /// A follower leaves some committed change sets out of its store.
    SkipChanges,
    /// A disk loses the commit index when its process ends.
    ForgetCommit,
    /// A change of the Raft role names a cause that lies in the future.
    InventCause,
    /// A manager does not tell its control loops what brought the changes that they hear of.
    ForgetCause,
    /// A leader's first writer never gives the store's lock back.
    KeepLock,
    /// The allocator lets tasks go on without addresses.
    ForgetAddresses,
    /// The allocator gives nodes no address on the network of the routing mesh.
    ForgetIngress,
    /// A node takes back that a backend is disabled.
    ReviveBackends,
    /// A node keeps backends of which it hears that they are gone.
    KeepBackends,
    /// Traffic forgets requests that are given up.
    ForgetRequests,
    /// A container that has ended answers requests.
    AnswerWhenDead,
}

/// The defect of a run, normally none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sabotage(#[cfg(feature = "sabotage")] Option<Defect>);

impl Sabotage {
    /// A run with a defect.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub const fn of(defect: Defect) -> Self {
        Sabotage(Some(defect))
    }

    /// Whether this is the defect of the run.
    #[cfg(feature = "sabotage")]
    pub(crate) fn is(self, defect: Defect) -> bool {
        self.0 == Some(defect)
    }

    /// Whether this is the defect of the run, which has none.
    #[cfg(not(feature = "sabotage"))]
    pub(crate) const fn is(self, _defect: Defect) -> bool {
        false
    }
}
