//! `--mount type=bind,source=/a,target=/b,readonly`.
use sim_core::model::spec::{Mount, MountKind};

use super::csv;
use super::values::{Refused, boolean, refused};

/// The mount of one flag.
pub(super) fn mount(text: &str) -> Result<Mount, Refused> {
    let mut mount = Mount {
        kind: MountKind::Volume,
        source: String::new(),
        target: String::new(),
        read_only: false,
        driver: String::new(),
    };
    for field in csv::fields(text.trim())? {
        let (key, value) =
            field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        match (key.to_lowercase().as_str(), value) {
            (_, Some("")) => return refused(format!("invalid value for '{key}': value is empty")),
            ("type", Some(value)) => mount.kind = kind(value)?,
            ("source" | "src", Some(value)) => value.clone_into(&mut mount.source),
            ("target" | "dst" | "destination", Some(value)) => value.clone_into(&mut mount.target),
            ("readonly" | "ro", value) => mount.read_only = value.map_or(Ok(true), boolean)?,
            ("volume-driver", Some(value)) => value.clone_into(&mut mount.driver),
            (_, None) => return refused(format!("invalid field '{field}' must be a key=value pair")),
            _ => return refused(format!("the option '{key}' is not supported")),
        }
    }
    if mount.target.is_empty() {
        return refused("target is required");
    }
    if mount.source.is_empty()
        && matches!(mount.kind, MountKind::Bind | MountKind::NamedPipe | MountKind::Cluster)
    {
        return refused("source is required for this type");
    }
    Ok(mount)
}

fn kind(text: &str) -> Result<MountKind, Refused> {
    match text.to_lowercase().as_str() {
        "bind" => Ok(MountKind::Bind),
        "volume" => Ok(MountKind::Volume),
        "tmpfs" => Ok(MountKind::Tmpfs),
        "npipe" => Ok(MountKind::NamedPipe),
        "cluster" => Ok(MountKind::Cluster),
        _ => refused(format!("type can be bind, volume, tmpfs, npipe or cluster, not {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_has_a_kind_a_source_and_a_target() {
        let bind = mount("type=bind,src=/var/run/docker.sock,dst=/sock,readonly").expect("good");
        assert_eq!(
            (bind.kind, bind.source.as_str(), bind.target.as_str()),
            (MountKind::Bind, "/var/run/docker.sock", "/sock")
        );
        assert!(bind.read_only);
        assert_eq!(mount("source=data,target=/data").expect("good").kind, MountKind::Volume);
        assert_eq!(mount("source=data").expect_err("bad").0, "target is required");
        assert_eq!(mount("type=bind,target=/x").expect_err("bad").0, "source is required for this type");
        assert_eq!(
            mount("target=/x,tmpfs-size=1m").expect_err("bad").0,
            "the option 'tmpfs-size' is not supported"
        );
        assert_eq!(mount("target").expect_err("bad").0, "invalid field 'target' must be a key=value pair");
    }
}
