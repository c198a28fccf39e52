//! Tables as docker prints them: every column but the last is as wide as its widest cell and three spaces more,
//! and at least ten characters.

const WIDTH_MIN: usize = 10;
const GAP: usize = 3;

/// Rows of equal length, the first one being the headers.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headers: &[&str]) -> Self {
        Table { rows: vec![headers.iter().map(|header| (*header).to_owned()).collect()] }
    }

    pub(super) fn add<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(self.rows[0].len(), N, "a cell for each header");
        self.rows.push(cells.into());
    }

    /// The table as lines. The last column is not padded, so an empty last cell leaves spaces behind.
    pub(super) fn print(&self) -> String {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let (last, padded) = row.split_last().expect("a table has columns");
            for (cell, width) in padded.iter().zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
            text.push_str(last);
            text.push('\n');
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count() + GAP);
        cells.fold(WIDTH_MIN, usize::max)
    }
}
