//! `[[program]]`.

use super::names::Names;
use crate::model::{Program, Ready, Topology};
use crate::table::{At, Table};
use crate::value;

pub(super) fn read(mut table: Table<'_>, topology: &mut Topology, names: &mut Names) {
    let name = table.text("host");
    let name = table.need("host", name);
    let hosts = topology.hosts.len();
    let host = name.as_ref().and_then(|name| names.ends.find_among(hosts, name, "host", table.found));
    if let (Some(name), Some(host)) = (&name, host)
        && topology.is_gateway(host)
    {
        table.found.add(&name.span, format!("{} is the gateway: nothing runs there", name.value));
    }
    if let (Some(name), Some(host)) = (&name, host)
        && !topology.hosts[host].files.is_empty()
    {
        table.found.add(&name.span, format!("{} serves files by itself: nothing can run there", name.value));
    }
    let words = table.texts("run");
    if let Some(word) = words.iter().find(|word| word.value.contains('\0')) {
        table.found.add(&word.span, "run: a program can't be told of \\0");
    }
    let command: Vec<String> = match &words[..] {
        [] => {
            table.need::<()>("run", None);
            if table.is_texts("run") {
                table.found.add(&table.place("run"), "run has no program");
            }
            Vec::new()
        }
        [line, ..] if line.value.trim().is_empty() => {
            table.found.add(&line.span, "run has no program");
            Vec::new()
        }
        // A string is a line for the shell.
        [line] if table.is_text("run") => ["sh", "-c", line.value].map(str::to_owned).to_vec(),
        words => words.iter().map(|word| word.value.to_owned()).collect(),
    };
    let name = table.name();
    // The program itself, without its folder.
    let first = words.first().and_then(|word| word.value.split_whitespace().next()).unwrap_or("");
    let own = first.rsplit('/').next().unwrap_or(first).replace(char::is_control, "");
    let after = table.texts("after");
    let after =
        after.iter().filter_map(|name| names.programs.find(name, "program before this one", table.found));
    let after: Vec<usize> = after.collect();
    let server = table.flag("server");
    let status = table.number("status", 0..=255).and_then(|status| i32::try_from(status).ok());
    if server && status.is_some() {
        table.found.add(&table.span, "a server is told to end: it has no status");
    }
    let program = Program {
        name: name.as_ref().map_or_else(|| unique(own, names), |name| name.value.to_owned()),
        host: host.unwrap_or(0),
        command,
        environment: environment(&mut table),
        directory: table.text("directory").map(|directory| directory.value.to_owned()),
        after,
        ready: ready(&mut table),
        server,
        status: (!server).then_some(status.unwrap_or(0)),
        prints: table.texts("prints").into_iter().map(|text| text.value.to_owned()).collect(),
        within: table.parsed("within", value::time),
    };
    let place = name.map_or_else(|| table.span.clone(), |name| name.span);
    names.programs.add(&At::new(&program.name, place), table.found);
    topology.programs.push(program);
    table.finish();
}

/// A name that no program has yet: `curl`, `curl-2` …
fn unique(own: String, names: &Names) -> String {
    let mut others = (2..).map(|number| format!("{own}-{number}"));
    if names.programs.has(&own) {
        others.find(|name| !names.programs.has(name)).unwrap_or_default()
    } else {
        own
    }
}

/// Variables of its environment, as environ(7) can have them.
fn environment(table: &mut Table<'_>) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for (name, value) in table.pairs("env") {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            table.found.add(&name.span, format!("env: {:?} is no name of a variable", name.value));
        } else if value.contains('\0') {
            table.found.add(&name.span, format!("env: {} can't hold \\0", name.value));
        } else {
            read.push((name.value.to_owned(), value));
        }
    }
    read
}

fn ready(table: &mut Table<'_>) -> Option<Ready> {
    let mut ready = table.table("ready", "readiness")?;
    let ways = [
        ready.number("port", 1..=65_535).and_then(|port| u16::try_from(port).ok()).map(Ready::Port),
        ready.text("prints").map(|text| Ready::Prints(text.value.to_owned())),
        ready.parsed("after", value::time).map(Ready::After),
    ];
    let count = ways.iter().flatten().count();
    if count != 1 {
        ready.found.add(&ready.span, "ready is one of port, prints and after");
    }
    ready.finish();
    ways.into_iter().flatten().next()
}
