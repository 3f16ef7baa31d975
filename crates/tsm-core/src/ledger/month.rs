//! Months as they are settled: of Japan's calendar and time.

use core::fmt;

use crate::time::Timestamp;
use crate::time::calendar::{DAY_MS, civil, days_from_civil};

/// Japan is nine hours ahead of UTC, all the year.
const JAPAN_MS: i64 = 9 * 3_600_000;

/// Beginning of the day, in Japan, in which `moment` lies.
#[must_use]
pub const fn day_of(moment: Timestamp) -> Timestamp {
    let local = moment.0.saturating_add(JAPAN_MS);
    Timestamp(
        local
            .div_euclid(DAY_MS)
            .saturating_mul(DAY_MS)
            .saturating_sub(JAPAN_MS),
    )
}

/// A month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i64,
    month: u8,
}

impl Month {
    /// Reads `2026-11`; years 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let found = Self {
            year: year.parse().ok()?,
            month: month.parse().ok()?,
        };
        let is_month = (1..=12).contains(&found.month) && (1970..=9999).contains(&found.year);
        (is_month && found.to_string() == text).then_some(found)
    }

    /// The month in which `moment` lies.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        let (year, month, _) = civil(moment.0.saturating_add(JAPAN_MS).div_euclid(DAY_MS));
        Self { year, month }
    }

    /// The month after.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year.saturating_add(1),
                month: 1,
            }
        } else {
            Self {
                year: self.year,
                month: self.month.saturating_add(1),
            }
        }
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        let days = days_from_civil(self.year, self.month, 1);
        Timestamp(days.saturating_mul(DAY_MS).saturating_sub(JAPAN_MS))
    }

    /// The first moment after it.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.next().start()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_japan() {
        let month = Month::parse("2026-11").unwrap();
        assert_eq!(month.start().rfc3339(), "2026-10-31T15:00:00.000Z");
        assert_eq!(month.end().rfc3339(), "2026-11-30T15:00:00.000Z");
        let december = Month::parse("2026-12").unwrap();
        assert_eq!(december.next().to_string(), "2027-01");
        assert_eq!(december.end(), Month::parse("2027-01").unwrap().start());
        for (moment, found) in [
            (Timestamp(month.start().0 - 1), "2026-10"),
            (month.start(), "2026-11"),
            (Timestamp(month.end().0 - 1), "2026-11"),
            (month.end(), "2026-12"),
        ] {
            assert_eq!(Month::of(moment).to_string(), found);
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_japan() {
        let start = Month::parse("2026-11").unwrap().start();
        assert_eq!(day_of(start), start);
        assert_eq!(day_of(Timestamp(start.0 + DAY_MS - 1)), start);
        assert_eq!(day_of(Timestamp(start.0 - 1)), Timestamp(start.0 - DAY_MS));
    }

    #[test]
    fn refuses_what_is_no_month() {
        for text in [
            "",
            "2026",
            "2026-0",
            "2026-00",
            "2026-13",
            "2026-1",
            "26-11",
            "2026-11-01",
            "1969-12",
            "10000-01",
            "+2026-11",
            "2026-+1",
        ] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
