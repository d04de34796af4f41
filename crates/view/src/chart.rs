//! Charts of what was measured, as SVG: lines over a linear or logarithmic axis, each with its name where it ends.

// What is drawn decides nothing.
#![allow(clippy::float_arithmetic)]

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Circle, Path, Style};

use crate::picture::{line, page, text, ticks};

/// A chart: what it is called, its axes, and its lines.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// Its lines.
    pub series: Vec<Series>,
}

/// What an axis says.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures, with its unit unless the numbers have it.
    pub label: String,
    /// How it goes on.
    pub scale: Scale,
    /// How a number on it is written.
    pub number: fn(f64) -> String,
}

/// How an axis goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By sums, from 0.
    Linear,
    /// By products, in powers of this; what is not above 0 can't be shown.
    Logarithmic(u32),
}

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Where it goes, from left to right.
    pub points: Vec<Point>,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is.
    pub x: f64,
    /// What was measured there.
    pub y: f64,
    /// Between what it may be.
    pub spread: Option<(f64, f64)>,
}

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 620.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 800.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 560.0;
/// Names of lines are no closer.
const NAMES_APART: f64 = 17.0;
/// Numbers along an axis are no more, about.
const MOST_TICKS: usize = 12;

/// Lines differ by these, which come again if there are more lines.
const COLOURS: [(&str, &str); 8] = [
    ("#1f5fbf", "#7ab0ff"),
    ("#c62828", "#ff7b72"),
    ("#2e7d32", "#7bd88f"),
    ("#b26a00", "#ffb454"),
    ("#6a3fb5", "#c6a0ff"),
    ("#00796b", "#5fd7c8"),
    ("#8d5524", "#d9a577"),
    ("#5f6368", "#b0b4b9"),
];

impl Chart {
    /// The chart as SVG that needs nothing else, for a light page and for a dark one.
    pub fn to_svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let ends = |point: &Point| {
            let (low, high) = point.spread.unwrap_or((point.y, point.y));
            [point.y, low, high]
        };
        let x = Ruler::new(self.x.scale, points().map(|point| point.x), (LEFT, RIGHT));
        let y = Ruler::new(self.y.scale, points().flat_map(ends), (BOTTOM, TOP));
        let mut page = self.grid(page(WIDTH, HEIGHT, &self.title).add(Style::new(colours())), &x, &y);
        let mut names = Vec::new();
        for (number, series) in self.series.iter().enumerate() {
            let class = format!("line{}", number % COLOURS.len());
            let shown = series.points.iter().filter(|point| x.shows(point.x) && y.shows(point.y));
            let mut way = Data::new();
            let mut last = None;
            for point in shown {
                let at = (x.at(point.x), y.at(point.y));
                way = if last.is_none() { way.move_to(at) } else { way.line_to(at) };
                last = Some(at);
                if let Some((low, high)) = point.spread {
                    page = page.add(line((at.0, y.at(low)), (at.0, y.at(high)), &format!("{class} spread")));
                }
                let dot = Circle::new().set("cx", at.0).set("cy", at.1).set("r", 3);
                page = page.add(dot.set("class", format!("{class} dot")));
            }
            if let Some(last) = last {
                page = page.add(Path::new().set("class", class.as_str()).set("d", way));
                names.push((last, class, series.name.as_str()));
            }
        }
        add_names(page, names).to_string()
    }

    /// The axes, with numbers and lines across.
    fn grid(&self, mut page: Document, x: &Ruler, y: &Ruler) -> Document {
        page = page.add(text(LEFT, 28.0, "end", "start", &self.title));
        for value in x.ticks() {
            let at = x.at(value);
            let words = (self.x.number)(value);
            page = page.add(line((at, TOP), (at, BOTTOM), "rule")).add(text(
                at,
                BOTTOM + 18.0,
                "faint",
                "middle",
                &words,
            ));
        }
        for value in y.ticks() {
            let at = y.at(value);
            let words = (self.y.number)(value);
            page = page.add(line((LEFT, at), (RIGHT, at), "rule")).add(text(
                LEFT - 8.0,
                at + 4.0,
                "faint",
                "end",
                &words,
            ));
        }
        page.add(text(RIGHT, BOTTOM + 40.0, "faint", "end", &self.x.label)).add(text(
            LEFT,
            TOP - 12.0,
            "faint",
            "start",
            &self.y.label,
        ))
    }
}

/// The names of lines beside their ends, pushed apart where they would overlap.
fn add_names(mut page: Document, mut names: Vec<((f64, f64), String, &str)>) -> Document {
    names.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let mut above = TOP - NAMES_APART;
    let mut heights: Vec<f64> = names
        .iter()
        .map(|((_, y), ..)| {
            above = y.max(above + NAMES_APART);
            above
        })
        .collect();
    // What was pushed off the page pushes the others back.
    let mut below = BOTTOM + NAMES_APART;
    for height in heights.iter_mut().rev() {
        *height = height.min(below - NAMES_APART);
        below = *height;
    }
    for (((x, y), class, name), height) in names.into_iter().zip(heights) {
        let from = (x + 5.0, y);
        page = page.add(line(from, (RIGHT + 14.0, height), &format!("{class} spread")));
        page = page.add(text(RIGHT + 18.0, height + 4.0, &class, "start", name));
    }
    page
}

fn colours() -> String {
    let rules = |which: fn(&(&'static str, &'static str)) -> &'static str| {
        let rule = |(number, colours)| {
            let colour = which(colours);
            format!(
                ".line{number} {{ stroke: {colour}; stroke-width: 2 }} text.line{number} {{ fill: {colour}; \
                 stroke: none }} .line{number}.dot {{ fill: {colour}; stroke: none }}\n"
            )
        };
        COLOURS.iter().enumerate().map(rule).collect::<String>()
    };
    format!(
        "{}@media (prefers-color-scheme: dark) {{\n{}}}\n.spread {{ stroke-width: 1; opacity: 0.6 }}",
        rules(|colours| colours.0),
        rules(|colours| colours.1)
    )
}

/// Where numbers are along an axis.
struct Ruler {
    scale: Scale,
    /// The least and the largest number, as the scale has them.
    range: (f64, f64),
    /// Where those are on the page.
    page: (f64, f64),
}

impl Ruler {
    fn new(scale: Scale, values: impl Iterator<Item = f64>, page: (f64, f64)) -> Ruler {
        let shown = values.filter(|value| value.is_finite() && (scale == Scale::Linear || *value > 0.0));
        let along = shown.map(|value| Ruler::along(scale, value));
        let first = if scale == Scale::Linear { 0.0 } else { f64::INFINITY };
        let (low, high) =
            along.fold((first, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let range = match scale {
            _ if low > high => (0.0, 1.0),
            Scale::Linear => (low, high.max(low + f64::MIN_POSITIVE) * 1.05),
            Scale::Logarithmic(_) => (low.floor(), high.ceil().max(low.floor() + 1.0)),
        };
        Ruler { scale, range, page }
    }

    fn along(scale: Scale, value: f64) -> f64 {
        match scale {
            Scale::Linear => value,
            // Whole powers are whole.
            Scale::Logarithmic(base) => {
                let power = value.log(f64::from(base));
                if (power - power.round()).abs() < 1e-9 { power.round() } else { power }
            }
        }
    }

    fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }

    fn at(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let along = if self.shows(value) { Ruler::along(self.scale, value).clamp(low, high) } else { low };
        self.page.0 + (self.page.1 - self.page.0) * (along - low) / (high - low)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => ticks(self.range.1).collect(),
            Scale::Logarithmic(base) => {
                let (low, high) = (self.range.0 as i32, self.range.1 as i32);
                let step = ((high - low) as usize).div_ceil(MOST_TICKS).max(1);
                (low..=high).step_by(step).map(|power| f64::from(base).powi(power)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scale: Scale, points: &[(f64, f64)]) -> Chart {
        let axis =
            |label: &str| Axis { label: label.to_owned(), scale, number: |value| format!("<{value}>") };
        let points = points.iter().map(|&(x, y)| Point { x, y, spread: Some((y / 2.0, y * 2.0)) }).collect();
        let series = vec![Series { name: "a & b".to_owned(), points }];
        Chart { title: "Two lines".to_owned(), x: axis("x"), y: axis("y"), series }
    }

    #[test]
    fn powers_lie_evenly() {
        let ruler = Ruler::new(Scale::Logarithmic(10), [1.0, 1000.0].into_iter(), (0.0, 300.0));
        assert_eq!(
            [1.0, 10.0, 100.0, 1000.0].map(|value| ruler.at(value).round()),
            [0.0, 100.0, 200.0, 300.0]
        );
        assert_eq!(ruler.ticks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn what_was_not_measured_is_no_harm() {
        for points in [&[][..], &[(0.0, 0.0)], &[(1.0, f64::NAN), (-1.0, f64::INFINITY)], &[(5.0, 5.0)]] {
            for scale in [Scale::Linear, Scale::Logarithmic(2)] {
                let svg = chart(scale, points).to_svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{points:?} {scale:?}");
            }
        }
    }

    #[test]
    fn names_are_text() {
        let svg = chart(Scale::Linear, &[(1.0, 2.0), (2.0, 4.0)]).to_svg();
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;1&gt;"), "{svg}");
    }

    #[test]
    fn names_stay_apart_and_on_the_page() {
        let mut crowd = chart(Scale::Linear, &[(1.0, 1.0)]);
        crowd.series = vec![crowd.series[0].clone(); 20];
        let svg = crowd.to_svg();
        let heights: Vec<f64> = svg
            .split("<text ")
            .filter(|text| text.contains("a &amp; b"))
            .filter_map(|text| text.split("y=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(heights.len(), 20);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] > NAMES_APART - 0.1), "{heights:?}");
        assert!(heights.iter().all(|height| (TOP..HEIGHT).contains(height)), "{heights:?}");
    }
}
