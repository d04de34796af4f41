//! Scripts that were damaged: each ends, whatever it says, and none panics.

use std::path::Path;

use sockeye_base::Rng;

/// Damaged scripts made of each script.
const DAMAGED: u64 = 40;

/// Puts words of the script in other places, takes some out, changes numbers.
fn damage(text: &str, rng: &mut Rng) -> String {
    const NUMBERS: [&str; 9] =
        ["0", "1", "-1", "65535", "65536", "4294967295", "2147483648", "99999999999999999999", "0.1"];
    let mut lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    for _ in 0..=rng.below(4) {
        let at = rng.below(lines.len() as u64) as usize;
        let other = lines[rng.below(lines.len() as u64) as usize].clone();
        let word = rng.below(lines[at].len().max(1) as u64) as usize;
        match rng.below(6) {
            0 => lines[at] = other,
            1 => lines.insert(at, other),
            2 if lines.len() > 1 => drop(lines.remove(at)),
            3 if !lines[at].is_empty() => drop(lines[at].remove(word)),
            4 if !other.is_empty() && !lines[at].is_empty() => {
                lines[at][word] = other[rng.below(other.len() as u64) as usize].clone();
            }
            _ => {
                let number = NUMBERS[rng.below(NUMBERS.len() as u64) as usize];
                if let Some(word) = lines[at].get_mut(word)
                    && let Some(digit) = word.find(|c: char| c.is_ascii_digit())
                {
                    let end =
                        word[digit..].find(|c: char| !c.is_ascii_digit()).map_or(word.len(), |n| digit + n);
                    word.replace_range(digit..end, number);
                }
            }
        }
    }
    lines.iter().map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn damaged_scripts_end() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts");
    let entries = std::fs::read_dir(directory).expect("the directory of the scripts");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut rng = Rng::from_seed(7);
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "pkt")) {
        let text = std::fs::read_to_string(path).expect("a script");
        for _ in 0..DAMAGED {
            // What comes of it matters to nobody, but that something does.
            let _ = sockeye_script::check(&damage(&text, &mut rng));
        }
    }
}
