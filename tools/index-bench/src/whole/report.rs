// SPDX-License-Identifier: GPL-2.0-only

//! The table beside the figures of UDS, the list of metrics, and the plot.

use super::phases::{Figures, Point};
use std::fmt::Write;

/// A figure and what it must not exceed.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What was measured.
    pub value: f64,
    /// The most that is good enough.
    pub bound: f64,
    /// What UDS does; NaN where it is not known.
    pub uds: f64,
}

/// All figures as metrics; `speedup` is that of two zones, if it was measured.
pub fn metrics(figures: &Figures, speedup: Option<f64>) -> Vec<Metric> {
    let metric = |metric, unit, value, bound, uds| Metric {
        metric,
        unit,
        value,
        bound,
        uds,
    };
    let share = |lost: u64, asked: u64| lost as f64 * 1e6 / asked.max(1) as f64;
    let mut all = vec![
        metric("fill", "us/record", figures.fill / 1e3, 0.45, 1.24),
        metric("steady state", "us/record", figures.steady / 1e3, 0.65, 2.5),
        metric(
            "half duplicates",
            "us/request",
            figures.duplicates / 1e3,
            1.0,
            3.0,
        ),
        metric(
            "query, open chapter",
            "us/request",
            figures.query_open / 1e3,
            0.2,
            f64::NAN,
        ),
        metric(
            "query, absent",
            "us/request",
            figures.query_absent / 1e3,
            0.2,
            f64::NAN,
        ),
        metric("memory", "bytes/record", figures.memory, 3.3, 3.6),
        metric("disk", "bytes/record", figures.disk, 28.0, 35.0),
        metric(
            "read by a hit",
            "bytes",
            figures.hit_bytes,
            16384.0,
            65536.0,
        ),
        metric(
            "reads of absent names",
            "in 1000",
            figures.absent_reads,
            1.0,
            0.24,
        ),
        metric(
            "read by a load",
            "of the volume",
            figures.load_share,
            0.05,
            1.0,
        ),
        metric(
            "duplicates not found",
            "in 1000000",
            share(figures.duplicates_lost, figures.duplicates_asked),
            1.0,
            f64::NAN,
        ),
        metric(
            "recent names lost by a crash",
            "in 1000000",
            share(figures.load_lost, figures.load_asked),
            1.0,
            f64::NAN,
        ),
    ];
    if let Some(speedup) = speedup {
        all.push(metric(
            "two zones, inverse of the speed",
            "of one zone",
            1.0 / speedup,
            1.0 / 1.8,
            f64::NAN,
        ));
    }
    all
}

/// A table for people.
pub fn table(metrics: &[Metric]) -> String {
    let mut text = format!(
        "{:34} {:>14} {:>12} {:>12} {:>12}\n",
        "metric", "unit", "value", "at most", "UDS"
    );
    for metric in metrics {
        let uds = if metric.uds.is_nan() {
            String::new()
        } else {
            format!("{:.3}", metric.uds)
        };
        let mark = if metric.value <= metric.bound {
            ""
        } else {
            "  MISSED"
        };
        let _ = writeln!(
            text,
            "{:34} {:>14} {:>12.4} {:>12.4} {:>12}{mark}",
            metric.metric, metric.unit, metric.value, metric.bound, uds
        );
    }
    text
}

/// The same for programs.
pub fn json(metrics: &[Metric]) -> String {
    let rows: Vec<String> = metrics
        .iter()
        .map(|metric| {
            format!(
                "  {{\"metric\": \"{}\", \"unit\": \"{}\", \"value\": {:.6}, \"bound\": {:.6}}}",
                metric.metric, metric.unit, metric.value, metric.bound
            )
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 60.0;

/// A plot of time and memory a record against fill.
pub fn plot(curve: &[Point]) -> String {
    let time = |point: &Point| point.nanoseconds;
    let bytes = |point: &Point| point.bytes;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    text += &line(curve, time, "#1f5fa8", MARGIN - 8.0, "end", "ns a record");
    text += &line(
        curve,
        bytes,
        "#b8501f",
        WIDTH - MARGIN + 8.0,
        "start",
        "bytes a record",
    );
    for step in 0..=4 {
        let fill = f64::from(step) / 4.0;
        let x = MARGIN + fill * (WIDTH - 2.0 * MARGIN);
        let _ = writeln!(
            text,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{:.0} %</text>",
            HEIGHT - MARGIN + 20.0,
            fill * 100.0
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">fill of the index</text>\n</svg>",
        WIDTH / 2.0,
        HEIGHT - 15.0
    );
    text
}

fn line(
    curve: &[Point],
    value: impl Fn(&Point) -> f64,
    colour: &str,
    labels: f64,
    anchor: &str,
    title: &str,
) -> String {
    let most = curve.iter().map(&value).fold(1.0, f64::max);
    // The next of 1, 2, 5 times a power of ten.
    let power = 10f64.powf(most.log10().floor());
    let top = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|top| *top >= most)
        .unwrap_or(most);
    let y = |value: f64| HEIGHT - MARGIN - value / top * (HEIGHT - 2.0 * MARGIN);
    let points: Vec<String> = curve
        .iter()
        .map(|point| {
            let x = MARGIN + point.fill * (WIDTH - 2.0 * MARGIN);
            format!("{x:.1},{:.1}", y(value(point)))
        })
        .collect();
    let mut text = format!(
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n",
        points.join(" ")
    );
    for step in 0..=4 {
        let at = top * f64::from(step) / 4.0;
        let _ = writeln!(
            text,
            "<text x=\"{labels:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{at}</text>",
            y(at) + 4.0
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{labels:.0}\" y=\"{:.0}\" text-anchor=\"{}\" fill=\"{colour}\">{title}</text>",
        MARGIN - 25.0,
        if anchor == "end" { "start" } else { "end" }
    );
    text
}
