//! `--publish`: the short form `8080:80/udp` with its ranges, and the long form `published=8080,target=80,...`.
use sim_core::model::{PortConfig, PublishMode, TransportProtocol};

use super::csv;
use super::values::{Refused, refused};

/// The ports that one flag publishes.
pub(super) fn ports(text: &str) -> Result<Vec<PortConfig>, Refused> {
    if csv::is_long_form(text) { long_form(text).map(|port| vec![port]) } else { short_form(text) }
}

fn long_form(text: &str) -> Result<PortConfig, Refused> {
    let mut port = PortConfig::default();
    for field in csv::fields(text)? {
        let field = field.to_lowercase();
        let Some((key, value)) = field.split_once('=') else {
            return refused(format!("invalid field: {field}"));
        };
        match key {
            "target" => port.target_port = number(value)?,
            "published" => port.published_port = number(value)?,
            "protocol" => port.protocol = protocol(value)?,
            "mode" => {
                port.publish_mode = match value {
                    "ingress" => PublishMode::Ingress,
                    "host" => PublishMode::Host,
                    _ => return refused(format!("mode can be ingress or host, not {value}")),
                }
            }
            _ => return refused(format!("invalid field key: {key}")),
        }
    }
    if port.target_port == 0 {
        return refused("missing mandatory field 'target'");
    }
    Ok(port)
}

/// `[published:]target[/protocol]`, where both can be ranges. A published range with a single target publishes the
/// target on each of its ports.
fn short_form(text: &str) -> Result<Vec<PortConfig>, Refused> {
    let (text, transport) = match text.split_once('/') {
        Some((ports, transport)) => (ports, protocol(&transport.to_lowercase())?),
        None => (text, TransportProtocol::Tcp),
    };
    let (published, target) = match text.rsplit_once(':') {
        Some((published, _)) if published.contains(':') => return refused("hostip is not supported"),
        Some((published, target)) => (Some(published).filter(|text| !text.is_empty()), target),
        None => (None, text),
    };
    let targets = range(target)?;
    let Some(published) = published.map(range).transpose()? else {
        return Ok(targets.map(|target_port| port(0, target_port, transport)).collect());
    };
    if targets.clone().count() == published.clone().count() {
        return Ok(published
            .zip(targets)
            .map(|(outside, inside)| port(outside, inside, transport))
            .collect());
    }
    if targets.start() != targets.end() {
        return refused("the ranges of published and target ports differ in length");
    }
    let target = *targets.start();
    Ok(published.map(|outside| port(outside, target, transport)).collect())
}

fn port(published_port: u16, target_port: u16, protocol: TransportProtocol) -> PortConfig {
    PortConfig { published_port, target_port, protocol, ..PortConfig::default() }
}

fn range(text: &str) -> Result<std::ops::RangeInclusive<u16>, Refused> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last { refused("a range of ports ends before it begins") } else { Ok(first..=last) }
}

fn number(text: &str) -> Result<u16, Refused> {
    text.parse().or_else(|_| refused("a port is a number up to 65535"))
}

fn protocol(text: &str) -> Result<TransportProtocol, Refused> {
    TransportProtocol::from_name(text)
        .map_or_else(|| refused(format!("protocol can be tcp, udp or sctp, not {text}")), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let one = |port: PortConfig| {
            format!(
                "{}:{}/{:?}/{:?}",
                port.published_port, port.target_port, port.protocol, port.publish_mode
            )
        };
        ports(text).expect("a good port").into_iter().map(one).collect()
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(texts("8080:80"), ["8080:80/Tcp/Ingress"]);
        assert_eq!(texts("80"), ["0:80/Tcp/Ingress"]);
        assert_eq!(texts("53:53/udp"), ["53:53/Udp/Ingress"]);
        assert_eq!(texts("8080-8081:80-81"), ["8080:80/Tcp/Ingress", "8081:81/Tcp/Ingress"]);
        assert_eq!(texts("8080-8081:80"), ["8080:80/Tcp/Ingress", "8081:80/Tcp/Ingress"]);
        assert_eq!(texts("mode=host,target=80,published=8080"), ["8080:80/Tcp/Host"]);
    }

    #[test]
    fn bad_ports_say_why() {
        let reason = |text| ports(text).expect_err(text).0;
        assert_eq!(reason("1.2.3.4:80:80"), "hostip is not supported");
        assert_eq!(reason("80/icmp"), "protocol can be tcp, udp or sctp, not icmp");
        assert_eq!(reason("70000:80"), "a port is a number up to 65535");
        assert_eq!(reason("90-80"), "a range of ports ends before it begins");
        assert_eq!(reason("1-3:1-2"), "the ranges of published and target ports differ in length");
        assert_eq!(reason("published=80"), "missing mandatory field 'target'");
        assert_eq!(reason("target=80,modus=host"), "invalid field key: modus");
    }
}
