//! Answers as people read them: columns of text.

use serde_json::Value;

/// Rows under a head, each column as wide as its widest cell.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head and no rows.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|name| name.to_uppercase()).collect()] }
    }

    /// A table of rows alone.
    pub fn without_head() -> Self {
        Self { rows: Vec::new() }
    }

    /// One more row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// All of it, with a line for each row.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// A value as a cell.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A span of time in its two largest units.
pub fn span(ms: i64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        ..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{seconds}s"),
        60_000..3_600_000 => format!("{minutes}m{:02}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_lines_end_with_their_text() {
        let mut table = Table::new(&["dish", "price", ""]);
        table.row(["Tiramisù".to_owned(), "5".to_owned(), String::new()]);
        table.row(["Polenta".to_owned(), "1250".to_owned(), "sold out".to_owned()]);
        assert_eq!(table.text(), "DISH      PRICE\nTiramisù  5\nPolenta   1250   sold out\n");
        assert_eq!([text(&Value::Null), text(&3.into()), text(&"x".into())], ["", "3", "x"]);
    }

    #[test]
    fn a_span_is_told_by_its_two_largest_units() {
        let hour = 3_600_000;
        let cases = [(0, "0ms"), (999, "999ms"), (1_000, "1s"), (59_999, "59s"), (61_000, "1m01s")];
        let longer = [(hour - 1, "59m59s"), (hour, "1h00m"), (24 * hour - 1, "23h59m")];
        for (ms, told) in cases.into_iter().chain(longer).chain([(49 * hour, "2d01h")]) {
            assert_eq!(span(ms), told);
        }
    }
}
