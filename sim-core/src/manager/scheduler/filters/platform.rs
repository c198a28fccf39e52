//! The node's platform must be one of the image's (spec scheduler 7.2).
use super::{Filter, count_of};
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;
use crate::model::{self, Node};

pub(super) struct Platform;

impl Filter for Platform {
    fn name(&self) -> &'static str {
        "platform"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        !wanted(needs).is_empty()
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        platform_of(node.node())
            .is_some_and(|platform| wanted(needs).iter().any(|wanted| matches(wanted, platform)))
    }

    fn explain(&self, nodes: u32) -> String {
        format!("unsupported platform on {}", count_of(nodes))
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        let wanted: Vec<String> = wanted(needs).iter().map(text).collect();
        let has = platform_of(node.node()).map_or_else(|| "none known".to_owned(), text);
        format!("needs {}, is {has}", wanted.join(" or "))
    }
}

fn wanted<'a>(needs: &Needs<'a>) -> &'a [model::Platform] {
    needs.placement().map_or(&[], |placement| &placement.platforms)
}

fn platform_of(node: &Node) -> Option<&model::Platform> {
    node.description.as_ref()?.platform.as_ref()
}

/// An empty part of the wish matches everything.
fn matches(wanted: &model::Platform, have: &model::Platform) -> bool {
    let same_architecture = normalised(&wanted.architecture) == normalised(&have.architecture);
    (wanted.architecture.is_empty() || same_architecture) && (wanted.os.is_empty() || wanted.os == have.os)
}

/// The kernel's names of two architectures, as images call them.
fn normalised(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn text(platform: &model::Platform) -> String {
    let part = |text: &str| if text.is_empty() { "*".to_owned() } else { text.to_owned() };
    format!("{}/{}", part(&platform.os), part(&platform.architecture))
}
