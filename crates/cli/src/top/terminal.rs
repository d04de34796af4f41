//! The terminal: keys and snapshots in, pictures out; and as it was before, when it is over.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use sockeye_look::{Error, Network, Snapshot};

use super::Arguments;
use super::model::{Key, Model};
use super::view::draw;

/// How long is waited where nothing is due.
const LONG: Duration = Duration::from_secs(3600);

/// What happens.
enum Told {
    Input(Event),
    Signal(i32),
    Looked(Result<Box<Snapshot>, Error>),
    /// No key will come any more.
    Closed,
}

/// Shows it until somebody ends it; gives the exit status.
pub(super) fn watch(network: Network, first: Snapshot, arguments: &Arguments) -> ExitCode {
    let (teller, told) = channel();
    let watched = listen(&teller).and_then(|()| {
        let ask = look(network, teller);
        let mut terminal = ratatui::try_init()?;
        let ended = serve(&mut terminal, Model::new(first), (&told, &ask), arguments.interval);
        let _ = terminal.show_cursor();
        ratatui::restore();
        ended
    });
    match watched {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            // It may be gone.
            let _ = writeln!(io::stderr(), "sockeye: the terminal: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells of keys and signals.
fn listen(teller: &Sender<Told>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT])?;
    let by_signal = teller.clone();
    thread::spawn(move || signals.forever().try_for_each(|signal| by_signal.send(Told::Signal(signal))));
    let by_key = teller.clone();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if by_key.send(Told::Input(event)).is_err() {
                return;
            }
        }
        let _ = by_key.send(Told::Closed);
    });
    Ok(())
}

/// Looks at the network when it is asked to. One that is gone may come back under its name.
fn look(network: Network, teller: Sender<Told>) -> Sender<()> {
    let (ask, asked) = channel::<()>();
    thread::spawn(move || {
        let name = network.found().name();
        let mut network = Some(network);
        for () in asked {
            let looked = match &mut network {
                Some(network) => network.snapshot(),
                None => Network::open(Some(&name)).and_then(|mut found| {
                    let snapshot = found.snapshot();
                    network = Some(found);
                    snapshot
                }),
            };
            if looked.is_err() {
                network = None;
            }
            if teller.send(Told::Looked(looked.map(Box::new))).is_err() {
                return;
            }
        }
    });
    ask
}

/// The loop; gives the exit status.
fn serve(
    terminal: &mut DefaultTerminal,
    mut model: Model,
    (told, ask): (&Receiver<Told>, &Sender<()>),
    interval: Duration,
) -> io::Result<u8> {
    let mut next = Instant::now() + interval;
    let mut asked = false;
    loop {
        terminal.draw(|frame| draw(frame, &mut model))?;
        let idle = asked || model.paused;
        let wait = if idle { LONG } else { next.saturating_duration_since(Instant::now()) };
        match told.recv_timeout(wait) {
            Ok(Told::Input(Event::Key(key))) if key.kind != KeyEventKind::Release => match meant(key) {
                Meant::Key(key) if !model.press(key) => return Ok(0),
                Meant::Key(_) | Meant::Nothing => {}
                Meant::Interrupt => return Ok(128 + SIGINT as u8),
                Meant::Stop => stop(terminal)?,
                Meant::Redraw => enter(terminal)?,
            },
            // A new size is found out when it is drawn.
            Ok(Told::Input(_)) => {}
            Ok(Told::Signal(SIGTSTP)) => stop(terminal)?,
            Ok(Told::Signal(SIGCONT)) => enter(terminal)?,
            Ok(Told::Signal(signal)) => return Ok(128 + signal as u8),
            Ok(Told::Looked(looked)) => {
                asked = false;
                next = Instant::now() + interval;
                match looked {
                    Ok(snapshot) => model.take(*snapshot),
                    Err(Error::NotFound(..) | Error::Gone) => model.gone = Some("gone".to_owned()),
                    Err(error) => model.gone = Some(error.to_string()),
                }
            }
            Ok(Told::Closed) | Err(RecvTimeoutError::Disconnected) => return Ok(128 + SIGHUP as u8),
            Err(RecvTimeoutError::Timeout) if idle => {}
            Err(RecvTimeoutError::Timeout) => asked = ask.send(()).is_ok(),
        }
    }
}

/// What a key means.
enum Meant {
    Key(Key),
    Interrupt,
    Stop,
    Redraw,
    Nothing,
}

fn meant(key: KeyEvent) -> Meant {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Meant::Interrupt,
            KeyCode::Char('z') => Meant::Stop,
            KeyCode::Char('l') => Meant::Redraw,
            _ => Meant::Nothing,
        };
    }
    Meant::Key(match key.code {
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Next,
        KeyCode::BackTab => Key::Previous,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Char(c) => Key::Char(c),
        _ => return Meant::Nothing,
    })
}

/// Gives the terminal back and stops, as any job; goes on when it is let.
fn stop(terminal: &mut DefaultTerminal) -> io::Result<()> {
    terminal.show_cursor()?;
    ratatui::try_restore()?;
    signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
    enter(terminal)
}

/// Takes the terminal, whatever it has become meanwhile, to be drawn on anew. (Clearing the old one would ask where the
/// cursor is, which the thread that reads keys would hear.)
fn enter(terminal: &mut DefaultTerminal) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
    *terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    Ok(())
}
