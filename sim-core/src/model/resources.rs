//! CPU, memory and generic resources of nodes and reservations (spec scheduler 6).
use crate::kernel::{Digest, StateDigest};

/// A user-defined resource: a number of equal things, or one thing with a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GenericResource {
    /// So many of a kind.
    Discrete {
        /// What it is, such as `gpu`.
        kind: String,
        /// How many.
        value: i64,
    },
    /// One of a kind, by name. A node with several has an entry for each.
    Named {
        /// What it is, such as `gpu`.
        kind: String,
        /// Which one, such as `uuid-1`.
        value: String,
    },
}

impl GenericResource {
    /// What it is, such as `gpu`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            GenericResource::Discrete { kind, .. } | GenericResource::Named { kind, .. } => kind,
        }
    }
}

/// What a node has, or what of it is still free. Free amounts can be negative on an over-committed node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU time in billionths of a CPU.
    pub nano_cpus: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// User-defined resources, in the node's order.
    pub generic: Vec<GenericResource>,
}

/// What a task reserves. The same shape as [`Resources`]; only discrete generic amounts can be had.
pub type Reservations = Resources;

/// Operating system and processor of a node or an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// Such as `linux`. In a task's list of platforms an empty text matches all.
    pub os: String,
    /// Such as `x86_64`. In a task's list of platforms an empty text matches all.
    pub architecture: String,
}

impl StateDigest for GenericResource {
    fn digest(&self, digest: &mut Digest) {
        match self {
            GenericResource::Discrete { kind, value } => {
                digest.u8(0);
                digest.text(kind);
                digest.i64(*value);
            }
            GenericResource::Named { kind, value } => {
                digest.u8(1);
                digest.text(kind);
                digest.text(value);
            }
        }
    }
}

impl StateDigest for Resources {
    fn digest(&self, digest: &mut Digest) {
        let Self { nano_cpus, memory_bytes, generic } = self;
        digest.i64(*nano_cpus);
        digest.i64(*memory_bytes);
        generic.digest(digest);
    }
}

impl StateDigest for Platform {
    fn digest(&self, digest: &mut Digest) {
        let Self { os, architecture } = self;
        digest.text(os);
        digest.text(architecture);
    }
}
