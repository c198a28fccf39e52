//! What something costs against how much of it there is, on log axes: a straight line is a power, and its slope says
//! which one. Not a chart of a run: the benchmarks draw it of what they measured.
use plotters::backend::SVGBackend;
use plotters::prelude::*;

use super::canvas::{
    Area, BLUE, FAINT, GREEN, GRID, HEADER, INK, KEY_LINE, ORANGE, VERMILION, WIDTH, bold, centred, drawn,
    left,
};

const LEFT: i32 = 70;
const GAP: i32 = 90;
const PLOT: i32 = 320;
const AXIS: i32 = 56;
/// Colour of each curve; its sign has a shape of its own, too.
const COLOURS: [RGBColor; 4] = [BLUE, GREEN, ORANGE, VERMILION];

/// A chart of costs: panels side by side, with the same curves.
#[derive(Clone, Debug, PartialEq)]
pub struct CostChart {
    /// What is measured.
    pub title: String,
    /// How.
    pub subtitle: String,
    /// At most two.
    pub panels: Vec<CostPanel>,
}

/// A panel: costs against one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct CostPanel {
    /// What is counted along the axis, and what stays the same: `nodes, with 10 000 tasks`.
    pub quantity: String,
    /// At most four, in the same order in every panel.
    pub curves: Vec<CostCurve>,
}

/// What one thing costs.
#[derive(Clone, Debug, PartialEq)]
pub struct CostCurve {
    /// What it is.
    pub name: String,
    /// Quantity and seconds, both above zero, in order.
    pub points: Vec<(f64, f64)>,
}

impl CostCurve {
    /// The power of the quantity by which the cost grows: the slope of the line through the logarithms that
    /// misses them least. None for fewer than two points.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        let logs: Vec<(f64, f64)> = self.points.iter().map(|(x, y)| (x.log10(), y.log10())).collect();
        let count = logs.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| logs.iter().map(value).sum::<f64>() / count;
        let (x, y) = (mean(|log| log.0), mean(|log| log.1));
        let spread: f64 = logs.iter().map(|log| (log.0 - x).powi(2)).sum();
        let together: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
        (spread > 0.0).then_some(together / spread)
    }
}

/// The decades that an axis shows, as powers of ten.
#[derive(Clone, Copy)]
struct Decades {
    first: i32,
    last: i32,
}

impl Decades {
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min).log10().floor() as i32;
        let most = values.fold(0.0, f64::max).log10().ceil() as i32;
        Decades { first: least, last: most.max(least + 1) }
    }

    /// How far along an axis of this length a value stands.
    fn place(self, value: f64, length: i32) -> i32 {
        let whole = f64::from(self.last - self.first);
        (f64::from(length) * (value.log10() - f64::from(self.first)) / whole).round() as i32
    }
}

impl CostChart {
    /// The chart as SVG.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut svg = String::new();
        let lines = self.panels.iter().map(|panel| panel.curves.len()).max().unwrap_or(0) as i32;
        let height = HEADER + PLOT + AXIS + lines * KEY_LINE + 16;
        let root = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        drawn(root.fill(&WHITE));
        drawn(root.draw_text(&self.title, &bold(20, INK), (LEFT, 24)));
        drawn(root.draw_text(&self.subtitle, &left(13, FAINT), (LEFT, 50)));
        let width = (WIDTH - LEFT - GAP - 24) / 2;
        let values = || self.points().map(|(_, seconds)| seconds);
        let costs = Decades::around(values().collect::<Vec<_>>().into_iter());
        for (number, panel) in self.panels.iter().enumerate() {
            let plot = Plot { x: LEFT + number as i32 * (width + GAP), width, costs };
            plot.draw(&root, panel);
        }
        drop(root);
        svg
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| curve.points.iter().copied())
    }
}

/// Where a panel is drawn.
struct Plot {
    x: i32,
    width: i32,
    costs: Decades,
}

impl Plot {
    fn draw(&self, root: &Area<'_>, panel: &CostPanel) {
        let quantities = panel.curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.0));
        let quantities = Decades::around(quantities);
        let bottom = HEADER + PLOT;
        for decade in self.costs.first..=self.costs.last {
            let y = bottom - self.costs.place(10_f64.powi(decade), PLOT);
            drawn(root.draw(&PathElement::new([(self.x, y), (self.x + self.width, y)], GRID)));
            drawn(root.draw_text(&duration(decade), &left(13, FAINT), (self.x - 56, y)));
        }
        for decade in quantities.first..=quantities.last {
            let x = self.x + quantities.place(10_f64.powi(decade), self.width);
            drawn(root.draw(&PathElement::new([(x, HEADER), (x, bottom)], GRID)));
            drawn(root.draw_text(&grouped(decade), &centred(13, FAINT), (x, bottom + 14)));
        }
        let middle = (self.x + self.width / 2, bottom + 36);
        drawn(root.draw_text(&panel.quantity, &centred(14, INK), middle));
        for (number, curve) in panel.curves.iter().enumerate() {
            let place = |(x, y): &(f64, f64)| {
                (self.x + quantities.place(*x, self.width), bottom - self.costs.place(*y, PLOT))
            };
            let places: Vec<(i32, i32)> = curve.points.iter().map(place).collect();
            let colour = COLOURS[number % COLOURS.len()];
            drawn(root.draw(&PathElement::new(places.clone(), colour.stroke_width(2))));
            places.into_iter().for_each(|place| sign(root, place, number));
            let y = bottom + AXIS + number as i32 * KEY_LINE + 8;
            sign(root, (self.x + 8, y), number);
            let slope = curve.slope().map_or(String::new(), |slope| format!(", slope {slope:.2}"));
            drawn(root.draw_text(&format!("{}{slope}", curve.name), &left(14, INK), (self.x + 24, y)));
        }
    }
}

/// The sign of a curve: disc, square, diamond, triangle.
fn sign(root: &Area<'_>, (x, y): (i32, i32), number: usize) {
    const R: i32 = 5;
    let filled = COLOURS[number % COLOURS.len()].filled();
    let outcome = match number % COLOURS.len() {
        0 => root.draw(&Circle::new((x, y), R, filled)),
        1 => root.draw(&Rectangle::new([(x - R + 1, y - R + 1), (x + R - 1, y + R - 1)], filled)),
        2 => root.draw(&Polygon::new([(x, y - R), (x + R, y), (x, y + R), (x - R, y)], filled)),
        _ => root.draw(&Polygon::new([(x, y - R), (x + R, y + R), (x - R, y + R)], filled)),
    };
    drawn(outcome);
}

/// A power of ten in seconds: `100 us`, `1 s`.
fn duration(decade: i32) -> String {
    let (unit, below) = match decade {
        ..-6 => ("ns", decade + 9),
        -6..-3 => ("us", decade + 6),
        -3..0 => ("ms", decade + 3),
        0.. => ("s", decade),
    };
    format!("{} {unit}", grouped(below))
}

/// A power of ten with a blank before each three digits: `10 000`.
fn grouped(decade: i32) -> String {
    let zeros = "0".repeat(decade.max(0) as usize);
    let digits = format!("1{zeros}");
    let first = (digits.len() - 1) % 3 + 1;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    std::iter::once(head.to_owned()).chain(groups).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    fn curve(name: &str, points: &[(f64, f64)]) -> CostCurve {
        CostCurve { name: name.to_owned(), points: points.to_vec() }
    }

    #[test]
    fn a_power_is_a_straight_line_with_its_exponent_as_slope() {
        let square = curve("square", &[(10.0, 1.0), (100.0, 100.0), (1_000.0, 10_000.0)]);
        assert!((square.slope().expect("three points") - 2.0).abs() < 1e-9);
        assert_eq!(curve("one", &[(10.0, 1.0)]).slope(), None);
    }

    #[test]
    fn decades_have_units_and_groups_of_digits() {
        let durations = [-9, -7, -6, -4, -3, -1, 0, 1].map(duration);
        assert_eq!(durations, ["1 ns", "100 ns", "1 us", "100 us", "1 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!([0, 3, 4, 6].map(grouped), ["1", "1 000", "10 000", "1 000 000"]);
    }

    #[test]
    fn a_chart_of_costs_has_a_curve_and_a_slope_for_each_thing() {
        let panel = |quantity: &str, scale: f64| CostPanel {
            quantity: quantity.to_owned(),
            curves: vec![
                curve("linear", &[(100.0, 1e-4 * scale), (1_000.0, 1e-3 * scale), (10_000.0, 1e-2 * scale)]),
                curve("constant", &[(100.0, 0.5), (10_000.0, 0.5)]),
                curve("single", &[(1_000.0, 0.055)]),
            ],
        };
        let chart = CostChart {
            title: "Cost".to_owned(),
            subtitle: "Made up.".to_owned(),
            panels: vec![panel("nodes", 1.0), panel("tasks", 3.0)],
        };
        expect_file!["../../testdata/costs.svg"].assert_eq(&chart.draw());
    }
}
