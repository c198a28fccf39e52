//! Measures what placement costs, compares it with the real scheduler, and draws it on log axes.
//!
//! `cargo run --release -p benches --example placement_costs -- benches/placement.svg`
use benches::costs::{decide, deploy};
use benches::scheduler::Scene;
use reports::{CostChart, CostCurve, CostPanel};

/// Figures of the real scheduler on a machine of this kind: nodes, tasks, seconds to decide, seconds with its store.
const REAL: [(u32, u32, f64, f64); 6] = [
    (100, 1_000, 0.017, 0.094),
    (1_000, 1_000, 0.017, 0.096),
    (1_000, 10_000, 0.053, 0.549),
    (5_000, 10_000, 0.087, 0.648),
    (10_000, 10_000, 0.106, 0.648),
    (1_000, 100_000, 0.68, 8.43),
];
/// Nodes of the left panel, with [`TASKS`] tasks.
const NODES_SWEPT: [u32; 5] = [100, 300, 1_000, 3_000, 10_000];
/// Tasks of the right panel, on [`NODES`] nodes.
const TASKS_SWEPT: [u32; 5] = [1_000, 3_000, 10_000, 30_000, 100_000];
const NODES: u32 = 1_000;
const TASKS: u32 = 10_000;

fn main() -> std::io::Result<()> {
    table();
    one_offs();
    deployment();
    if let Some(file) = std::env::args().nth(1) {
        std::fs::write(&file, chart().draw())?;
        println!("wrote {file}");
    }
    Ok(())
}

fn group(nodes: u32, tasks: u32) -> f64 {
    decide(&Scene { nodes, tasks, ..Scene::default() })
}

fn table() {
    for (nodes, tasks, real, _) in REAL {
        let ours = group(nodes, tasks);
        println!(
            "decide nodes={nodes} tasks={tasks} real_s={real} ours_s={ours:.6} ratio={:.1}",
            real / ours
        );
    }
}

/// Tasks without a spec version, each of which the real scheduler places with a look at every node.
fn one_offs() {
    for (nodes, tasks) in [(1_000, 10_000), (10_000, 10_000)] {
        let seconds = decide(&Scene { nodes, tasks, one_off: true, ..Scene::default() });
        let pair = seconds * 1e6 / f64::from(nodes) / f64::from(tasks);
        println!("one-off nodes={nodes} tasks={tasks} ours_s={seconds:.6} us_per_pair={pair:.5}");
    }
}

fn deployment() {
    let seconds = deploy(NODES, TASKS);
    let ratio = 0.549 / seconds;
    println!(
        "deployment nodes={NODES} tasks={TASKS} real_with_store_s=0.549 ours_s={seconds:.3} ratio={ratio:.1}"
    );
}

fn chart() -> CostChart {
    CostChart {
        title: "What placement costs".to_owned(),
        subtitle: "One service whose tasks all wait, on ready nodes. Least of several runs.".to_owned(),
        panels: vec![
            panel("nodes, with 10 000 tasks", &NODES_SWEPT.map(|nodes| (nodes, nodes, TASKS))),
            panel("tasks, on 1 000 nodes", &TASKS_SWEPT.map(|tasks| (tasks, NODES, tasks))),
        ],
    }
}

/// A panel over (quantity, nodes, tasks), with the figures of the real scheduler that lie on it.
fn panel(quantity: &str, sweep: &[(u32, u32, u32)]) -> CostPanel {
    let ours = |cost: fn(u32, u32) -> f64| -> Vec<(f64, f64)> {
        sweep.iter().map(|(x, nodes, tasks)| (f64::from(*x), cost(*nodes, *tasks))).collect()
    };
    let by_nodes = sweep.iter().all(|(_, _, tasks)| *tasks == TASKS);
    let real = |cost: fn(&(u32, u32, f64, f64)) -> f64| -> Vec<(f64, f64)> {
        let on_panel = REAL
            .iter()
            .filter(|(nodes, tasks, _, _)| if by_nodes { *tasks == TASKS } else { *nodes == NODES });
        on_panel.map(|row| (f64::from(if by_nodes { row.0 } else { row.1 }), cost(row))).collect()
    };
    let curve = |name: &str, points| CostCurve { name: name.to_owned(), points };
    CostPanel {
        quantity: quantity.to_owned(),
        curves: vec![
            curve("decide", ours(group)),
            curve("whole simulated deployment", ours(deploy)),
            curve("real scheduler: decide", real(|row| row.2)),
            curve("real scheduler with its store", real(|row| row.3)),
        ],
    }
}
