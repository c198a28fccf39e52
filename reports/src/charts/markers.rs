//! What explains a chart: faults, managers that took over as leaders, and nodes that were drained.
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::Fact;

use crate::strikes::blows;
use crate::words::availability;

/// Markers that have a number and a line in the key; further ones are lines without number.
pub(super) const NUMBERED_MAX: usize = 16;

/// What a marker stands for. Each has a colour and a shape of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkerKind {
    /// Something broke.
    Fault,
    /// Something was mended.
    Mended,
    /// A manager took over as leader.
    Leader,
    /// Somebody drained or paused a node, or ended that.
    Planned,
}

/// A moment that a chart points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) time: SimTime,
    pub(super) kind: MarkerKind,
    pub(super) text: String,
}

/// All markers of a run in order.
pub(super) fn markers(recording: &Recording) -> Vec<Marker> {
    let names = recording.census.names();
    let mut markers: Vec<Marker> = blows(recording)
        .iter()
        .map(|blow| Marker {
            time: blow.time,
            kind: if blow.is_repair { MarkerKind::Mended } else { MarkerKind::Fault },
            text: blow.words(),
        })
        .collect();
    for record in &recording.facts {
        if let Fact::NodeAvailability { node, to, .. } = record.fact {
            let text = format!("{} is {}", recording.census.node_name(node), availability(to));
            markers.push(Marker { time: record.time, kind: MarkerKind::Planned, text });
        }
        if let Fact::Leadership { host, active: true } = record.fact {
            let text = format!("{} takes over as leader", names.host(host));
            markers.push(Marker { time: record.time, kind: MarkerKind::Leader, text });
        }
    }
    markers.sort_by_key(|marker| marker.time);
    markers
}

/// Rows for things of a width along a line, so that no two of a row overlap: the first row with room for each.
pub(super) fn rows(places: &[i32], width: i32) -> Vec<usize> {
    let mut ends: Vec<i32> = Vec::new();
    let mut rows = Vec::new();
    for place in places {
        let row = ends.iter().position(|end| *end <= *place).unwrap_or(ends.len());
        if row == ends.len() {
            ends.push(0);
        }
        ends[row] = place + width;
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_that_would_overlap_go_to_the_next_row() {
        assert_eq!(rows(&[0, 5, 40, 44, 48], 20), [0, 1, 0, 1, 2]);
    }
}
