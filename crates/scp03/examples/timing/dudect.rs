//! Two classes of wrong input by the clock, as dudect does it (Reparaz, Balasch, Verbauwhede 2017):
//! Welch's t for all measurements and for those below several percentiles, of which the largest
//! counts. Above about 4.5 the classes differ; below, nothing was seen. Reported, never asserted:
//! other programs on the machine disturb it.

use std::time::Instant;

use globalplatform::apdu::CommandApdu;
use scp03::Mode;

use crate::forge::{self, Result};

pub fn report(rounds: usize) -> Result<()> {
    for mode in forge::MODES {
        let padded = forge::good_padding()[0];
        let genuine = forge::command(mode, &padded)?;
        let wrong_at = |position: usize| {
            let mut command = genuine.clone();
            command.data[padded.len() + position] ^= 0x01;
            command
        };
        let t = card_unwrap(mode, &wrong_at(0), &wrong_at(mode.length() - 1), rounds)?;
        println!("{rounds} C-MACs, {mode:?}, wrong first byte or wrong last byte: |t| = {t:.2}");
        let t = card_unwrap(mode, &wrong_at(3), &wrong_at(3), rounds)?;
        println!("{rounds} C-MACs, {mode:?}, twice the same (noise alone): |t| = {t:.2}");

        let bad = forge::bad_padding();
        let (early, late) = (
            forge::command(mode, &bad[0])?,
            forge::command(mode, &bad[200])?,
        );
        let t = card_unwrap(mode, &early, &late, rounds)?;
        println!("{rounds} paddings, {mode:?}, wrong early or wrong late: |t| = {t:.2}");
        let t = card_unwrap(mode, &early, &early, rounds)?;
        println!("{rounds} paddings, {mode:?}, twice the same (noise alone): |t| = {t:.2}");
    }
    Ok(())
}

fn card_unwrap(mode: Mode, zero: &CommandApdu, one: &CommandApdu, rounds: usize) -> Result<f64> {
    let mut times = Vec::with_capacity(rounds);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let class = random >> 63 == 1;
        let (_, mut card) = forge::open(mode)?;
        // Both classes from the same place in memory, and without a branch before.
        let choice = [zero, one][usize::from(class)];
        let mut buffer = [0; 272];
        let length = choice.encode_into(&mut buffer)?;
        let begin = Instant::now();
        let is_refused = card.unwrap_in_place(&mut buffer[..length]).is_err();
        let elapsed = begin.elapsed().as_nanos() as f64;
        crate::card::expect(is_refused)?;
        times.push((class, elapsed));
    }
    Ok(largest_t(&times))
}

fn largest_t(times: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    [0.5, 0.75, 0.9, 0.95, 0.99, 1.0]
        .into_iter()
        .filter_map(|part| {
            let last = (part * (sorted.len() - 1) as f64) as usize;
            let below = sorted.get(last).copied()?;
            Some(welch(times.iter().filter(|(_, time)| *time <= below)))
        })
        .fold(0.0, f64::max)
}

fn welch<'a>(times: impl Iterator<Item = &'a (bool, f64)>) -> f64 {
    let (mut n, mut sum, mut squares) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for (class, time) in times {
        let class = usize::from(*class);
        n[class] += 1.0;
        sum[class] += time;
        squares[class] += time * time;
    }
    let mean = |class: usize| sum[class] / n[class];
    let variance = |class: usize| (squares[class] / n[class] - mean(class).powi(2)) / n[class];
    (mean(0) - mean(1)).abs() / (variance(0) + variance(1)).sqrt()
}
