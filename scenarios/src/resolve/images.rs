//! `images`: how containers behave.
//!
//! An image is on every host at the start, unless `cached` names some. One with a time or a failure of its pull
//! would never be pulled then, so for such an image the default is the opposite: no host has it.
use std::collections::BTreeMap;

use serde_saphyr::Spanned;
use sim_core::model::HostId;
use sim_core::model::setup::{Exit, HealthBehaviour, ImageProfile, ImageSetup, Images};
use sim_core::model::spec::HealthConfig;

use super::names::PlaceNames;
use super::reader::{Pointer, Reader};
use super::server::{self, Calls};
use crate::error::Problem;
use crate::file::{ExitFile, HealthFile, ImageFile, Names, Table, TextOrList};

/// The word for no host at all.
const NONE: &str = "none";

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    table: &Table<Spanned<ImageFile>>,
    unlisted: ImageProfile,
    names: &PlaceNames,
    calls: &mut Calls,
) -> Images {
    let mut images = Images { listed: BTreeMap::new(), unlisted };
    for (name, file) in &table.0 {
        let pointer = Pointer::default().key("images").key(&name.value);
        let unlisted = &images.unlisted;
        let image = image(reader, &name.value, &file.value, unlisted, names, calls, &pointer);
        images.listed.insert(name.value.clone(), image);
    }
    images
}

fn image(
    reader: &mut Reader<'_>,
    name: &str,
    file: &ImageFile,
    unlisted: &ImageProfile,
    names: &PlaceNames,
    calls: &mut Calls,
    pointer: &Pointer,
) -> ImageSetup {
    let mut profile = unlisted.clone();
    change(reader, &mut profile, file, Some(name), calls, pointer);
    let mut image = ImageSetup { profile, on: BTreeMap::new() };
    match &file.cached {
        None => image.profile.cached = file.pull.is_none() && !image.profile.missing,
        Some(cached) => {
            image.profile.cached = false;
            for host in cached_on(reader, cached, names, &pointer.key("cached")) {
                image.on.insert(host, ImageProfile { cached: true, ..image.profile.clone() });
            }
        }
    }
    for (host, there) in &file.on.0 {
        let pointer = pointer.key("on").key(&host.value);
        let host = reader.given(Some(host), &pointer, |reader, text, at| reader.host(names, text, at));
        for (key, is_given) in
            [("cached", there.value.cached.is_some()), ("on", !there.value.on.0.is_empty())]
        {
            if is_given {
                let reason = "this is already about a single host";
                let problem = Problem::KeyNotAllowed { key: key.to_owned(), reason };
                let at = reader.place(there.referenced, &pointer);
                reader.fail(at, problem, "say it one level above, for all hosts");
            }
        }
        let usual = image.profile.clone();
        let mut unused = usual.clone();
        let profile = host.map_or(&mut unused, |host| image.on.entry(host).or_insert(usual));
        change(reader, profile, &there.value, None, calls, &pointer);
    }
    image
}

/// Hosts that have the image: some, `all` or `none`.
fn cached_on(reader: &mut Reader<'_>, cached: &Names, names: &PlaceNames, pointer: &Pointer) -> Vec<HostId> {
    match cached {
        TextOrList::Text(text) if super::raw(text) == NONE => Vec::new(),
        TextOrList::Text(_) | TextOrList::List(_) => reader.hosts(names, cached, pointer),
    }
}

/// Sets what the file says.
fn change(
    reader: &mut Reader<'_>,
    profile: &mut ImageProfile,
    file: &ImageFile,
    image: Option<&str>,
    calls: &mut Calls,
    pointer: &Pointer,
) {
    let ImageFile {
        cached: _,
        missing,
        pull,
        prepare,
        start,
        stop,
        ignores_stop,
        exit,
        health,
        server,
        on: _,
    } = file;
    let flags = [
        (missing, "missing", &mut profile.missing),
        (ignores_stop, "ignores_stop", &mut profile.ignores_stop),
    ];
    for (text, key, target) in flags {
        *target = reader.given(text.as_ref(), &pointer.key(key), Reader::boolean).unwrap_or(*target);
    }
    let durations = [
        (pull, "pull", &mut profile.pull),
        (prepare, "prepare", &mut profile.prepare),
        (start, "start", &mut profile.start),
        (stop, "stop", &mut profile.stop),
    ];
    for (text, key, target) in durations {
        *target = reader.given(text.as_ref(), &pointer.key(key), Reader::duration).unwrap_or(*target);
    }
    if let Some(exit) = exit {
        profile.exit = read_exit(reader, exit, &pointer.key("exit"));
    }
    if let Some(health) = health {
        profile.health = read_health(reader, health, &pointer.key("health"));
    }
    if let Some(file) = server {
        server::change(reader, &mut profile.server, file, image, calls, &pointer.key("server"));
    }
}

fn read_exit(reader: &mut Reader<'_>, file: &ExitFile, pointer: &Pointer) -> Option<Exit> {
    let code = reader.given(Some(&file.code), &pointer.key("code"), |reader, text, at| {
        reader.number(text, at, "exit code", 255)
    });
    let after = reader.given(Some(&file.after), &pointer.key("after"), Reader::duration);
    Some(Exit { code: code? as u8, after: after? })
}

fn read_health(reader: &mut Reader<'_>, file: &HealthFile, pointer: &Pointer) -> HealthBehaviour {
    let HealthFile { after, until, hangs, interval, timeout, retries, start_period, start_interval } = file;
    let has_check =
        [interval, timeout, retries, start_period, start_interval].into_iter().any(Option::is_some);
    let mut duration =
        |text: &Option<_>, key| reader.given(text.as_ref(), &pointer.key(key), Reader::duration);
    let (healthy_after, unhealthy_after) =
        (duration(after, "after").unwrap_or_default(), duration(until, "until"));
    let check = HealthConfig {
        test: vec!["CMD".to_owned()],
        interval: duration(interval, "interval"),
        timeout: duration(timeout, "timeout"),
        start_period: duration(start_period, "start_period"),
        start_interval: duration(start_interval, "start_interval"),
        retries: 0,
    };
    let retries = reader.given(retries.as_ref(), &pointer.key("retries"), |reader, text, at| {
        reader.number(text, at, "number of retries", u64::from(u32::MAX))
    });
    let check = HealthConfig { retries: retries.unwrap_or(0) as u32, ..check };
    let hangs = reader.given(hangs.as_ref(), &pointer.key("hangs"), Reader::boolean).unwrap_or(false);
    HealthBehaviour { healthy_after, unhealthy_after, hangs, check: has_check.then_some(check) }
}
