//! The `swarm-sim` command.
fn main() {}
