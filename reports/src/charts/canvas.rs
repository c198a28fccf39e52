//! Colours, fonts and small shapes that all charts share.
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::markers::MarkerKind;

/// A piece of a chart that is drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const FAINT: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub(super) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const PURPLE: RGBColor = RGBColor(0x8a, 0x3f, 0x7b);

/// Width of a chart.
pub(super) const WIDTH: i32 = 1_000;
/// Height of what stands above everything: name, seed, what the lines mean.
pub(super) const HEADER: i32 = 78;
/// Height of a line of the key below everything.
pub(super) const KEY_LINE: i32 = 24;
/// Radius of a marker's sign.
pub(super) const SIGN_RADIUS: i32 = 9;

/// Text of a size in a colour, with its left end in the middle of its height at the given place.
pub(super) fn left(size: i32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center))
}

/// The same with its middle at the given place.
pub(super) fn centred(size: i32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(HPos::Center, VPos::Center))
}

/// The same in bold.
pub(super) fn bold(size: i32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size)
        .into_font()
        .style(FontStyle::Bold)
        .color(&colour)
        .pos(Pos::new(HPos::Left, VPos::Center))
}

pub(super) fn colour(kind: MarkerKind) -> RGBColor {
    match kind {
        MarkerKind::Fault => VERMILION,
        MarkerKind::Mended => GREEN,
        MarkerKind::Leader => PURPLE,
        MarkerKind::Planned => BLUE,
    }
}

/// A marker's sign: a disc for a fault, a square for what is mended, a diamond for a leader, a
/// hexagon for what was planned, with its number in it.
pub(super) fn draw_sign(area: &Area<'_>, (x, y): (i32, i32), kind: MarkerKind, number: Option<usize>) {
    let (r, filled) = (SIGN_RADIUS, colour(kind).filled());
    let outcome = match kind {
        MarkerKind::Fault => area.draw(&Circle::new((x, y), r, filled)),
        MarkerKind::Mended => {
            area.draw(&Rectangle::new([(x - r + 1, y - r + 1), (x + r - 1, y + r - 1)], filled))
        }
        MarkerKind::Leader => {
            area.draw(&Polygon::new([(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)], filled))
        }
        MarkerKind::Planned => {
            let (side, half) = (r + 1, r / 2 + 1);
            let right = [(x + side, y), (x + half, y + r), (x - half, y + r)];
            let left = [(x - side, y), (x - half, y - r), (x + half, y - r)];
            area.draw(&Polygon::new([right, left].concat(), filled))
        }
    };
    drawn(outcome);
    if let Some(number) = number {
        drawn(area.draw_text(&number.to_string(), &centred(11, WHITE), (x, y)));
    }
}

/// The string that a chart is drawn to takes everything.
pub(super) fn drawn<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    outcome.expect("a text takes every drawing")
}
