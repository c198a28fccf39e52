//! Words for objects that text tests of several components use.
use crate::model::{
    HostId, Node, NodeId, NodeRole, NodeState, NodeStatus, PortConfig, PublishMode, TransportProtocol,
};
use crate::protocol::ManagerStatus;

/// `8080:80`, `8080:80/udp` or `8080:80/tcp/host`.
pub(crate) fn port(text: &str) -> PortConfig {
    let mut parts = text.split('/');
    let numbers = parts.next().and_then(|numbers| numbers.split_once(':'));
    let (published, target) = numbers.expect("published:target");
    let mut port = PortConfig {
        name: String::new(),
        protocol: TransportProtocol::Tcp,
        target_port: target.parse().expect("a port"),
        published_port: published.parse().expect("a port"),
        publish_mode: PublishMode::Ingress,
    };
    for part in parts {
        match part {
            "ingress" => port.publish_mode = PublishMode::Ingress,
            "host" => port.publish_mode = PublishMode::Host,
            _ => {
                let protocol = TransportProtocol::from_name(part);
                port.protocol = protocol.unwrap_or_else(|| panic!("no protocol and no mode: {part}"));
            }
        }
    }
    port
}

/// `m1`, `m1:leader` or `m2:unreachable`: the name of a manager, and how it is.
pub(crate) fn manager(word: &str) -> (&str, ManagerStatus) {
    let (name, mark) = word.split_once(':').unwrap_or((word, ""));
    (name, ManagerStatus { leader: mark == "leader", reachable: mark != "unreachable" })
}

/// A worker that is READY, on the host of its number.
pub(crate) fn ready_node(id: NodeId) -> Node {
    Node {
        status: NodeStatus { state: NodeState::Ready, ..NodeStatus::default() },
        ..Node::new(id, HostId(id.0), NodeRole::Worker)
    }
}
