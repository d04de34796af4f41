//! A program is to notice nothing but its network: statuses, streams, signals, terminal, folder; and its end is tidy.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{
    TempDir, bare, bounded, finish, finish_with, need, python, read_line, run, shell, signal, sockeye, start,
    users,
};

#[test]
fn the_status_is_the_programs() {
    for user in users() {
        finish(&mut user.run(["true"])).exits(0);
        finish(&mut user.run(["sh", "-c", "exit 3"])).exits(3);
        finish(&mut user.run(["sh", "-c", "exit 255"])).exits(255);
        finish(&mut user.run(["sh", "-c", "kill -TERM $$"])).exits(143);
        finish(&mut user.run(["sh", "-c", "kill -KILL $$"])).exits(137);
        finish(&mut user.run(["sh", "-c", "kill -SEGV $$"])).exits(139);
    }
}

#[test]
fn a_program_that_is_not_there() {
    finish(&mut run(["there-is-no-such-program"]))
        .exits(127)
        .in_one_line()
        .complains("there-is-no-such-program");
    finish(&mut run(["/no/such/program"])).exits(127).in_one_line();
    finish(&mut run([""])).exits(127).in_one_line();
}

#[test]
fn a_program_that_is_none() {
    let place = TempDir::new();
    let file = place.path().join("file");
    std::fs::write(&file, "text").expect("a file");
    finish(&mut run([place.path()])).exits(126).in_one_line();
    finish(&mut run([&file])).exits(126).in_one_line();
    finish(&mut run([file.join("below")])).exits(126).in_one_line();
}

#[test]
fn a_program_with_a_name_of_300_characters() {
    let finished = finish(&mut run(["x".repeat(300)])).in_one_line();
    assert!([126, 127].contains(&finished.code()), "{}", finished.code());
}

#[test]
fn a_wrong_command_line() {
    for words in [
        &["run"][..],
        &["run", "--"],
        &["run", "--bogus", "true"],
        &["run", "--seed", "x", "true"],
        &["bogus"],
    ] {
        let finished = finish(&mut sockeye(words)).exits(2);
        assert!(!finished.errors().is_empty() && finished.text().is_empty());
    }
}

#[test]
fn help_is_printed_and_a_closed_output_is_no_panic() {
    finish(&mut sockeye(["--help"])).well().says("sockeye run -- curl http://tekapo/");
    finish(&mut sockeye(["run", "--help"])).well().says("--trace").says("Exit status");
    let binary = env!("CARGO_BIN_EXE_sockeye");
    for (words, status) in
        [("--help", None), ("run --help", None), ("run -- true", Some(0)), ("run -- sh -c 'exit 6'", Some(6))]
    {
        let script = format!("exec '{binary}' {words} >&-");
        let finished = finish(Command::new("sh").args(["-c", &script]));
        assert!(!finished.errors().contains("panicked"), "{}", finished.errors());
        assert!(status.is_none_or(|status| finished.code() == status), "{words}: {}", finished.code());
    }
    let full = finish(Command::new("sh").args(["-c", &format!("exec '{binary}' --help >/dev/full")]));
    let full = full.exits(1).complains("sockeye: standard output: No space left").in_one_line();
    assert!(!full.errors().contains("panicked"), "{}", full.errors());
}

#[test]
fn that_nobody_reads_what_is_printed_is_said() {
    let lossy = "../../examples/lossy.toml";
    // To lab 2 is a file that is wrong.
    for (words, status) in
        [(&["sockopts"][..], 2), (&["completions", "bash"], 2), (&["lab", "check", lossy], 1)]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = sockeye(words);
        let output = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), said.trim_end()),
            (Some(status), "sockeye: standard output: Broken pipe (os error 32)"),
            "{words:?}"
        );
    }
}

#[test]
fn streams_go_through() {
    let body: Vec<u8> = (0..1_000_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
    let finished = finish_with(&mut run(["sha256sum"]), body.clone()).well();
    assert_eq!(finished.text(), finish_with(&mut Command::new("sha256sum"), body).well().text());
    finish_with(&mut shell("cat; echo to errors >&2"), b"in and out".to_vec())
        .well()
        .says("in and out")
        .complains("to errors");
}

/// What the kernel says of a process is the same with and without Sockeye.
#[test]
fn the_program_starts_as_it_would_without() {
    let place = TempDir::new();
    for question in [
        "grep -E '^(SigBlk|SigIgn|SigCgt|Uid|Gid|Groups|Umask|CapEff)' /proc/self/status",
        "ls /proc/self/fd",
        "pwd",
        "env | grep -v '^_=' | sort",
        "ulimit -a",
        "ps -o pgid= -p $$ 2>/dev/null | grep -c .",
    ] {
        let mut without = bare(["/bin/sh", "-c", question]);
        let expected = finish(without.current_dir(place.path())).text();
        let mut with = run(["/bin/sh", "-c", question]);
        assert_eq!(finish(with.current_dir(place.path())).text(), expected, "{question}");
    }
}

#[test]
fn sigterm_is_passed_on() {
    let script = "trap 'echo told; exit 5' TERM; sleep 1000 & echo ready; wait";
    let mut child = start(shell(script).stdout(Stdio::piped()));
    let stdout = child.stdout.as_mut().expect("a pipe");
    assert_eq!(read_line(stdout), "ready");
    signal("TERM", &child.id().to_string());
    let output = bounded(child, "a program that is told to end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "told\n");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn an_interrupt_of_the_group_ends_both() {
    if !need(&["python3"]) {
        return;
    }
    let program = "import signal; print('ready', flush=True); signal.pause()";
    let mut child = start(python(program).stdout(Stdio::piped()).stderr(Stdio::null()));
    assert_eq!(read_line(child.stdout.as_mut().expect("a pipe")), "ready");
    signal("INT", &format!("-{}", child.id()));
    assert_eq!(bounded(child, "an interrupted program").status.code(), Some(130));
}

/// A terminal of its own: the program has it, in the foreground, and Ctrl-C there ends it and `sockeye`.
#[test]
fn the_terminal_is_the_programs() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import os, pty, sys
inner = '''
import os, signal
print(os.isatty(0), os.isatty(1), os.tcgetpgrp(0) == os.getpgrp(), flush=True)
print('ready', flush=True)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pause()
'''
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], [sys.argv[1], 'run', '--', 'python3', '-c', inner])
said = b''
while b'ready' not in said:
    said += os.read(terminal, 1000)
os.write(terminal, b'\x03')
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(said.split(b'\r\n')[0].decode(), status)
";
    let mut command = Command::new("python3");
    let finished = finish(command.args(["-c", program, env!("CARGO_BIN_EXE_sockeye")])).well();
    assert_eq!(finished.text(), "True True True 130\n");
}

#[test]
fn what_is_left_behind_is_ended() {
    for script in [
        "sleep 1000 & echo $!",
        "setsid sleep 1000 & echo $!; exit 0",
        "(sleep 1000 & sleep 1000 & echo $!; wait) & read x <&0; sleep 0 & echo $!",
    ] {
        let finished = finish(&mut shell(script)).well();
        for pid in finished.text().lines() {
            assert!(!Path::new("/proc").join(pid).exists(), "{script}: {pid} is left");
        }
    }
}

#[test]
fn what_does_not_want_to_end_is_killed() {
    let finished = finish(&mut shell(
        "sh -c 'trap \"\" TERM; echo $$; sleep 1000; sleep 1000' & read x; sleep 0 & wait $!",
    ))
    .well();
    for pid in finished.text().lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} is left");
    }
}

#[test]
fn waiting_for_all() {
    let script = "exec 3<&0; (cat <&3; echo late) & exit 4";
    let mut command = sockeye(["run", "--wait", "--", "sh", "-c", script]);
    assert_eq!(finish_with(&mut command, b"and ".to_vec()).exits(4).text(), "and late\n");
}

#[test]
fn a_trace_file_that_can_not_be_written() {
    let place = TempDir::new();
    for file in ["/no/such/folder/trace".as_ref(), place.path()] {
        let option = format!("--trace={}", file.display());
        let finished = finish(&mut sockeye(["run", &option, "--", "echo", "ran"])).exits(125).in_one_line();
        assert_eq!(finished.text(), "");
    }
}

#[test]
fn one_inside_another_is_refused_in_one_line() {
    let inner = [env!("CARGO_BIN_EXE_sockeye"), "run", "--", "true"];
    finish(&mut run(inner)).exits(125).in_one_line().complains("another");
}
