//! What a docker client asks the swarm for, and what it is told.
//!
//! A request names objects as the user did; the manager that executes it finds out what is meant. Answers carry
//! the objects themselves: turning them into text is the client's affair, as it knows the seed and the time.
pub(crate) mod decimal;
mod engine;
mod error;
mod members;
mod network_error;
mod request;
mod response;
mod spec_error;

pub(crate) use engine::{EngineInfo, EngineRequest, EngineResponse, LocalState};
pub use error::{ApiError, ObjectKind};
pub use members::{ManagerStatus, MemberList};
pub use network_error::NetworkError;
pub use request::{ApiRead, ApiRequest, ApiWrite, Filters, NodeQuery};
pub use response::{ApiResponse, NodeListing, ServiceDetails, ServiceListing, SwarmDetails, TaskListing};
pub use spec_error::SpecError;
