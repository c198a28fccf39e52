//! The commands of the allocator's text tests.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bench::{Bench, World};
use crate::kernel::SimDuration;
use crate::manager::loops::LoopSettings;
use crate::model::*;
use crate::protocol::LoopKind;
use crate::store::{ChangeSet, ObjectChange, StoreError, Transaction};
use crate::text_test::objects::{port, ready_node};
use crate::text_test::{Command, split_words, values};

/// A bench with an allocator, and what the script calls its objects.
pub(super) struct Script {
    bench: Bench,
    names: Names,
}

/// What the allocator wrote since the last time, with names for ids.
#[derive(Default)]
struct Names {
    nodes: BTreeMap<String, NodeId>,
    services: BTreeMap<String, ServiceId>,
    tasks: BTreeMap<String, TaskId>,
    networks: BTreeMap<String, NetworkId>,
    /// True while the script itself writes.
    own: bool,
    written: Vec<String>,
}

impl World for Names {
    fn committed(&mut self, changes: &ChangeSet, _bench: &mut Bench) {
        if !std::mem::take(&mut self.own) {
            let lines: Vec<String> = changes.iter().map(|change| self.describe(&change.object)).collect();
            self.written.extend(lines);
        }
    }

    fn alarm(&mut self, alarm: u64, _bench: &mut Bench) {
        unreachable!("nobody has set alarm {alarm}");
    }
}

impl Script {
    pub(super) fn new() -> Self {
        let bench = Bench::new(&[LoopKind::Allocator], &LoopSettings::default());
        Script { bench, names: Names::default() }
    }

    /// `do` is one transaction of all lines of its body, anything else one action. The answer is what the allocator
    /// wrote.
    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        match command.name {
            "new" => *self = Script::new(),
            "start" => self.bench.start(),
            "stop" => self.bench.stop(),
            "run" => self.pass(SimDuration::from_secs(command.words[0].parse().expect("seconds"))),
            "do" => self.transact(&command.body),
            other => panic!("no command {other}"),
        }
        self.pass(SimDuration::ZERO);
        let written = std::mem::take(&mut self.names.written);
        if written.is_empty() { "nothing".to_owned() } else { written.join("\n") }
    }

    fn pass(&mut self, span: SimDuration) {
        self.bench.run_until(self.bench.now() + span, &mut self.names);
    }

    fn transact(&mut self, lines: &[&str]) {
        let Script { bench, names } = self;
        names.own = true;
        let done: Result<(), StoreError> =
            bench.transact(|t| lines.iter().try_for_each(|line| names.line(&split_words(line), t)));
        done.expect("the script's own writes succeed");
    }
}

impl Names {
    fn line(&mut self, words: &[String], t: &mut Transaction<'_>) -> Result<(), StoreError> {
        let name = words[1].clone();
        match words[0].as_str() {
            "network" => {
                let id = t.mint_network();
                self.networks.insert(name, id);
                t.create_network(Network::new(id, network_spec(words)))
            }
            "touch-network" => {
                let network = Network::clone(t.store().network(self.networks[&name]).expect("a network"));
                t.update_network(network)
            }
            "delete-network" => t.delete_network(self.networks[&name]),
            "node" => {
                let id = t.mint_node();
                self.nodes.insert(name, id);
                t.create_node(ready_node(id))
            }
            "node-down" => {
                let mut node = Node::clone(t.store().node(self.nodes[&name]).expect("a node"));
                node.status.state = NodeState::Down;
                t.update_node(node)
            }
            "delete-node" => t.delete_node(self.nodes[&name]),
            "service" => {
                let id = t.mint_service();
                self.services.insert(name, id);
                t.create_service(self.service(id, words))
            }
            "set" => {
                let service = Service::clone(t.store().service(self.services[&name]).expect("a service"));
                let spec = self.service(service.id, words).spec;
                t.update_service(Service { spec, ..service })
            }
            "delete-service" => t.delete_service(self.services[&name]),
            "task" => {
                let id = t.mint_task();
                self.tasks.insert(name, id);
                let task = self.task(id, words, t);
                t.create_task(task)
            }
            "touch-task" => self.change_task(&name, t, |_| {}),
            "assign" => {
                let node = Some(self.nodes[&words[2]]);
                self.change_task(&name, t, |task| {
                    task.node = node;
                    task.status.state = TaskState::Assigned;
                })
            }
            "state" => {
                let state = TaskState::from_name(&words[2]).expect("a state");
                self.change_task(&name, t, |task| task.status.state = state)
            }
            "stop-task" => self.change_task(&name, t, |task| task.desired_state = TaskState::Shutdown),
            "delete-task" => t.delete_task(self.tasks[&name]),
            other => panic!("no line {other}"),
        }
    }

    fn change_task(
        &self,
        name: &str,
        t: &mut Transaction<'_>,
        change: impl FnOnce(&mut Task),
    ) -> Result<(), StoreError> {
        let mut task = Task::clone(t.store().task(self.tasks[name]).expect("a task"));
        change(&mut task);
        t.update_task(task)
    }

    fn task_spec(&self, words: &[String]) -> TaskSpec {
        let networks = values(words, "networks").flat_map(|list| list.split(','));
        let wish =
            |name: &str| spec::NetworkAttachmentConfig { network: self.networks[name], aliases: Vec::new() };
        TaskSpec { networks: networks.map(wish).collect(), ..TaskSpec::default() }
    }

    /// `networks=A,B mode=dnsrr publish=8080:80/tcp`; `automatic=3` is `publish=0:1 publish=0:2 publish=0:3`;
    /// `vips=ingress:10.0.0.5` and `ports=...` are what it has already, `no-endpoint` leaves the wish out.
    fn service(&self, id: ServiceId, words: &[String]) -> Service {
        let automatic =
            values(words, "automatic").flat_map(|count| 1..=count.parse::<u16>().expect("a number"));
        let automatic = automatic.map(|target| port(&format!("0:{target}")));
        let ports: Vec<PortConfig> = values(words, "publish").map(port).chain(automatic).collect();
        let mode = match values(words, "mode").next() {
            Some("dnsrr") => EndpointMode::DnsRoundRobin,
            Some(_) | None => EndpointMode::Vip,
        };
        let wanted = !words.contains(&"no-endpoint".to_owned());
        let spec = ServiceSpec {
            annotations: Annotations { name: words[1].clone(), ..Annotations::default() },
            task: Arc::new(self.task_spec(words)),
            mode: ServiceMode::Replicated { replicas: 1 },
            update: None,
            rollback: None,
            endpoint: wanted.then_some(EndpointSpec { mode, ports }),
        };
        let virtual_ips: Vec<VirtualIp> = values(words, "vips")
            .map(|text| {
                let (network, address) = self.attached(text);
                VirtualIp { network, address: Some(address) }
            })
            .collect();
        let has: Vec<PortConfig> = values(words, "ports").map(port).collect();
        let endpoint = (!virtual_ips.is_empty() || !has.is_empty()).then(|| {
            let wish = spec.endpoint.clone().unwrap_or_default();
            Arc::new(Endpoint { spec: wish, ports: has, virtual_ips })
        });
        Service { endpoint, ..Service::new(id, Arc::new(spec)) }
    }

    fn attached(&self, text: &str) -> (NetworkId, std::net::Ipv4Addr) {
        let (network, address) = text.split_once(':').expect("network:address");
        (self.networks[network], address.parse().expect("an address"))
    }

    /// `service=web node=n1 state=RUNNING networks=A has=A:10.0.1.5`
    fn task(&self, id: TaskId, words: &[String], t: &Transaction<'_>) -> Task {
        let service = values(words, "service").next().map(|name| self.services[name]);
        let stored = service.and_then(|id| t.store().service(id));
        let spec =
            stored.map_or_else(|| Arc::new(self.task_spec(words)), |stored| Arc::clone(&stored.spec.task));
        let mut task = Task::new(id, spec, t.now());
        task.service = service;
        task.node = values(words, "node").next().map(|name| self.nodes[name]);
        if let Some(state) = values(words, "state").next() {
            task.status.state = TaskState::from_name(state).expect("a state");
        }
        for text in values(words, "has") {
            let (network, address) = self.attached(text);
            let network = Arc::clone(t.store().network(network).expect("a network"));
            let attachment = NetworkAttachment::to(network);
            task.networks.push(NetworkAttachment { addresses: vec![address], ..attachment });
        }
        // An attachment to a network that is yet to be created.
        if values(words, "awaits").next().is_some() {
            let network = Network::new(NetworkId(self.networks.len() as u32), NetworkSpec::default());
            task.networks.push(NetworkAttachment::to(Arc::new(network)));
        }
        task
    }

    fn describe(&self, change: &ObjectChange) -> String {
        match change {
            ObjectChange::Network(delta) => {
                let network = delta.object();
                let subnets =
                    network.allocated.iter().flatten().map(|AllocatedSubnet { subnet, gateway, vxlan }| {
                        format!(" {subnet} gateway {gateway} vxlan {vxlan}")
                    });
                let subnets: String = subnets.collect();
                format!("network {}:{}", network.name(), or_none(subnets))
            }
            ObjectChange::Service(delta) => self.describe_service(delta.object()),
            ObjectChange::Task(delta) => {
                let task = delta.object();
                let name = name_of(&self.tasks, task.id);
                format!("task {name}: {}{}", task.status.state, self.attachments(&task.networks))
            }
            ObjectChange::Node(delta) => {
                let node = delta.object();
                let name = name_of(&self.nodes, node.id);
                format!("node {name}:{}", or_none(self.attachments(&node.attachments)))
            }
            ObjectChange::Cluster(_) => unreachable!("the allocator writes no cluster"),
        }
    }

    fn describe_service(&self, service: &Service) -> String {
        let endpoint = service.endpoint.clone().unwrap_or_default();
        let text = match &endpoint.ports[..] {
            // All that are many are alike.
            [first, .., last] if endpoint.ports.len() > 8 => {
                format!(" {} from{} to{}", endpoint.ports.len(), describe_port(first), describe_port(last))
            }
            few => few.iter().map(describe_port).collect(),
        };
        let is_copied = service.endpoint.as_ref().zip(service.spec.endpoint.as_ref());
        let is_copied = is_copied.is_none_or(|(endpoint, wanted)| endpoint.spec == *wanted);
        let ports = if is_copied { or_none(text) } else { format!("{} of an earlier spec", or_none(text)) };
        let addresses = endpoint.virtual_ips.iter().map(|VirtualIp { network, address }| {
            let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
            format!(" {}={address}", name_of(&self.networks, *network))
        });
        let addresses: String = addresses.collect();
        format!("service {}: ports{ports} addresses{}", service.name(), or_none(addresses))
    }

    fn attachments(&self, attachments: &[NetworkAttachment]) -> String {
        let one = |attachment: &NetworkAttachment| {
            let addresses = attachment.addresses.iter().map(|address| address.to_string());
            let addresses: Vec<String> = addresses.collect();
            format!(" {}={}", attachment.network.name(), addresses.join(","))
        };
        attachments.iter().map(one).collect()
    }
}

fn describe_port(port: &PortConfig) -> String {
    let PortConfig { protocol, target_port, published_port, publish_mode, .. } = port;
    format!(" {published_port}:{target_port}/{}/{}", protocol.name(), publish_mode.name())
}

fn or_none(text: String) -> String {
    if text.is_empty() { " none".to_owned() } else { text }
}

fn name_of<I: PartialEq>(names: &BTreeMap<String, I>, id: I) -> &str {
    names.iter().find(|(_, known)| **known == id).expect("the script made it").0
}

/// `mesh driver=bridge ipam=other subnet=10.9.0.0/29 gateway=10.9.0.3 vxlan=328`
fn network_spec(words: &[String]) -> NetworkSpec {
    let get = |key| values(words, key).next();
    let mut gateways = values(words, "gateway").map(|text| text.parse().expect("an address"));
    let subnets = values(words, "subnet").map(|text| {
        let (address, bits) = text.split_once('/').expect("address/bits");
        let subnet = Subnet {
            address: address.parse().expect("an address"),
            prefix_bits: bits.parse().expect("bits"),
        };
        SubnetSpec { subnet, gateway: gateways.next() }
    });
    let vxlan = get("vxlan")
        .map(|vxlan| ("com.docker.network.driver.overlay.vxlanid_list".to_owned(), vxlan.to_owned()));
    NetworkSpec {
        annotations: Annotations { name: words[1].clone(), ..Annotations::default() },
        driver: get("driver").unwrap_or_default().to_owned(),
        options: vxlan.into_iter().collect(),
        ingress: words.contains(&"mesh".to_owned()),
        ipam_driver: get("ipam").unwrap_or_default().to_owned(),
        subnets: subnets.collect(),
        ..NetworkSpec::default()
    }
}
