// SPDX-License-Identifier: GPL-2.0-only

//! Draws a device: a line of words, bars, counters with their rates, and graphs.

use super::figures::{figures, fills, graphs, words, Figure, Graph};
use super::history::History;
use crate::failure::Failure;
use crate::status_line::{Share, TargetStatus};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::{line, Marker};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, LineGauge, Paragraph};
use ratatui::Frame;

/// Colours of the lines of a graph.
const COLOURS: [Color; 3] = [Color::Cyan, Color::Yellow, Color::Green];
/// Columns of counters.
const COLUMNS: usize = 2;
/// Fewest seconds that a graph shows.
const SECONDS_MINIMUM: f64 = 60.0;
/// Fewest rows and columns of a graph of which anything can be seen.
const GRAPH_MINIMUM: (u16, u16) = (5, 20);

/// What is drawn.
pub struct Picture<'a> {
    /// Name of the mapped device.
    pub name: &'a str,
    /// What it says now.
    pub status: &'a TargetStatus,
    /// Why something is missing.
    pub complaint: Option<&'a Failure>,
    /// What it said before.
    pub history: &'a History,
}

/// Draws a picture on all of the terminal. What has no room is left out, graphs first.
pub fn draw(frame: &mut Frame<'_>, picture: &Picture<'_>) {
    let fills = fills(picture.status);
    let figures = figures(picture.status, picture.history);
    // CAST: a few rows.
    let heights = [
        1,
        1,
        fills.len() as u16,
        figures.len().div_ceil(COLUMNS) as u16,
    ];
    let rows = heights.map(Constraint::Length);
    let [title, state, bars, counters, rest] =
        Layout::vertical([rows[0], rows[1], rows[2], rows[3], Constraint::Min(0)])
            .areas(frame.area());
    draw_title(frame, title, picture);
    draw_words(frame, state, picture);
    let lines = Layout::vertical(fills.iter().map(|_| Constraint::Length(1))).split(bars);
    for ((label, share), area) in fills.iter().zip(lines.iter()) {
        draw_fill(frame, *area, label, *share);
    }
    draw_figures(frame, counters, &figures);
    let seconds = picture.history.seconds().max(SECONDS_MINIMUM);
    let graphs = graphs(picture.status, picture.history);
    let halves = Layout::horizontal([Constraint::Fill(1); 2]).areas::<2>(rest);
    for (graph, area) in graphs.iter().zip(halves) {
        if area.height >= GRAPH_MINIMUM.0 && area.width >= GRAPH_MINIMUM.1 {
            draw_graph(frame, area, graph, seconds);
        }
    }
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, picture: &Picture<'_>) {
    let TargetStatus { mode, state, .. } = picture.status;
    let colour = if state == "ok" {
        Color::Green
    } else {
        Color::Red
    };
    let left = Line::from(vec![
        Span::from(picture.name.to_owned()).bold(),
        Span::from(format!(": {mode}, ")),
        Span::styled(state.clone(), Style::new().fg(colour).bold()),
    ]);
    frame.render_widget(Line::from("q ends").right_aligned().dim(), area);
    frame.render_widget(left, area);
}

fn draw_words(frame: &mut Frame<'_>, area: Rect, picture: &Picture<'_>) {
    let line = match picture.complaint {
        Some(complaint) => Line::from(complaint.to_string()).red(),
        None => Line::from(words(picture.status)),
    };
    frame.render_widget(line, area);
}

fn draw_fill(frame: &mut Frame<'_>, area: Rect, label: &str, share: Share) {
    let ratio = if share.whole == 0 {
        0.0
    } else {
        (share.part as f64 / share.whole as f64).clamp(0.0, 1.0)
    };
    let numbers = format!("{} of {}", share.part, share.whole);
    let gauge = LineGauge::default()
        .ratio(ratio)
        .label(format!("{label:<9}{numbers:>24}{:>7.1}%", ratio * 100.0))
        .line_set(line::THICK)
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(Style::new().fg(Color::DarkGray));
    frame.render_widget(gauge, area);
}

/// Counters, row by row in columns.
fn draw_figures(frame: &mut Frame<'_>, area: Rect, figures: &[Figure]) {
    let columns = Layout::horizontal([Constraint::Fill(1); COLUMNS]).areas::<COLUMNS>(area);
    for (number, column) in columns.into_iter().enumerate() {
        let lines: Vec<Line<'_>> = figures
            .iter()
            .skip(number)
            .step_by(COLUMNS)
            .map(|figure| Line::from(figure_text(figure)))
            .collect();
        frame.render_widget(Paragraph::new(lines), column);
    }
}

fn figure_text(figure: &Figure) -> String {
    let rate = figure
        .rate
        .map(|rate| format!("{}/s", short(rate)))
        .unwrap_or_default();
    format!("{:<16}{:>13}{rate:>9}", figure.label, figure.value)
}

fn draw_graph(frame: &mut Frame<'_>, area: Rect, graph: &Graph, seconds: f64) {
    let largest = graph
        .curves
        .iter()
        .flat_map(|curve| &curve.points)
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    // A scale that begins and ends at 0 shows nothing.
    let end = graph.end.unwrap_or_else(|| largest.max(1.0));
    let mut title = vec![Span::from(format!("{}:", graph.unit))];
    let datasets = graph
        .curves
        .iter()
        .zip(COLOURS)
        .map(|(curve, colour)| {
            title.push(Span::styled(
                format!(" {}", curve.label),
                Style::new().fg(colour),
            ));
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(colour))
                .data(&curve.points)
        })
        .collect();
    let chart = Chart::new(datasets)
        .block(Block::bordered().title(Line::from(title)))
        .x_axis(
            Axis::default()
                .bounds([-seconds, 0.0])
                .labels([format!("{} s ago", seconds.round()), "now".to_owned()]),
        )
        .y_axis(
            Axis::default()
                .bounds([0.0, end])
                .labels(["0".to_owned(), short(end)]),
        );
    frame.render_widget(chart, area);
}

/// A number in few letters: `0.5`, `12`, `3500`, `12.3k`, `4.5M`.
pub fn short(number: f64) -> String {
    let scaled = [(1e9, "G"), (1e6, "M"), (1e4, "k")]
        .into_iter()
        .find(|(least, _)| number >= *least);
    match scaled {
        Some((_, "k")) => format!("{:.1}k", number / 1e3),
        Some((least, letter)) => format!("{:.1}{letter}", number / least),
        None if number == number.trunc() || number >= 100.0 => format!("{number:.0}"),
        None => format!("{number:.1}"),
    }
}
