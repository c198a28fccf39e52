//! Commands of `docker node`.
use super::{LabelChange, Listing};
use crate::model::{Availability, NodeRole};

/// A command of `docker node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCommand {
    /// `update`.
    Update {
        /// Which.
        node: NodeReference,
        /// What.
        change: NodeChange,
    },
    /// `ls`.
    List(Listing),
    /// `ps`.
    Tasks {
        /// Which.
        nodes: Vec<NodeReference>,
        /// How it is printed.
        listing: Listing,
    },
    /// `inspect`.
    Inspect {
        /// Which.
        nodes: Vec<NodeReference>,
        /// `--pretty`: for a person, not as JSON.
        pretty: bool,
    },
    /// `promote`.
    Promote {
        /// Which, one after the other.
        nodes: Vec<NodeReference>,
    },
    /// `demote`.
    Demote {
        /// Which, one after the other.
        nodes: Vec<NodeReference>,
    },
    /// `rm`.
    Remove {
        /// Which, one after the other.
        nodes: Vec<NodeReference>,
        /// `--force`: even if it is not down.
        force: bool,
    },
}

/// How a command names a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeReference {
    /// `self`: the node of the client's own host.
    Own,
    /// A hostname, an id, or the beginning of an id.
    Name(String),
    /// `w1#2`: the second node object that the host of this name got. It stands for an id that an author cannot
    /// know, when a host has left and joined again.
    Nth {
        /// The host's name.
        hostname: String,
        /// Which of its node objects, from 1.
        number: u32,
    },
}

/// What `docker node update` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChange {
    /// `--role`.
    pub role: Option<NodeRole>,
    /// `--availability`.
    pub availability: Option<Availability>,
    /// `--label-add` and `--label-rm`. Taking away a label that the node lacks is an error of the client.
    pub labels: LabelChange,
}
