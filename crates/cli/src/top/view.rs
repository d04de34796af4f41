//! The model on a screen of any size.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph, Sparkline};
use sockeye_look::{Role, Snapshot, Socket};

use super::model::{Model, Sample};
use super::rows::{Cell, Column, Row, Tab, scaled};

/// Columns are so far apart.
const GAP: usize = 2;
/// No text of a column is longer, but for the last.
const WIDEST: usize = 40;

const HELP: &str = "\
Tab, 1 to 4   hosts, links, sockets, drops
arrows        choose a row; left and right: the column to sort by
r             the other way round
Enter         of a host: its sockets; of a socket: its life
/             only what contains a text; Esc: all again
p, space      stand still
PgUp, PgDn, Home, End
q, Ctrl-C     end; Ctrl-Z: stop

OUT and IN are bytes a second, of links headers included;
of connections what was acknowledged, and what came.
Any key goes on.";

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let lines = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [head, tabs, body, foot] = lines.areas(frame.area());
    model.page = usize::from(body.height.saturating_sub(1));
    frame.render_widget(headline(model, head.width.into()), head);
    frame.render_widget(tab_line(model, tabs.width.into()), tabs);
    match &model.detail {
        Some(id) => draw_detail(frame, model, id, body),
        None => draw_table(frame, model, body),
    }
    frame.render_widget(footline(model), foot);
    if model.helping {
        draw_help(frame, body);
    }
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn reversed() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

/// What it is, how long it has been there, and how much is in it: the first word matters most.
fn headline(model: &Model, width: usize) -> Line<'static> {
    let now = model.now();
    let state = match (&model.gone, model.paused) {
        (Some(why), _) => format!("{why}; q ends"),
        (None, true) => "paused".to_owned(),
        (None, false) => String::new(),
    };
    let name = name_of(now);
    let sockets: usize = now.hosts.iter().map(|host| host.sockets.len()).sum();
    let counts = format!(
        "{}, {}, {}",
        plural(now.hosts.len(), "host"),
        plural(now.links.len(), "link"),
        plural(sockets, "socket")
    );
    let up = format!("up {}", clock(now.now / 1_000_000_000));
    // What has no room is left out, the end first; but that nothing new comes is said.
    let mut spans = vec![Span::styled(name, bold())];
    if !state.is_empty() {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(state, reversed()));
    }
    for more in [up, counts] {
        let used: usize = spans.iter().map(Span::width).sum();
        if used + GAP + more.len() <= width {
            spans.push(Span::raw(format!("  {more}")));
        }
    }
    Line::from(spans)
}

/// What a network is called.
pub(super) fn name_of(snapshot: &Snapshot) -> String {
    let about = &snapshot.about;
    let name = about.network.clone().or_else(|| about.program.clone()).unwrap_or_default();
    match about.role {
        Role::Run | Role::Host => format!("run {name} ({})", about.pid),
        Role::Up | Role::Lab => format!("{} {name}", about.role),
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// All tabs if there is room, else the one that is shown.
fn tab_line(model: &Model, width: usize) -> Line<'static> {
    let whole: usize = Tab::ALL.iter().map(|tab| tab.title().len() + 3).sum();
    let tabs = Tab::ALL.into_iter().filter(|tab| whole <= width || *tab == model.tab);
    let mut spans: Vec<_> = tabs
        .flat_map(|tab| {
            let style = if tab == model.tab { reversed() } else { Style::new() };
            [Span::styled(format!(" {} ", tab.title()), style), Span::raw(" ")]
        })
        .collect();
    if model.editing || !model.filter.is_empty() {
        spans.push(Span::raw(format!("/{}", model.filter)));
        spans.extend(model.editing.then(|| Span::styled(" ", reversed())));
    }
    Line::from(spans)
}

fn footline(model: &Model) -> Line<'static> {
    let text = match (&model.detail, model.editing) {
        (_, true) => "Enter: keep, Esc: all",
        (Some(_), _) => "? help  Esc back  p pause  q quit",
        (None, _) => "? help  Tab next  / filter  < > sort  r turn  Enter look  p pause  q quit",
    };
    Line::styled(text, Style::new().add_modifier(Modifier::DIM))
}

/// A table's columns as wide as what is in them, as many as there is room for; the one it is sorted by is always there.
fn draw_table(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let (rows, chosen) = model.rows();
    let (columns, _) = model.tab.columns();
    let (sort, turned) = model.looked().sort;
    let shown: Vec<Vec<String>> =
        rows.iter().map(|row| row.cells.iter().map(Cell::shown).collect()).collect();
    let widths = widths(columns, &shown);
    let kept = fitting(&widths, sort, area.width.into());
    let line = |cells: &[String]| -> String {
        let cells = kept.iter().map(|at| aligned(&cells[*at], widths[*at], columns[*at].counts));
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
    };
    let mut titles = Vec::new();
    for at in &kept {
        let title = aligned(columns[*at].title, widths[*at], columns[*at].counts);
        let arrow = if turned { "▲" } else { "▼" };
        let style = if *at == sort { bold().add_modifier(Modifier::UNDERLINED) } else { bold() };
        titles.push(Span::styled(title, style));
        titles.push(Span::raw(if *at == sort { format!("{arrow} ") } else { " ".repeat(GAP) }));
    }
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::from(titles), head);
    if rows.is_empty() {
        let why = if model.filter.is_empty() { "nothing yet" } else { "nothing contains that" };
        return frame.render_widget(Paragraph::new(why), body);
    }
    let height = usize::from(body.height);
    // The chosen one is in sight.
    let first = chosen.saturating_sub(height.saturating_sub(1));
    let lines = shown.iter().enumerate().skip(first).take(height).map(|(at, cells)| {
        let style = if at == chosen { reversed() } else { Style::new() };
        Line::styled(aligned(&line(cells), body.width.into(), false), style)
    });
    frame.render_widget(Text::from_iter(lines), body);
}

/// As wide as what is in them.
pub(super) fn widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let of = |(at, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([column.title.len()]).max().unwrap_or(0).min(WIDEST)
    };
    columns.iter().enumerate().map(of).collect()
}

/// The columns from the first on that fit, and that by which it is sorted.
fn fitting(widths: &[usize], sort: usize, room: usize) -> Vec<usize> {
    let mut kept = vec![0];
    let mut used = widths[0];
    let sorted = (sort != 0).then(|| widths[sort] + GAP);
    used += sorted.unwrap_or(0);
    for (at, width) in widths.iter().enumerate().skip(1) {
        if at == sort {
            kept.push(at);
        } else if used + GAP + width <= room {
            kept.push(at);
            used += GAP + width;
        } else if at > sort {
            break;
        }
    }
    kept
}

/// As wide as that, on the right or the left; what is too long is cut.
pub(super) fn aligned(text: &str, width: usize, right: bool) -> String {
    let text: String = match text.char_indices().nth(width) {
        Some(_) if width > 0 => text.chars().take(width - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    };
    if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

/// A number in the life of a connection.
struct Plot {
    name: &'static str,
    of: fn(&Sample) -> u64,
    told: fn(u64) -> String,
}

const PLOTS: [Plot; 3] = [
    Plot { name: "cwnd", of: |sample| sample.cwnd, told: |cwnd| format!("{cwnd} segments") },
    Plot { name: "rtt", of: |sample| sample.rtt, told: |rtt| format!("{:.3} ms", rtt as f64 / 1e3) },
    Plot { name: "rate", of: |sample| sample.rate, told: |rate| format!("{}B/s", scaled(rate as f64)) },
];

/// A socket alone: what is known of it, and its life.
fn draw_detail(frame: &mut Frame<'_>, model: &Model, id: &str, area: Rect) {
    let words = match model.detailed() {
        Some((host, socket)) => facts(host, socket),
        None => vec!["This socket is gone.".to_owned()],
    };
    let life: Vec<Sample> = model.life(id).copied().collect();
    let height = (words.len() as u16).min(area.height);
    let [facts, rest] = Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Text::from_iter(words), facts);
    if life.is_empty() || rest.height < 2 {
        return;
    }
    // Each has a line of words; what has no room is left out.
    let count = usize::from(rest.height / 2).min(PLOTS.len());
    let areas = Layout::vertical(vec![Constraint::Fill(1); count]).split(rest);
    for (Plot { name, of, told }, area) in PLOTS.iter().zip(areas.iter()) {
        let [head, plot] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(*area);
        let values: Vec<u64> = life.iter().map(of).collect();
        let from = values.len().saturating_sub(plot.width.into());
        let seen = &values[from..];
        let [least, most] = [seen.iter().min(), seen.iter().max()].map(|value| value.copied().unwrap_or(0));
        let last = seen.last().copied().unwrap_or(0);
        let words = format!("{}, from {} to {}", told(last), told(least), told(most));
        frame.render_widget(Line::from(vec![Span::styled(format!("{name} "), bold()), words.into()]), head);
        frame.render_widget(Sparkline::default().data(seen), plot);
    }
}

/// What is known of a socket, in words.
fn facts(host: &str, socket: &Socket) -> Vec<String> {
    let programs: Vec<_> = socket
        .holders
        .iter()
        .map(|own| format!("{} (process {}, descriptor {})", own.program, own.pid, own.fd))
        .collect();
    let mut lines = vec![
        format!("{} on {host}: {} > {}", socket.protocol, socket.local, socket.remote),
        format!("{}, {} to be read, {} to be sent", socket.state, socket.receive_queue, socket.send_queue),
    ];
    if !programs.is_empty() {
        lines.push(programs.join(", "));
    }
    let Some(tcp) = &socket.tcp else { return lines };
    lines.push(format!(
        "rto {} ms, rtt {:.3} ms ± {:.3}, least {:.3}",
        tcp.rto / 1000,
        f64::from(tcp.rtt) / 1e3,
        f64::from(tcp.rttvar) / 1e3,
        f64::from(tcp.min_rtt) / 1e3
    ));
    let threshold = match tcp.snd_ssthresh {
        0x7fff_ffff => "none yet".to_owned(),
        threshold => threshold.to_string(),
    };
    let congestion = socket.congestion.as_deref().unwrap_or("-");
    lines.push(format!(
        "{congestion}, cwnd {}, ssthresh {threshold}, mss {}, in flight {}",
        tcp.snd_cwnd, tcp.snd_mss, tcp.unacked
    ));
    lines.push(format!(
        "acknowledged {}B, received {}B, sent again {} of {} segments",
        scaled(tcp.bytes_acked as f64),
        scaled(tcp.bytes_received as f64),
        tcp.total_retrans,
        tcp.segs_out
    ));
    if tcp.busy_time > 0 {
        let share = |time: u64| time as f64 * 100.0 / tcp.busy_time as f64;
        lines.push(format!(
            "while it had something to send: held up by the receiver's window {:.0} %, by the send buffer {:.0} %",
            share(tcp.rwnd_limited),
            share(tcp.sndbuf_limited)
        ));
    }
    lines
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP), area);
}

/// The tables one after the other, all of their columns: for a pipe.
pub(super) fn as_text(tables: &[(Tab, Vec<Row>)]) -> String {
    let mut text = String::new();
    for (tab, rows) in tables {
        let (columns, _) = tab.columns();
        let shown: Vec<Vec<String>> =
            rows.iter().map(|row| row.cells.iter().map(Cell::shown).collect()).collect();
        let widths = widths(columns, &shown);
        let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
        if !text.is_empty() {
            text.push('\n');
        }
        for line in std::iter::once(&titles).chain(&shown) {
            let cells = line.iter().zip(&widths).zip(columns);
            let cells: Vec<_> =
                cells.map(|((cell, width), column)| aligned(cell, *width, column.counts)).collect();
            text += cells.join(&" ".repeat(GAP)).trim_end();
            text.push('\n');
        }
    }
    text
}
