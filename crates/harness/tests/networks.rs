//! Networks that were damaged: each is read, or told what is wrong with it, and what is read runs.

use std::path::Path;

use sockeye_base::Rng;

/// Damaged networks made of each example.
const DAMAGED: u64 = 60;

/// What a value may become.
const VALUES: [&str; 22] = [
    "0",
    "1",
    "-1",
    "1.5",
    "65536",
    "9223372036854775807",
    "true",
    "\"\"",
    "\"0ms\"",
    "\"100%\"",
    "\"1bit\"",
    "\"0\"",
    "\"a\\n\\u0000\"",
    "\"10.61.0.9/32\"",
    "\"::/0\"",
    "\"default via 10.61.0.2\"",
    "[]",
    "[[]]",
    "[{}]",
    "{}",
    "[\"\", \"\"]",
    "{ \"\" = \"\" }",
];

fn any<'a, T>(of: &'a [T], rng: &mut Rng) -> &'a T {
    &of[rng.below(of.len() as u64) as usize]
}

/// Puts lines in other places, takes some out, gives keys the values of others.
fn damage(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=rng.below(3) {
        let at = rng.below(lines.len() as u64) as usize;
        let other = any(&lines, rng).clone();
        let with = |line: &str, value: &str| {
            line.split_once(" = ").map_or_else(|| line.to_owned(), |(key, _)| format!("{key} = {value}"))
        };
        match rng.below(6) {
            0 => lines[at] = other,
            1 => lines.insert(at, other),
            2 if lines.len() > 1 => drop(lines.remove(at)),
            3 => lines[at] = with(&lines[at], other.split_once(" = ").map_or("[]", |(_, value)| value)),
            _ => lines[at] = with(&lines[at], any::<&str>(&VALUES, rng)),
        }
    }
    lines.join("\n")
}

#[test]
fn damaged_networks_are_borne() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(directory).expect("the directory of the examples");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut rng = Rng::from_seed(7);
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let text = std::fs::read_to_string(path).expect("a network");
        for _ in 0..DAMAGED {
            let damaged = damage(&text, &mut rng);
            println!("{damaged}\n");
            sockeye_harness::network(damaged.as_bytes());
        }
    }
}
