//! The commands of the mesh's text tests.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::mesh::{Mesh, RECORD_TTL, Refusal, Target};
use crate::model::*;
use crate::text_test::{Command, values};

/// Meshes by host, the tables of records that gossip would keep, and names for ids.
#[derive(Default)]
pub(super) struct Script {
    meshes: BTreeMap<String, Mesh>,
    hosts: Vec<String>,
    /// What each node knows of others' records.
    known: BTreeMap<String, BTreeMap<EndpointId, Arc<EndpointRecord>>>,
    /// Changes on their way, with their origin.
    carried: Vec<(String, RecordChange)>,
    tasks: Vec<String>,
    services: Vec<String>,
    networks: Vec<String>,
}

impl Script {
    /// Changes reach the other nodes with `carry`, unless a node is told to `hold` them back.
    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        let words = &command.words;
        let output = match command.name {
            "nodes" => self.new_nodes(words),
            "attach" => self.attach(command),
            "configure" => self.configure(command),
            "enable" => self.enable(command),
            "plain" => self.enable(command),
            "disable" => self.act(words, Mesh::disable),
            "remove" => self.act(words, Mesh::remove),
            "detach" => self.act(words, Mesh::detach),
            "fail" => self.fail(&words[0]),
            "carry" => self.carry(command.get("to")),
            "hear" => self.hear(command),
            "request" => self.request(command),
            "reach" => self.reach(command),
            "deliver" => self.deliver(command),
            "dns" => self.dns(command),
            "show" => self.show(&words[0]),
            other => panic!("no command {other}"),
        };
        if output.is_empty() { "ok".to_owned() } else { output }
    }

    fn new_nodes(&mut self, names: &[String]) -> String {
        *self = Script::default();
        self.networks.push("ingress".to_owned());
        for name in names {
            self.hosts.push(name.clone());
            let mut mesh = Mesh::default();
            mesh.configure(&[self.network("ingress")]);
            self.meshes.insert(name.clone(), mesh);
        }
        String::new()
    }

    fn network(&mut self, name: &str) -> AttachedNetwork {
        let id = number(&mut self.networks, name);
        let (ingress, node_local) = (name == "ingress", name == "bridge");
        AttachedNetwork { network: NetworkId(id), name: name.to_owned(), ingress, node_local }
    }

    /// `n1 web.1 A,ingress`
    fn attach(&mut self, command: &Command<'_>) -> String {
        let networks: Vec<AttachedNetwork> =
            command.words[2].split(',').map(|name| self.network(name)).collect();
        let task = TaskId(number(&mut self.tasks, &command.words[1]));
        self.mesh(&command.words[0]).attach(task, networks);
        self.collect(&command.words[0]);
        String::new()
    }

    /// `n1 ingress,A`: the networks on which the node has addresses.
    fn configure(&mut self, command: &Command<'_>) -> String {
        let networks: Vec<AttachedNetwork> =
            command.words[1].split(',').map(|name| self.network(name)).collect();
        self.mesh(&command.words[0]).configure(&networks);
        self.collect(&command.words[0]);
        String::new()
    }

    /// `n1 web.1 at=A:10.0.1.5 vip=A:10.0.1.2 port=8080:80 host-port=9090:90 alias=database name=c1`
    fn enable(&mut self, command: &Command<'_>) -> String {
        let (node, name) = (command.words[0].clone(), command.words[1].clone());
        let host = HostId(number(&mut self.hosts, &node));
        let task = TaskId(number(&mut self.tasks, &name));
        let host_ports: Vec<PortConfig> = values(&command.words, "host-port").map(port).collect();
        let records: Vec<EndpointRecord> =
            values(&command.words, "at").map(|at| self.record(at, host, task, command)).collect();
        let mesh = self.mesh(&node);
        mesh.start(task, host, host_ports);
        mesh.enable(task, records);
        self.collect(&node);
        String::new()
    }

    fn record(&mut self, at: &str, host: HostId, task: TaskId, command: &Command<'_>) -> EndpointRecord {
        let (network, address) = at.split_once(':').expect("network:address");
        let ingress = network == "ingress";
        let id = NetworkId(number(&mut self.networks, network));
        let name = self.tasks[task.0 as usize].clone();
        let of_name = name.split('.').next().expect("service.slot");
        let service = command.get("of").unwrap_or(of_name).to_owned();
        let mut virtual_ips = values(&command.words, "vip").filter_map(|vip| vip.split_once(':'));
        let virtual_ip = virtual_ips.find(|(of, _)| *of == network).map(|(_, address)| parse(address));
        let texts = |key| values(&command.words, key).map(str::to_owned).collect::<Vec<_>>();
        let service = (command.name != "plain" && service != "nobody").then(|| ServiceRecord {
            id: ServiceId(number(&mut self.services, &service)),
            name: command.get("service-name").unwrap_or(&service).to_owned(),
            virtual_ip,
            ingress_ports: if ingress {
                values(&command.words, "port").map(port).collect()
            } else {
                Arc::from([])
            },
            aliases: texts("alias"),
        });
        EndpointRecord {
            id: EndpointId { network: id, task },
            host,
            name,
            service,
            address: parse(address),
            aliases: texts("name"),
            disabled: command.words.iter().any(|word| word == "disabled"),
        }
    }

    fn act(&mut self, words: &[String], act: impl FnOnce(&mut Mesh, TaskId)) -> String {
        let task = TaskId(number(&mut self.tasks, &words[1]));
        act(self.mesh(&words[0]), task);
        self.collect(&words[0]);
        String::new()
    }

    /// All others have found out that a node has failed: its records are gone.
    fn fail(&mut self, node: &str) -> String {
        let host = HostId(number(&mut self.hosts, node));
        for (name, known) in &mut self.known {
            let lost: Vec<EndpointId> =
                known.iter().filter(|(_, record)| record.host == host).map(|(id, _)| *id).collect();
            for id in lost {
                let previous = known.remove(&id);
                let mesh = self.meshes.get_mut(name).expect("a node");
                mesh.hear(&RecordEvent { previous, current: None });
            }
        }
        String::new()
    }

    fn mesh(&mut self, node: &str) -> &mut Mesh {
        self.meshes.get_mut(node).expect("a node")
    }

    fn collect(&mut self, node: &str) {
        let changes = self.mesh(node).take_changes();
        self.carried.extend(changes.into_iter().map(|change| (node.to_owned(), change)));
    }

    /// Brings everything on its way to all nodes that take part in the network, or to one of them alone.
    fn carry(&mut self, only: Option<&str>) -> String {
        let changes = self.carried.clone();
        if only.is_none() {
            self.carried.clear();
        }
        for (origin, change) in changes {
            for node in self.hosts.clone() {
                if only.is_some_and(|only| only != node) {
                    continue;
                }
                match &change {
                    RecordChange::Join(network) if node == origin => self.catch_up(&node, *network),
                    RecordChange::Publish(record) if node != origin => {
                        self.bring(&node, record.id, Some(Arc::clone(record)));
                    }
                    RecordChange::Withdraw(id) if node != origin => self.bring(&node, *id, None),
                    RecordChange::Leave(network) if node == origin => {
                        self.known.entry(node).or_default().retain(|id, _| id.network != *network);
                    }
                    RecordChange::Join(_)
                    | RecordChange::Publish(_)
                    | RecordChange::Withdraw(_)
                    | RecordChange::LeaveCluster
                    | RecordChange::Leave(_) => {}
                }
            }
        }
        String::new()
    }

    /// Who joins a network learns all its records.
    fn catch_up(&mut self, node: &str, network: NetworkId) {
        let others = self.meshes.iter().filter(|(name, _)| *name != node);
        let records: Vec<Arc<EndpointRecord>> = others
            .flat_map(|(_, mesh)| mesh.own_records())
            .filter(|record| record.id.network == network)
            .cloned()
            .collect();
        records.into_iter().for_each(|record| self.bring(node, record.id, Some(record)));
    }

    fn bring(&mut self, node: &str, id: EndpointId, current: Option<Arc<EndpointRecord>>) {
        let mesh = self.meshes.get_mut(node).expect("a node");
        if !mesh.joined().any(|network| network == id.network) {
            return;
        }
        let known = self.known.entry(node.to_owned()).or_default();
        let previous = match &current {
            Some(record) => known.insert(id, Arc::clone(record)),
            None => known.remove(&id),
        };
        if previous.is_some() || current.is_some() {
            mesh.hear(&RecordEvent { previous, current });
        }
    }

    /// `n1 web.1 at=... on=n2 of=api`: a record of another node arrives, whatever it said before. The service is that of
    /// the task's name, if none is given; `of=nobody`: a plain container.
    fn hear(&mut self, command: &Command<'_>) -> String {
        let host = HostId(number(&mut self.hosts, command.get("on").expect("a node")));
        let task = TaskId(number(&mut self.tasks, &command.words[1]));
        let at = command.get("at").expect("an address").to_owned();
        let record = self.record(&at, host, task, command);
        let gone = command.words.iter().any(|word| word == "deleted");
        self.bring(&command.words[0], record.id, (!gone).then(|| Arc::new(record)));
        String::new()
    }

    /// `n1 8080 count=6`: the tasks that get the connections.
    fn request(&mut self, command: &Command<'_>) -> String {
        let PortConfig { published_port, protocol, .. } = port(&format!("{}:0", command.words[1]));
        let count: usize = command.get("count").map_or(1, |count| count.parse().expect("a number"));
        let mesh = self.meshes.get_mut(&command.words[0]).expect("a node");
        let routes: Vec<_> = (0..count).map(|_| mesh.route_port(protocol, published_port)).collect();
        self.routes(&routes)
    }

    /// `n1 A 10.0.1.2 count=6`
    fn reach(&mut self, command: &Command<'_>) -> String {
        let network = NetworkId(number(&mut self.networks, &command.words[1]));
        let count: usize = command.get("count").map_or(1, |count| count.parse().expect("a number"));
        let address = parse(&command.words[2]);
        let mesh = self.meshes.get_mut(&command.words[0]).expect("a node");
        let routes: Vec<_> = (0..count).map(|_| mesh.route_virtual_ip(network, address)).collect();
        self.routes(&routes)
    }

    fn routes(&self, routes: &[Result<Target, Refusal>]) -> String {
        let one = |route: &Result<Target, Refusal>| match route {
            Ok(target) => self.tasks[target.task.0 as usize].clone(),
            Err(refusal) => format!("{refusal:?}"),
        };
        routes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// `n1 web.1 8080`: the port inside the container that a packet to its ingress address reaches.
    fn deliver(&mut self, command: &Command<'_>) -> String {
        let task = TaskId(number(&mut self.tasks, &command.words[1]));
        let PortConfig { published_port, protocol, .. } = port(&format!("{}:0", command.words[2]));
        let reached = self.mesh(&command.words[0]).ingress_target_port(task, protocol, published_port);
        reached.map_or_else(|| "dropped".to_owned(), |port| port.to_string())
    }

    /// `n1 web.1 db`: what a container finds under a name.
    fn dns(&mut self, command: &Command<'_>) -> String {
        let task = TaskId(number(&mut self.tasks, &command.words[1]));
        match self.mesh(&command.words[0]).addresses(task, &command.words[2]) {
            Some((_, addresses)) => {
                let texts: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
                format!("{} for {RECORD_TTL}", texts.join(" "))
            }
            None => "unknown".to_owned(),
        }
    }

    fn show(&mut self, node: &str) -> String {
        let mesh = &self.meshes[node];
        let mut text = String::new();
        let ports: Vec<String> =
            mesh.open_ports().map(|(protocol, port)| format!("{port}/{}", protocol.name())).collect();
        if !ports.is_empty() {
            writeln!(text, "open {}", ports.join(" ")).unwrap();
        }
        for network in mesh.joined() {
            let backends: Vec<String> = mesh
                .backends(network)
                .map(|backend| {
                    let weight = if backend.disabled { "=0" } else { "" };
                    format!(" {}{weight}", self.tasks[backend.task.0 as usize])
                })
                .collect();
            writeln!(text, "{}:{}", self.networks[network.0 as usize], backends.concat()).unwrap();
        }
        text
    }
}

fn number(names: &mut Vec<String>, name: &str) -> u32 {
    let known = names.iter().position(|known| known == name);
    let place = known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u32::try_from(place).expect("a script has few names")
}

fn parse(address: &str) -> Ipv4Addr {
    address.parse().expect("an address")
}

/// `8080:80` or `53/udp:53`
fn port(text: &str) -> PortConfig {
    let (published, target) = text.split_once(':').expect("published:target");
    let (published, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
    PortConfig {
        name: String::new(),
        protocol: TransportProtocol::from_name(protocol).expect("tcp, udp or sctp"),
        target_port: target.parse().expect("a port"),
        published_port: published.parse().expect("a port"),
        publish_mode: PublishMode::Ingress,
    }
}
