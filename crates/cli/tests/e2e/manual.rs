//! Manual pages and completions, as the programs that read them take them.

use std::process::Command;

use crate::common::{TempDir, finish, finish_with, need, sockeye};

/// The pages there are, by their names, all made at once.
fn pages(place: &TempDir) -> Vec<(String, String)> {
    let into = place.path().join("man/man1");
    finish(sockeye(["man", "--into"]).arg(&into)).well();
    let files = std::fs::read_dir(&into).expect("a folder");
    files
        .map(|entry| {
            let entry = entry.expect("a page");
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(".1").expect("a page of section 1").to_owned();
            (name, std::fs::read_to_string(entry.path()).expect("a page"))
        })
        .collect()
}

#[test]
fn pages_are_made_for_all_commands() {
    let place = TempDir::new();
    let pages = pages(&place);
    for command in
        ["run", "script", "sockopts", "tcpdump", "draw", "explain", "up", "hosts", "down", "doctor", "report"]
    {
        let page = pages.iter().find(|(name, _)| *name == format!("sockeye-{command}")).expect("a page");
        assert_eq!(finish(&mut sockeye(["man", command])).well().text(), page.1);
    }
    let whole = pages.iter().find(|(name, _)| name == "sockeye").expect("a page");
    assert_eq!(finish(&mut sockeye(["man"])).well().text(), whole.1);
    finish(&mut sockeye(["man", "swim"])).exits(1).in_one_line().complains("swim");
}

/// groff reads each page without a warning, and shows what was said of it.
#[test]
fn pages_are_right_roff() {
    if !need(&["groff"]) {
        return;
    }
    let place = TempDir::new();
    for (name, page) in pages(&place) {
        let set = finish_with(
            Command::new("groff").args(["-man", "-Tutf8", "-ww", "-b", "-P-cbou"]),
            page.into_bytes(),
        )
        .well();
        assert_eq!(set.errors(), "", "{name}(1)");
        assert!(set.text().contains(&name), "{}", set.text());
        // Examples stand as they were written.
        if name == "sockeye-run" {
            set.says("  sockeye run -- curl http://tekapo/\n").says("EXIT STATUS").says("--trace[=<FILE>]");
        }
    }
}

/// bash takes the script, and offers what the command line has.
#[test]
fn bash_completes() {
    if !need(&["bash"]) {
        return;
    }
    let place = TempDir::new();
    let file = place.path().join("sockeye");
    let script = finish(&mut sockeye(["completions", "bash"])).well().text();
    std::fs::write(&file, script).expect("a file");
    finish(Command::new("bash").arg("-n").arg(&file)).well();
    let ask = r#"
. "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_sockeye sockeye "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    for (words, offered) in [
        (&["sockeye", "sc"][..], "script\n"),
        (&["sockeye", "run", "--exa"], "--exact\n"),
        (&["sockeye", "completions", "z"], "zsh\n"),
    ] {
        let finished = finish(Command::new("bash").args(["-c", ask]).arg(&file).args(words)).well();
        assert_eq!(finished.text(), offered, "{words:?}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        finish(&mut sockeye(["completions", shell])).well().says("sockeye").says("doctor");
    }
    finish(&mut sockeye(["completions", "tcsh"])).exits(2).in_one_line();
}
