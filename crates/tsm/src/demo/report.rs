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
    pub stages: Vec<StageView>,
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

/// Adds `stage` to the sums.
pub fn add_stage(stages: &mut Vec<StageView>, stage: StageView) {
    match stages.iter_mut().find(|known| known.name == stage.name) {
        Some(known) => {
            known.exchanges += stage.exchanges;
            known.ms += stage.ms;
        }
        None => stages.push(stage),
    }
}

impl Report {
    /// Sets the figures that follow from time and number.
    pub fn finish(&mut self, elapsed: Duration) {
        self.seconds = (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0;
        self.credentials_per_second =
            (self.active as f64 / elapsed.as_secs_f64().max(f64::EPSILON) * 100.0).round() / 100.0;
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
        let total: f64 = self.stages.iter().map(|stage| stage.ms).sum();
        let _ = writeln!(text, "\n{}", paint.strong("Where the time went"));
        for stage in &self.stages {
            let share = if total > 0.0 { stage.ms / total } else { 0.0 };
            let mean = stage.ms / self.cards.len().max(1) as f64;
            let _ = writeln!(
                text,
                "  {:<12} {} {:>5.1} %  {mean:>9.1} ms per card  {:>4} exchanges",
                stage.name,
                bar((share * 1_000.0) as u64, 1_000, 20),
                share * 100.0,
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
