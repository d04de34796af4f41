//! What samples say.

use serde::Serialize;

/// Samples of one quantity, in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub samples: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, as of a sample: divided by one less than their number. 0 of a single one.
    pub deviation: f64,
    /// The one in the middle, or between the two in the middle.
    pub median: f64,
    /// Where the mean of all that could have been sampled lies with 95 % confidence (Student's t). Of a single sample it
    /// is that.
    pub interval: (f64, f64),
}

impl Summary {
    /// What these say; `None` without any.
    pub fn of(samples: &[f64]) -> Option<Summary> {
        let count = samples.len();
        if count == 0 {
            return None;
        }
        let mean = samples.iter().sum::<f64>() / count as f64;
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        let deviation = if count == 1 { 0.0 } else { (squares / (count - 1) as f64).sqrt() };
        let reach = t_95(count - 1) * deviation / (count as f64).sqrt();
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]);
        Some(Summary { samples: count, mean, deviation, median, interval: (mean - reach, mean + reach) })
    }
}

/// Within how many standard errors of the mean 95 % lie, of Student's t distribution with so many degrees of freedom.
/// Beyond the table, its expansion in the reciprocal of their number (Abramowitz and Stegun, 26.7.5).
fn t_95(freedom: usize) -> f64 {
    const FIRST: [f64; 10] = [0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
    FIRST.get(freedom).copied().unwrap_or_else(|| {
        const Z: f64 = 1.959_964;
        let n = freedom as f64;
        let first = (Z.powi(3) + Z) / 4.0;
        let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
        let third = (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0;
        Z + first / n + second / n.powi(2) + third / n.powi(3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_textbook_sample() {
        let summary = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("samples");
        assert_eq!((summary.samples, summary.mean, summary.median), (8, 5.0, 4.5));
        assert!((summary.deviation - 2.138).abs() < 0.001);
        // 5 ± 2.365 · 2.138 / √8
        assert!((summary.interval.0 - 3.212).abs() < 0.001 && (summary.interval.1 - 6.788).abs() < 0.001);
    }

    #[test]
    fn of_one_and_of_none() {
        let one = Summary::of(&[3.0]).expect("a sample");
        assert_eq!((one.deviation, one.median, one.interval), (0.0, 3.0, (3.0, 3.0)));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn students_t_as_in_the_tables() {
        for (freedom, t) in [(9, 2.262), (10, 2.228), (14, 2.145), (19, 2.093), (29, 2.045), (99, 1.984)] {
            assert!((t_95(freedom) - t).abs() < 0.0015, "{freedom}: {}", t_95(freedom));
        }
    }
}
