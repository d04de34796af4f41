//! `sockeye doctor`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sockeye_run::doctor::{Cost, Findings, Verdict, examine};

use crate::output::print;

/// Look whether sockeye run works on this machine, what it lacks and what that costs.
#[derive(Args)]
#[command(
    after_help = "Verdicts:\n  ok       as good as it can be\n  slower   works, and takes longer than it need\n  without  not there, and sockeye run can do without\n  missing  sockeye run can't work\n\nExit status:\n  0 if sockeye run works here, 1 if not; 2 for a wrong command line."
)]
pub(crate) struct Arguments {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Looks, and prints; gives the exit status.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let findings = examine();
    let printed = print(&if arguments.json { as_json(&findings) } else { as_text(&findings) });
    if findings.is_fit() { printed } else { ExitCode::FAILURE }
}

fn as_json(findings: &Findings) -> String {
    let checks = findings.checks.iter().map(|check| {
        json!({
            "name": check.name,
            "verdict": check.verdict.name(),
            "found": check.found,
            "costs": check.costs,
            "remedy": check.remedy,
        })
    });
    let cost = findings.cost.map(|cost| {
        json!({
            "unit": "microseconds per call",
            "native": cost.native,
            "trapped": cost.trapped,
            "trapped_without_sync_wake_up": cost.without,
        })
    });
    let whole = json!({ "works": findings.is_fit(), "checks": checks.collect::<Vec<_>>(), "trap": cost });
    format!("{whole:#}\n")
}

fn as_text(findings: &Findings) -> String {
    let mut text = String::new();
    for check in &findings.checks {
        let _ = writeln!(text, "{:<8} {:<25} {}", check.verdict.name(), check.name, check.found);
        if check.verdict != Verdict::Ok {
            let _ = writeln!(text, "{:34} costs: {}", "", check.costs);
            let _ = writeln!(text, "{:34} to do: {}", "", check.remedy);
        }
    }
    if let Some(cost) = findings.cost {
        text += &costs(cost);
    }
    let works = if findings.is_fit() { "sockeye run works here" } else { "sockeye run does not work here" };
    let _ = writeln!(text, "\n{works}");
    text
}

fn costs(Cost { native, trapped, without }: Cost) -> String {
    let micros = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.1} us"));
    format!(
        "\na trapped call takes {}, without SYNC_WAKE_UP {}; one that the kernel answers {native:.2} us\n",
        micros(trapped),
        micros(without)
    )
}
