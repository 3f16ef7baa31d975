//! What a demo prints: one JSON object for programs, a summary for people.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::commands::application::StageView;
use crate::output::{Paint, bar};

/// Result of a demo.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Credentials that are ACTIVE, proved by a login.
    pub active: usize,
    /// Every card.
    pub cards: Vec<CardReport>,
    /// Every stage: sums over all cards.
    pub stages: Vec<StageReport>,
    /// Seed of cards and citizens.
    pub seed: u64,
    /// Key algorithm.
    pub algorithm: &'static str,
    /// How the first keys of the provider's domains were made.
    pub key_setup: &'static str,
    /// Key pairs that were made before the clock started.
    pub key_pool: u32,
    /// Citizens who were served at the same time.
    pub parallel: u32,
    /// From the first application to the last login, in seconds.
    pub seconds: f64,
    /// Credentials per second.
    pub credentials_per_second: f64,
    /// Most exchanges that one card took.
    pub most_exchanges: u32,
}

/// One card.
#[derive(Debug, Serialize)]
pub struct CardReport {
    /// The card.
    pub iccid: String,
    /// Its PIN.
    pub pin: String,
    /// State of its credential.
    pub state: String,
    /// Script exchanges with the phone.
    pub exchanges: u32,
    /// Why it is not ACTIVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One stage, summed over all cards.
#[derive(Debug, Serialize)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// Script exchanges with phones.
    pub exchanges: u32,
    /// Time in milliseconds.
    pub ms: f64,
    /// Its part of the time of all stages, 0 to 1.
    pub share: f64,
}

impl Report {
    /// Adds a stage of one card to the sums.
    pub fn add_stage(&mut self, stage: StageView) {
        match self
            .stages
            .iter_mut()
            .find(|known| known.name == stage.name)
        {
            Some(known) => {
                known.exchanges += stage.exchanges;
                known.ms += stage.ms;
            }
            None => self.stages.push(StageReport {
                name: stage.name,
                exchanges: stage.exchanges,
                ms: stage.ms,
                share: 0.0,
            }),
        }
    }

    /// Sets the figures that follow from time and number.
    pub fn finish(&mut self, elapsed: Duration) {
        let total: f64 = self.stages.iter().map(|stage| stage.ms).sum();
        for stage in &mut self.stages {
            stage.ms = round(stage.ms, 1_000.0);
            stage.share = round(stage.ms / total.max(f64::EPSILON), 10_000.0);
        }
        self.seconds = round(elapsed.as_secs_f64(), 1_000.0);
        let rate = self.active as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        self.credentials_per_second = round(rate, 100.0);
        self.most_exchanges = self
            .cards
            .iter()
            .map(|card| card.exchanges)
            .max()
            .unwrap_or(0);
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let paint = Paint::stdout();
        let mut text = String::new();
        let _ = writeln!(text, "\n{}", paint.strong("Where the time went"));
        for stage in &self.stages {
            let mean = stage.ms / self.cards.len().max(1) as f64;
            let _ = writeln!(
                text,
                "  {:<12} {} {:>5.1} %  {mean:>9.1} ms per card  {:>4} exchanges",
                stage.name,
                bar((stage.share * 1_000.0) as u64, 1_000, 20),
                stage.share * 100.0,
                stage.exchanges,
            );
        }
        let _ = writeln!(text, "\n{}", paint.strong("Result"));
        let verdict = format!("{} of {} credentials ACTIVE", self.active, self.cards.len());
        let all = self.active == self.cards.len();
        let verdict = if all {
            paint.good(&verdict)
        } else {
            paint.bad(&verdict)
        };
        let _ = writeln!(
            text,
            "  {verdict}, {:.2} credentials per second, {:.1} s in all, at most {} exchanges with a phone",
            self.credentials_per_second, self.seconds, self.most_exchanges
        );
        let _ = writeln!(
            text,
            "  {} key pairs were made before the clock started ({}); first keys: {}",
            self.key_pool, self.algorithm, self.key_setup
        );
        for card in &self.cards {
            if let Some(failure) = &card.failure {
                let _ = writeln!(text, "  {} {}: {failure}", paint.bad("✗"), card.iccid);
            }
        }
        text
    }
}

/// `value` to the nearest part of `steps` of one.
fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
