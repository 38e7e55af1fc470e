//! A drawing of the flow that stands alone: no script, no font, no style from outside.
//!
//! Waiting statuses stand in the top row from left to right; where an order comes to rest, it stands
//! in the last column, one below the other. A line to a place of rest falls from its status and then
//! runs to the right; the way back, dashed, runs to the left and climbs. Text is text.

use crate::domain::flow::{FLOW, Status, Transition, Trigger};
use std::fmt::Write;

const WIDTH: i32 = 130;
const HEIGHT: i32 = 44;
const COLUMN: i32 = 290;
const ROW: i32 = 84;
const LEFT: i32 = 30;
const TOP: i32 = 120;

/// How far apart two lines leave the same status.
const PORT: i32 = 14;

const STYLE: &str = "text{font:13px sans-serif;fill:#1b1f24;text-anchor:middle}\
    .label{font-size:11px;fill:#3d444d;paint-order:stroke;stroke:#fff;stroke-width:4px}\
    .waits{fill:#ddf4ff;stroke:#0969da}.rests{fill:#f6f8fa;stroke:#57606a}\
    path{fill:none;stroke:#57606a;stroke-width:1.3;marker-end:url(#tip)}\
    .back{stroke-dasharray:5 4}#tip path{fill:#57606a;stroke:none;marker-end:none}";

/// The flow as an SVG document, the same for the same table.
#[must_use]
pub fn svg() -> String {
    let rests = Status::ALL.iter().filter(|status| status.is_at_rest()).count() as i32;
    let waits = Status::ALL.len() as i32 - rests;
    let (width, height) = (2 * LEFT + waits * COLUMN + WIDTH, TOP + (rests - 1) * ROW + LEFT);
    let mut drawing = Drawing { text: String::new() };
    drawing.add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>The flow of an order</title>\n<style>{STYLE}</style>\n\
         <marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"
    ));
    for arrow in FLOW {
        drawing.arrow(arrow);
    }
    for label in labels() {
        drawing.label(label);
    }
    for &status in Status::ALL {
        drawing.status(status);
    }
    drawing.text + "</svg>\n"
}

/// A label is written once where several lines come together.
fn labels() -> Vec<&'static Transition> {
    let mut once: Vec<&Transition> = Vec::new();
    for arrow in FLOW {
        let joins = |other: &&Transition| {
            (other.to, other.on) == (arrow.to, arrow.on) && row(arrow.to) > 0 && !is_back(arrow)
        };
        if !once.iter().any(joins) {
            once.push(arrow);
        }
    }
    once
}

struct Drawing {
    text: String,
}

impl Drawing {
    fn add(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{what}");
    }

    fn status(&mut self, status: Status) {
        let (x, y) = corner(status);
        let class = if status.is_at_rest() { "rests" } else { "waits" };
        let (middle, base) = (x + WIDTH / 2, y + HEIGHT / 2 + 5);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             rx=\"8\"/><text x=\"{middle}\" y=\"{base}\">{status}</text>"
        ));
    }

    fn arrow(&mut self, arrow: &Transition) {
        let Transition { from, on, to, by } = arrow;
        let by: Vec<&str> = by.iter().map(|role| role.as_str()).collect();
        let class = if is_back(arrow) { "back" } else { "on" };
        self.add(format_args!(
            "<path class=\"{class}\" d=\"{}\"><title>{from} to {to}: {on}, by {}</title></path>",
            line(arrow),
            by.join(", ")
        ));
    }

    fn label(&mut self, arrow: &Transition) {
        let (x, y) = label_at(arrow);
        let on: Trigger = arrow.on;
        self.add(format_args!("<text class=\"label\" x=\"{x}\" y=\"{y}\">{on}</text>"));
    }
}

/// The way back from a place of rest.
fn is_back(arrow: &Transition) -> bool {
    arrow.from.is_at_rest()
}

/// Which of its kind it is, in reading order.
fn place(status: Status) -> i32 {
    let kin = Status::ALL.iter().filter(|other| other.is_at_rest() == status.is_at_rest());
    kin.take_while(|other| **other != status).count() as i32
}

fn column(status: Status) -> i32 {
    let waits = Status::ALL.iter().filter(|status| !status.is_at_rest()).count() as i32;
    if status.is_at_rest() { waits } else { place(status) }
}

fn row(status: Status) -> i32 {
    if status.is_at_rest() { place(status) } else { 0 }
}

/// Left and upper edge.
fn corner(status: Status) -> (i32, i32) {
    (LEFT + column(status) * COLUMN, TOP - HEIGHT + row(status) * ROW)
}

/// Where the line between a status of the top row and a place of rest leaves its lower edge: the
/// deeper it falls the further left, so that two of the same status never cross.
fn port(waiting: Status, rest: Status) -> i32 {
    corner(waiting).0 + WIDTH / 2 + (3 - row(rest)) * PORT
}

/// How high a line passes over what stands between.
fn lift(arrow: &Transition) -> i32 {
    22 + 22 * (column(arrow.to) - column(arrow.from))
}

fn line(arrow: &Transition) -> String {
    let ((from_x, from_y), (to_x, to_y)) = (corner(arrow.from), corner(arrow.to));
    let (middle, half) = (to_y + HEIGHT / 2, WIDTH / 2);
    if is_back(arrow) {
        let (x, y, foot) =
            (port(arrow.to, arrow.from) - PORT / 2, from_y + HEIGHT - 8, to_y + HEIGHT);
        return format!("M{from_x} {y}H{x}V{foot}");
    }
    if arrow.from == arrow.to {
        let (left, right, up) = (from_x + half - 18, from_x + half + 18, from_y - 34);
        return format!("M{left} {from_y}C{left} {up} {right} {up} {right} {from_y}");
    }
    if row(arrow.to) > 0 {
        let (x, foot) = (port(arrow.from, arrow.to), from_y + HEIGHT);
        return format!("M{x} {foot}V{middle}H{to_x}");
    }
    match column(arrow.to) - column(arrow.from) {
        1 => format!("M{} {middle}H{to_x}", from_x + WIDTH),
        _ => {
            let (begin, end, up) = (from_x + half + 30, to_x + half - 30, from_y - lift(arrow));
            format!("M{begin} {from_y}C{begin} {up} {end} {up} {end} {to_y}")
        }
    }
}

fn label_at(arrow: &Transition) -> (i32, i32) {
    let ((from_x, from_y), (to_x, to_y)) = (corner(arrow.from), corner(arrow.to));
    let before = to_x - (COLUMN - WIDTH) / 2;
    if is_back(arrow) {
        return (from_x - (COLUMN - WIDTH) / 2, from_y + HEIGHT + 5);
    }
    if arrow.from == arrow.to {
        return (from_x + WIDTH / 2, from_y - 30);
    }
    if row(arrow.to) == 0 && column(arrow.to) - column(arrow.from) > 1 {
        return ((from_x + to_x + WIDTH) / 2, from_y - lift(arrow) * 3 / 4 - 4);
    }
    (before, to_y + HEIGHT / 2 - 6)
}
