//! Days, months and written moments (proleptic Gregorian calendar; RFC 3339).

use super::Timestamp;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Year, month (1 to 12) and day (1 to 31) of the day that is `days` after 1970-01-01.
///
/// Years of 400 are alike, so the count begins at 0000-03-01, and a year at 1 March: the day that
/// leap years add is the last then.
#[must_use]
pub const fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month as u8, day as u8)
}

/// Days from 1970-01-01 to a day of the calendar; `month` and `day` may run over.
#[must_use]
pub const fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.saturating_mul(146_097)
        .saturating_add(day_of_era)
        .saturating_sub(719_468)
}

impl Timestamp {
    /// As RFC 3339 writes it, in UTC with milliseconds.
    ///
    /// ```
    /// # use tsm_core::time::Timestamp;
    /// assert_eq!(Timestamp(1_767_225_599_999).rfc3339(), "2025-12-31T23:59:59.999Z");
    /// ```
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// Reads what [`rfc3339`](Self::rfc3339) wrote, and nothing that is written otherwise.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let small = |from: usize, to: usize| u8::try_from(number(from, to)?).ok();
        let days = days_from_civil(number(0, 4)?, small(5, 7)?, small(8, 10)?);
        let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
        let ms = days * DAY_MS + seconds * 1_000 + number(20, 23)?;
        Some(Self(ms)).filter(|found| found.rfc3339() == text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_the_days_around_leap_days() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_512, (2026, 2, 28)),
            (20_513, (2026, 3, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date);
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
        }
    }

    #[test]
    fn moments_are_read_as_they_are_written_only() {
        let text = "2026-11-24T04:05:06.007Z";
        let moment = Timestamp::from_rfc3339(text).unwrap();
        assert_eq!(moment.rfc3339(), text);
        for other in [
            "2026-11-24T04:05:06.007",
            "2026-11-24T04:05:06.007+00:00",
            "2026-11-24 04:05:06.007Z",
            "2026-02-29T04:05:06.007Z",
            "2026-13-24T04:05:06.007Z",
            "2026-11-24T24:05:06.007Z",
            "2026-11-24T04:60:06.007Z",
            "2026-11-24T04:05:60.007Z",
            "2026-11-24T+4:05:06.007Z",
            "２026-11-24T04:05:06.007Z",
            "",
        ] {
            assert_eq!(Timestamp::from_rfc3339(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_found_again(days in -5_000_000_i64..5_000_000) {
            let (year, month, day) = civil(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
            let (_, _, next) = civil(days + 1);
            prop_assert!(next == day + 1 || next == 1);
        }

        #[test]
        fn every_moment_of_four_digit_years_is_found_again(ms in -62_167_219_200_000_i64..253_402_300_800_000) {
            let moment = Timestamp(ms);
            prop_assert_eq!(Timestamp::from_rfc3339(&moment.rfc3339()), Some(moment));
        }

        #[test]
        fn nothing_overflows(ms: i64) {
            prop_assert!(Timestamp(ms).rfc3339().ends_with('Z'));
        }
    }
}
