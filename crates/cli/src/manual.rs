//! `sockeye man` and `sockeye completions`: made from the same table of arguments as the command line itself.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::Cli;
use crate::output::print;

/// Print a manual page, of sockeye or of one of its commands.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sockeye man run | man -l -\n  sockeye man --into ~/.local/share/man/man1"
)]
pub(crate) struct ManArguments {
    /// The command whose page it is, as in sockeye man bench stream; without it, the page of sockeye itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,

    /// Write all pages to this directory instead, made if it is not there: sockeye.1, sockeye-run.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    into: Option<PathBuf>,
}

/// Print a script that completes command lines of sockeye in a shell.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sockeye completions bash >~/.local/share/bash-completion/completions/sockeye\n  sockeye completions fish >~/.config/fish/completions/sockeye.fish\n  sockeye completions zsh >~/.zfunc/_sockeye      # a directory of $fpath"
)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// `sockeye man`.
pub(crate) fn man(arguments: &ManArguments) -> ExitCode {
    let pages = pages();
    if let Some(directory) = &arguments.into {
        return write_all(directory, &pages)
            .map_or_else(|error| fail(&format!("{}: {error}", directory.display())), |()| ExitCode::SUCCESS);
    }
    let words = std::iter::once("sockeye").chain(arguments.command.iter().map(String::as_str));
    let wanted = words.collect::<Vec<_>>().join("-");
    match pages.iter().find(|(name, _)| *name == wanted) {
        Some((_, text)) => print(text),
        None => fail(&format!("there is no command {:?}", arguments.command.join(" "))),
    }
}

/// `sockeye completions`.
pub(crate) fn completions(arguments: &CompletionsArguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "sockeye", &mut script);
    print(&String::from_utf8_lossy(&script))
}

fn fail(what: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {what}");
    ExitCode::FAILURE
}

/// Each page by its name.
fn pages() -> Vec<(String, String)> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let mut pages = Vec::new();
    add_pages("sockeye".to_owned(), whole, &mut pages);
    pages
}

/// The page of a command, and those of its own commands.
fn add_pages(name: String, command: Command, pages: &mut Vec<(String, String)>) {
    pages.push((name.clone(), page(command.clone().display_name(name.clone()))));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        add_pages(format!("{name}-{}", below.get_name()), below.clone(), pages);
    }
}

/// A page in roff.
fn page(command: Command) -> String {
    let has_commands = command.has_subcommands();
    let closing = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let man = Man::new(command).manual("Sockeye");
    let mut text = Vec::new();
    let render = || {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if has_commands {
            man.render_subcommands_section(&mut text)?;
        }
        text.write_all(as_sections(&closing.unwrap_or_default()).as_bytes())
    };
    render().expect("a vector takes all");
    // groff(7) reads ASCII; others it knows by their number.
    let as_roff = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", c as u32) };
    String::from_utf8_lossy(&text).chars().map(as_roff).collect()
}

/// What the help ends with: lines that end in a colon are headings, the others stay as they are broken.
fn as_sections(text: &str) -> String {
    let mut roff = String::new();
    for line in text.lines() {
        // As roff(7) has it: a backslash and a hyphen are written so, and no line of text begins with a dot or quote.
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) if roff.is_empty() => roff += &format!(".SH {}\n.nf\n", heading.to_uppercase()),
            Some(heading) => roff += &format!(".fi\n.SH {}\n.nf\n", heading.to_uppercase()),
            None if roff.is_empty() => roff += &format!(".SH NOTES\n.nf\n\\&{line}\n"),
            None if line.is_empty() => roff.push('\n'),
            None => roff += &format!("\\&{line}\n"),
        }
    }
    if !roff.is_empty() {
        roff += ".fi\n";
    }
    roff
}

fn write_all(directory: &Path, pages: &[(String, String)]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    pages.iter().try_for_each(|(name, text)| fs::write(directory.join(format!("{name}.1")), text))
}
