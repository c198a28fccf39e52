//! What holds whatever happens: requests are conserved, runs repeat, connections and flows stick.
use proptest::prelude::*;

use super::lab::{Lab, Seat};
use crate::kernel::SimDuration;
use crate::model::setup::*;
use crate::model::*;

const HOSTS: u32 = 4;
const SERVICES: [&str; 2] = ["web", "db"];

/// Something that happens in a lab.
#[derive(Clone, Debug)]
enum Deed {
    Start { service: usize, host: u32 },
    Disable(usize),
    Remove(usize),
    Crash(u32),
    GiveUp(u32),
    Cut(u32, u32),
    Heal,
    Deaf(u32),
    Hear,
    Go(u64),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let host = 0..HOSTS;
    let deed = prop_oneof![
        4 => (0..2_usize, host.clone()).prop_map(|(service, host)| Deed::Start { service, host }),
        2 => (0..40_usize).prop_map(Deed::Disable),
        2 => (0..40_usize).prop_map(Deed::Remove),
        1 => host.clone().prop_map(Deed::Crash),
        1 => host.clone().prop_map(Deed::GiveUp),
        1 => (host.clone(), host.clone()).prop_map(|(one, other)| Deed::Cut(one, other)),
        1 => Just(Deed::Heal),
        1 => host.prop_map(Deed::Deaf),
        1 => Just(Deed::Hear),
        8 => (1..3_000_u64).prop_map(Deed::Go),
    ];
    prop::collection::vec(deed, 1..40)
}

/// Sources of every kind: fresh and kept connections, retries, checks, users, tasks, calls.
fn setup() -> Setup {
    let plan = |name: &str, service: &str, origin, load, client| Traffic {
        name: name.to_owned(),
        address: service.to_owned(),
        service: service.to_owned(),
        port: 8080,
        protocol: TransportProtocol::Tcp,
        origin,
        load,
        client,
        lasts: SimDuration::from_secs(20),
    };
    let outside = |check| Origin::Outside { through: (0..HOSTS).map(HostId).collect(), check };
    let usual = ClientBehaviour {
        connect_timeout: SimDuration::from_millis(700),
        timeout: SimDuration::from_millis(1_500),
        ..ClientBehaviour::default()
    };
    let constant = Load::Constant(SimDuration::from_millis(13));
    let protocol = TransportProtocol::Udp;
    let poisson = Load::Poisson(SimDuration::from_millis(17));
    let think = Spread::Exponential(SimDuration::from_millis(30));
    let users = Load::Users { users: 7, think };
    let check = EntryCheck { every: SimDuration::from_millis(250), falls: 2, rises: 1 };
    let traffic = vec![
        plan("calls", "db", Origin::Calls { image: "web".to_owned() }, Load::OnDemand, usual),
        plan("fresh", "web", outside(None), constant.clone(), usual),
        plan("patient", "web", outside(Some(check)), poisson, ClientBehaviour { retries: 2, ..usual }),
        plan("kept", "web", outside(None), users.clone(), ClientBehaviour { kept_connections: 7, ..usual }),
        plan("inner", "db", Origin::Tasks { service: "web".to_owned() }, users.clone(), usual),
        Traffic {
            protocol,
            ..plan("datagrams", "web", outside(None), constant, ClientBehaviour { retries: 1, ..usual })
        },
        Traffic {
            protocol,
            ..plan("flows", "web", outside(None), users, ClientBehaviour { kept_connections: 7, ..usual })
        },
    ];
    let mut setup = Setup { traffic, ..Setup::default() };
    for (name, calls) in [("web", vec![TrafficId(0)]), ("db", Vec::new())] {
        let mut image = ImageSetup::default();
        image.profile.server = ServerBehaviour {
            ports: None,
            listens_after: SimDuration::from_millis(50),
            hangs_after: None,
            takes: Spread::Uniform(SimDuration::ZERO, SimDuration::from_millis(40)),
            at_once: Some(2),
            queue: 3,
            slow_start: Some(SlowStart { lasts: SimDuration::from_secs(1), times: 3 }),
            calls,
        };
        setup.images.listed.insert(name.to_owned(), image);
    }
    setup
}

/// Does it all, then lets every request end.
fn live(deeds: &[Deed]) -> Lab {
    let mut lab = Lab::new(setup(), HOSTS as usize);
    (1..7).map(TrafficId).for_each(|source| lab.begin(source));
    let mut seats: Vec<Seat> = Vec::new();
    for deed in deeds {
        let chosen = |place: &usize| seats.get(*place).cloned();
        match deed {
            Deed::Start { host, .. } if lab.world.silent.contains_key(&HostId(*host)) => {}
            Deed::Start { service, host } => {
                let number = u32::try_from(seats.len()).expect("few tasks");
                let seat = Seat {
                    task: TaskId(number),
                    host: HostId(*host),
                    service: SERVICES[*service].to_owned(),
                    image: SERVICES[*service].to_owned(),
                    port: 8080 + u16::try_from(*service).expect("two services"),
                    // Addresses are given anew before everybody has heard that they are free.
                    address: (number % 9) as u8 + 5,
                    round_robin: *service == 1,
                };
                lab.start(&seat);
                seats.push(seat);
            }
            Deed::Disable(place) => chosen(place).iter().for_each(|seat| lab.disable(seat)),
            Deed::Remove(place) => chosen(place).iter().for_each(|seat| lab.remove(seat)),
            Deed::Crash(host) => lab.crash(HostId(*host)),
            Deed::GiveUp(host) => lab.give_up(HostId(*host)),
            Deed::Cut(one, other) if one != other => lab.cut(HostId(*one), HostId(*other)),
            Deed::Cut(..) => {}
            Deed::Heal => lab.heal(),
            Deed::Deaf(host) => {
                lab.world.deaf.insert(*host as usize);
            }
            Deed::Hear => {
                lab.world.deaf.clear();
                lab.world.deliver();
            }
            Deed::Go(millis) => lab.go(SimDuration::from_millis(*millis)),
        }
    }
    lab.go(SimDuration::from_secs(60));
    lab
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// That no request goes to a backend that its entry node does not take for ready is asserted by the lab.
    #[test]
    fn every_request_is_answered_or_fails_for_one_cause(deeds in deeds()) {
        let lab = live(&deeds);
        let mut failed = 0;
        for (id, tally) in lab.traffic.tallies() {
            let total = tally.total();
            prop_assert_eq!(total.under_way(), 0, "of source {:?}", id);
            prop_assert_eq!(total.sent, total.answered + total.failed());
            let seconds = tally.between(crate::kernel::SimTime::ZERO, crate::kernel::SimTime::FAR_FUTURE);
            prop_assert_eq!(&seconds, total);
            let answered: u64 = tally.answered_by().map(|(_, count)| count).sum();
            prop_assert_eq!(answered, total.answered);
            failed += total.failed();
        }
        let told: u64 = lab.losses.iter().map(|(_, failed)| failed.count).sum();
        prop_assert_eq!(told, failed, "facts tell of every failure");
        prop_assert!(!lab.traffic.is_active(), "nothing is left behind");
        prop_assert_eq!(lab.traffic.requests.len(), 0);
    }

    #[test]
    fn the_same_deeds_have_the_same_consequences(deeds in deeds()) {
        let (first, again) = (live(&deeds), live(&deeds));
        prop_assert_eq!(first.hash(), again.hash());
    }

    /// Whatever starts and takes its leave: as long as nothing ends, each client stays where it is, over TCP and UDP.
    #[test]
    fn a_kept_connection_or_port_stays_at_its_backend(
        deeds in deeds(),
        protocol in prop::sample::select(&[TransportProtocol::Tcp, TransportProtocol::Udp]),
    ) {
        let deeds: Vec<Deed> = std::iter::once(Deed::Start { service: 0, host: 1 })
            .chain([Deed::Go(1)])
            .chain(deeds.into_iter().filter(|deed| {
                matches!(deed, Deed::Start { .. } | Deed::Disable(_) | Deed::Hear | Deed::Deaf(_) | Deed::Go(_))
            }))
            .collect();
        let mut setup = setup();
        setup.traffic.truncate(4);
        setup.traffic[3].protocol = protocol;
        setup.traffic[3].load = Load::Users { users: 1, think: Spread::Constant(SimDuration::from_millis(100)) };
        setup.images.listed.clear();
        let mut lab = Lab::new(setup, HOSTS as usize);
        let seat = |number: u32, host| Seat {
            task: TaskId(number),
            host,
            service: "web".to_owned(),
            image: "web".to_owned(),
            port: 8080,
            address: number as u8 + 5,
            round_robin: false,
        };
        lab.start(&seat(0, HostId(1)));
        lab.begin(TrafficId(3));
        lab.go(SimDuration::from_millis(500));
        let mut count = 1;
        for deed in &deeds {
            match deed {
                Deed::Start { host, .. } => {
                    lab.start(&seat(count, HostId(*host)));
                    count += 1;
                }
                Deed::Disable(place) if (*place as u32) < count => {
                    // Nobody says where it was started; its own node is asked, which must know.
                    let hosts = (0..HOSTS).map(HostId);
                    let at = hosts.filter(|host| {
                        lab.world.meshes[host.0 as usize].own_records().any(|record| record.id.task.0 == *place as u32)
                    });
                    let at: Vec<HostId> = at.collect();
                    lab.disable(&seat(*place as u32, at[0]));
                }
                Deed::Hear => {
                    lab.world.deaf.clear();
                    lab.world.deliver();
                }
                Deed::Deaf(host) => {
                    lab.world.deaf.insert(*host as usize);
                }
                Deed::Go(millis) => lab.go(SimDuration::from_millis(*millis)),
                Deed::Disable(_) | Deed::Remove(_) | Deed::Crash(_) | Deed::GiveUp(_) | Deed::Cut(..) | Deed::Heal => {}
            }
        }
        let tally = lab.tally(TrafficId(3));
        prop_assert_eq!(tally.total().failed(), 0);
        prop_assert_eq!(tally.answered_by().count(), 1);
    }
}
