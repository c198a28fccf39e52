//! Histories of a number that is constant between its changes.
use sim_core::kernel::SimTime;

/// The corners of a stair, as (seconds, value), from the first change to the end of the run.
///
/// Of many changes within one column of the chart only the first, the last, the smallest and the largest are kept:
/// more cannot be seen.
pub(super) fn corners(history: &[(SimTime, u64)], end: SimTime, columns: u64) -> Vec<(f64, u64)> {
    let mut corners = Vec::new();
    let mut level = None;
    for (time, value) in thin(history, end, columns) {
        if let Some(before) = level {
            corners.push((seconds(time), before));
        }
        corners.push((seconds(time), value));
        level = Some(value);
    }
    if let Some(last) = level {
        corners.push((seconds(end), last));
    }
    corners
}

/// The value of a history at a time; zero before its beginning.
pub(super) fn value_at(history: &[(SimTime, u64)], time: SimTime) -> u64 {
    let known = history.partition_point(|(since, _)| *since <= time);
    known.checked_sub(1).map_or(0, |last| history[last].1)
}

/// Seconds since the start, for an axis.
pub(super) fn seconds(time: SimTime) -> f64 {
    time.as_nanos() as f64 / 1e9
}

fn thin(history: &[(SimTime, u64)], end: SimTime, columns: u64) -> Vec<(SimTime, u64)> {
    let column_of = |time: SimTime| time.as_nanos() / (end.as_nanos() / columns.max(1)).max(1);
    let mut kept = Vec::new();
    for column in history.chunk_by(|one, other| column_of(one.0) == column_of(other.0)) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let by_value = |index: &usize| column[*index].1;
        let lowest = (0..column.len()).min_by_key(by_value).expect("a column has changes");
        let highest = (0..column.len()).max_by_key(by_value).expect("a column has changes");
        let mut indices = vec![0, lowest, highest, column.len() - 1];
        indices.sort_unstable();
        indices.dedup();
        kept.extend(indices.into_iter().map(|index| column[index]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(changes: &[(u64, u64)]) -> Vec<(SimTime, u64)> {
        changes.iter().map(|(seconds, value)| (SimTime::from_secs(*seconds), *value)).collect()
    }

    #[test]
    fn a_stair_has_two_corners_a_step() {
        let corners = corners(&history(&[(1, 0), (2, 3)]), SimTime::from_secs(4), 100);
        assert_eq!(corners, [(1.0, 0), (2.0, 0), (2.0, 3), (4.0, 3)]);
    }

    #[test]
    fn crowded_columns_keep_their_extremes() {
        let crowded: Vec<(SimTime, u64)> = (0..1_000)
            .map(|step| (SimTime::from_millis(step), if step == 500 { 99 } else { 1 + step % 7 }))
            .collect();
        let thinned = thin(&crowded, SimTime::from_secs(10), 10);
        assert!(thinned.len() <= 4, "{thinned:?}");
        assert!(thinned.iter().any(|(_, value)| *value == 99));
        assert_eq!(thinned.last(), crowded.last());
    }

    #[test]
    fn a_value_holds_until_the_next_change() {
        let history = history(&[(1, 5), (3, 7)]);
        let at = |millis| value_at(&history, SimTime::from_millis(millis));
        assert_eq!([at(0), at(1_000), at(2_999), at(3_000)], [0, 5, 5, 7]);
    }
}
