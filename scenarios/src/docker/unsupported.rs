//! What docker has and the simulator has not, so that an error can say so.

use sim_core::client::is_simulated;
use sim_core::model::DockerCommand;

/// Commands of docker that the simulator lacks, with a hint. An empty hint: there is nothing to use in its place.
const COMMANDS: &[(&str, &str)] = &[
    ("service logs", "what programs print is not simulated"),
    ("swarm unlock", "locked managers are not simulated"),
    ("swarm unlock-key", "locked managers are not simulated"),
    ("network connect", "only services use networks here"),
    ("network disconnect", "only services use networks here"),
    ("network prune", "name the networks: `network rm`"),
    ("stack", "write the services of the stack as `service create` commands"),
    ("kill", "end a container with `fault: { kill_task: web.1 }`"),
    ("stop", "end a container with `fault: { kill_task: web.1 }`"),
    ("rm", "end a container with `fault: { kill_task: web.1 }`"),
    ("container", "containers belong to tasks here: `service ps` and `node ps` list those"),
    ("run", "containers belong to services here: `service create`"),
    ("create", "containers belong to services here: `service create`"),
    ("pull", "what hosts have at the start is said by `cached` of an image"),
    ("logs", "what programs print is not simulated"),
    ("secret", ""),
    ("config", ""),
    ("volume", ""),
    ("plugin", ""),
    ("image", ""),
    ("images", ""),
    ("exec", ""),
    ("inspect", "`service inspect`, `node inspect` and `network inspect` exist"),
    ("start", ""),
    ("restart", ""),
    ("pause", "`node update --availability pause` exists"),
    ("unpause", ""),
    ("stats", ""),
    ("top", ""),
    ("events", "the trace has all events"),
    ("system", "`info` exists"),
    ("version", ""),
    ("login", ""),
    ("build", ""),
    ("push", ""),
    ("compose", ""),
    ("context", ""),
    ("update", "`service update` and `node update` exist"),
    ("wait", ""),
    ("attach", ""),
    ("checkpoint", ""),
];

/// Flags of docker that the simulator lacks, by the command that has them; those before any command come first.
const FLAGS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "--config",
            "--context",
            "-c",
            "--debug",
            "-D",
            "--host",
            "-H",
            "--log-level",
            "-l",
            "--tls",
            "--tlscacert",
            "--tlscert",
            "--tlskey",
            "--tlsverify",
            "--version",
            "-v",
        ],
    ),
    (
        "service create",
        &["--credential-spec", "--env-file", "--secret", "--config", "--memory-swap", "--memory-swappiness"],
    ),
    (
        "service update",
        &[
            "--credential-spec",
            "--secret-add",
            "--secret-rm",
            "--config-add",
            "--config-rm",
            "--memory-swap",
            "--memory-swappiness",
            "--cap-add",
            "--cap-drop",
            "--group-add",
            "--group-rm",
            "--sysctl-add",
            "--sysctl-rm",
            "--ulimit-add",
            "--ulimit-rm",
            "--max-concurrent",
        ],
    ),
    ("service ls", &["--format"]),
    ("service ps", &["--format"]),
    ("service inspect", &["--format", "-f"]),
    ("node ls", &["--format"]),
    ("node ps", &["--format"]),
    ("node inspect", &["--format", "-f"]),
    (
        "network create",
        &[
            "--scope",
            "--config-only",
            "--config-from",
            "--ipam-driver",
            "--ipam-opt",
            "--ip-range",
            "--aux-address",
            "--ipv4",
            "--ipv6",
        ],
    ),
    ("network ls", &["--format"]),
    ("network inspect", &["--format", "-f", "--verbose", "-v"]),
    (
        "swarm init",
        &[
            "--listen-addr",
            "--data-path-addr",
            "--data-path-port",
            "--autolock",
            "--default-addr-pool",
            "--default-addr-pool-mask-length",
            "--max-snapshots",
            "--external-ca",
        ],
    ),
    ("swarm join", &["--listen-addr", "--data-path-addr"]),
    ("swarm update", &["--autolock", "--max-snapshots", "--external-ca"]),
    ("swarm ca", &["--ca-cert", "--ca-key", "--cert-expiry", "--external-ca"]),
    ("ps", &["--format", "--last", "-n", "--latest", "-l", "--size", "-s"]),
    ("info", &["--format", "-f"]),
];

/// The hint for a command that can be written down but not run.
pub(super) fn by_the_core(command: &DockerCommand) -> Option<&'static str> {
    match command {
        _ if is_simulated(command) => None,
        DockerCommand::Swarm(_) => {
            Some("certificates have no contents here, and one root that never changes")
        }
        DockerCommand::ContainerList { .. } => Some("`service ps` tells more"),
        DockerCommand::Service(_)
        | DockerCommand::Node(_)
        | DockerCommand::Network(_)
        | DockerCommand::Info => None,
    }
}

/// The hint for a command that docker has and the simulator lacks.
pub(super) fn command(path: &str) -> Option<&'static str> {
    let of_path = |known: &&(&str, &str)| path == known.0 || path.starts_with(&format!("{} ", known.0));
    COMMANDS.iter().find(of_path).map(|(_, hint)| *hint)
}

/// True if docker's command has the flag.
pub(super) fn has_flag(path: &str, flag: &str) -> bool {
    FLAGS.iter().any(|(known, flags)| *known == path && flags.contains(&flag))
}
