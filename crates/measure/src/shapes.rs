//! The server shapes beside each other: each is started in turn, loaded in turn with as many connections as asked, and stopped,
//! again and again, so that what disturbs one disturbs all.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::Summary;
use crate::load::{Control, Plan as Load, Report, Request, Spread, Target, over_kernel};
use crate::serve::Shape;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The shapes.
    pub shapes: Vec<Shape>,
    /// Connections at a time; each shape gets all of these.
    pub connections: Vec<usize>,
    /// How often each is measured.
    pub runs: usize,
    /// How long each time.
    pub time: Duration,
    /// The file's length, bytes.
    pub bytes: usize,
    /// Many requests over a connection, instead of one.
    pub keep_alive: bool,
    /// Processes or threads made beforehand.
    pub workers: usize,
    /// This program, which is to be started as a server.
    pub program: PathBuf,
}

/// What was measured of one shape with so many connections. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The shape.
    pub shape: Shape,
    /// Connections at a time.
    pub connections: usize,
    /// Answers a second.
    pub per_second: Summary,
    /// The fewest of a run, and the most.
    pub range: (f64, f64),
    /// Kilobits of files a second, of the run in the middle.
    pub kilobits: f64,
    /// Time to connect, of all runs' medians the one in the middle.
    pub connect: f64,
    /// Time to the first byte, likewise, the time to connect in it.
    pub first_byte: f64,
    /// Time to the last byte, likewise.
    pub response: f64,
    /// The longest but for 1 %, of all runs' the one in the middle.
    pub p99: f64,
    /// Requests that failed, in all runs.
    pub failed: u64,
    /// Answers a second beside those of a process for each connection, with as many connections.
    pub ratio: Option<f64>,
}

impl Plan {
    /// How many samples that takes.
    pub fn steps(&self) -> usize {
        self.shapes.len() * self.connections.len() * self.runs
    }

    /// Measures; `control` ends it early, `done` is called after each sample. What has no sample has no row.
    pub fn compare(&self, control: &Arc<Control>, mut done: impl FnMut()) -> io::Result<Vec<Row>> {
        let folder = Folder::new(self.bytes)?;
        let mut samples: Vec<Vec<Report>> = vec![Vec::new(); self.shapes.len() * self.connections.len()];
        'all: for _ in 0..self.runs {
            for (at, shape) in self.shapes.iter().enumerate() {
                let server = Server::start(&self.program, *shape, self.workers, &folder.0)?;
                for (place, connections) in self.connections.iter().enumerate() {
                    let report = over_kernel(&self.load(&server.target, *connections)?, control)?;
                    if control.is_stopped() {
                        break 'all;
                    }
                    samples[at * self.connections.len() + place].push(report);
                    done();
                }
            }
        }
        Ok(self.rows(&samples))
    }

    fn load(&self, target: &Target, connections: usize) -> io::Result<Load> {
        let request = Request::http(target, "GET", &[], b"", self.keep_alive).map_err(io::Error::other)?;
        Ok(Load {
            target: target.clone(),
            request,
            connections,
            requests: None,
            duration: Some(self.time),
            rate: None,
            timeout: Duration::from_secs(30),
            keep_alive: self.keep_alive,
            threads: 1,
        })
    }

    fn rows(&self, samples: &[Vec<Report>]) -> Vec<Row> {
        let places =
            self.shapes.iter().flat_map(|shape| self.connections.iter().map(move |count| (*shape, *count)));
        let rows = places.zip(samples).filter_map(|((shape, connections), reports)| {
            let all = |of: &dyn Fn(&Report) -> Option<f64>| {
                let values: Vec<f64> = reports.iter().filter_map(of).collect();
                Summary::of(&values)
            };
            let time = |of: fn(&Report) -> &Option<Spread>, at: fn(&Spread) -> f64| {
                all(&|report| of(report).as_ref().map(at)).map_or(f64::NAN, |summary| summary.median)
            };
            let per_second = all(&|report| Some(report.per_second))?;
            let each = || reports.iter().map(|report| report.per_second);
            let range = (each().fold(f64::INFINITY, f64::min), each().fold(0.0, f64::max));
            Some(Row {
                shape,
                connections,
                per_second,
                range,
                kilobits: per_second.median * self.bytes as f64 * 8.0 / 1000.0,
                connect: time(|report| &report.connect, |spread| spread.p50),
                first_byte: time(|report| &report.first_byte, |spread| spread.p50),
                response: time(|report| &report.response, |spread| spread.p50),
                p99: time(|report| &report.response, |spread| spread.p99),
                failed: reports.iter().map(|report| report.requests.failed).sum(),
                ratio: None,
            })
        });
        let mut rows: Vec<Row> = rows.collect();
        let forks: Vec<(usize, f64)> = rows
            .iter()
            .filter(|row| row.shape == Shape::Fork)
            .map(|row| (row.connections, row.per_second.median))
            .collect();
        for row in &mut rows {
            let fork = forks.iter().find(|(connections, _)| *connections == row.connections);
            row.ratio = fork.filter(|(_, rate)| *rate > 0.0).map(|(_, rate)| row.per_second.median / rate);
        }
        rows
    }
}

/// A folder with one file, which goes with its value.
struct Folder(PathBuf);

impl Folder {
    fn new(bytes: usize) -> io::Result<Folder> {
        let folder = std::env::temp_dir().join(format!("sockeye-shapes-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let folder = Folder(folder);
        fs::write(folder.0.join("index.html"), vec![b'x'; bytes])?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that runs until its value goes.
struct Server {
    child: Child,
    target: Target,
}

impl Server {
    fn start(program: &Path, shape: Shape, workers: usize, folder: &Path) -> io::Result<Server> {
        let mut command = Command::new(program);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--most",
            "4096",
            "--grace",
            "1s",
            "--shape",
            shape.name(),
        ]);
        command.arg("--workers").arg(workers.to_string()).arg("--docroot").arg(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let said = child.stderr.take().map(|stderr| BufReader::new(stderr).read_line(&mut line));
        let mut server = Server { child, target: Target { host: String::new(), port: 0, path: None } };
        said.transpose()?;
        // `sockeye: serving http://ADDRESS/ (SHAPE)`
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let what = || io::Error::other(format!("{}: {}", shape.name(), line.trim_end()));
        server.target = url.and_then(|url| url.parse().ok()).ok_or_else(what)?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It is ours and not waited for yet, so the number is still its own.
        let _ = id.map(|id| kill_process(id, Signal::TERM));
        let _ = self.child.wait();
    }
}
