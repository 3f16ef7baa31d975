//! Card production life cycle data, tag 9F7F: who made the card, and when.
//!
//! The object predates GlobalPlatform's own specifications; its layout is that of EMV CPS and Visa's
//! card production life cycle, as kaoh/globalplatform and GlobalPlatformPro read it.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    error::DecodeError,
    tlv::{Reader, Tag, Writer},
};

const CPLC: Tag = Tag(0x9F7F);

/// 42 bytes in eighteen fields.
///
/// ```
/// use globalplatform::card_data::Cplc;
///
/// let data = hex::decode(
///     "9F7F2A4790D6004700000000003244342952208448000000000000000015278234323935320000000000000000",
/// )?;
/// let cplc = Cplc::decode(&data)?;
/// assert_eq!(cplc.ic_fabricator, 0x4790);
/// assert_eq!(cplc.ic_fabrication_date.to_string(), "day 244 of a year that ends in 3");
/// assert_eq!(cplc.encode(), data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cplc {
    /// Manufacturer of the chip.
    pub ic_fabricator: u16,
    /// Its type.
    pub ic_type: u16,
    /// Operating system.
    pub operating_system: u16,
    /// When it was released.
    pub operating_system_date: CplcDate,
    /// Its release level.
    pub operating_system_level: u16,
    /// When the chip was made.
    pub ic_fabrication_date: CplcDate,
    /// Serial number of the chip.
    pub ic_serial_number: u32,
    /// Batch of the chip.
    pub ic_batch: u16,
    /// Who put the chip into a module.
    pub module_fabricator: u16,
    /// When.
    pub module_packaging_date: CplcDate,
    /// Who put the module into a card.
    pub icc_manufacturer: u16,
    /// When.
    pub embedding_date: CplcDate,
    /// Who initialised the card.
    pub pre_personalizer: u16,
    /// When.
    pub pre_personalization_date: CplcDate,
    /// With which equipment.
    pub pre_personalization_equipment: u32,
    /// Who personalised it.
    pub personalizer: u16,
    /// When.
    pub personalization_date: CplcDate,
    /// With which equipment.
    pub personalization_equipment: u32,
}

/// A date as `YDDD`, four decimal digits: the last one of the year and the day of the year. Cards fill
/// dates that they do not know with 0000 or FFFF, and some with anything else.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CplcDate(pub [u8; 2]);

impl CplcDate {
    /// The last digit of the year and the day of the year (1 to 366), if this is a date.
    #[must_use]
    pub fn year_digit_and_day(self) -> Option<(u8, u16)> {
        let [high, low] = self.0;
        let digits = [high >> 4, high & 0x0F, low >> 4, low & 0x0F];
        let day = digits
            .iter()
            .skip(1)
            .fold(0, |day, digit| 10 * day + u16::from(*digit));
        let [year, ..] = digits;
        let is_date = digits.iter().all(|digit| *digit <= 9) && (1..=366).contains(&day);
        is_date.then_some((year, day))
    }

    /// Year, month and day, of the latest year up to `latest_year` that ends in the digit.
    ///
    /// ```
    /// use globalplatform::card_data::CplcDate;
    ///
    /// let date = CplcDate([0x32, 0x44]);
    /// assert_eq!(date.before_end_of(2026), Some((2023, 9, 1)));
    /// assert_eq!(date.before_end_of(2022), Some((2013, 9, 1)));
    /// ```
    #[must_use]
    pub fn before_end_of(self, latest_year: u16) -> Option<(u16, u8, u8)> {
        let (digit, mut day) = self.year_digit_and_day()?;
        let back = (latest_year % 10 + 10 - u16::from(digit)) % 10;
        let year = latest_year.checked_sub(back)?;
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let february = if leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in (1..).zip(months) {
            if day <= length {
                return Some((year, month, u8::try_from(day).ok()?));
            }
            day -= length;
        }
        None
    }
}

impl fmt::Display for CplcDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year_digit_and_day() {
            Some((year, day)) => write!(f, "day {day} of a year that ends in {year}"),
            None => f.write_str("unknown"),
        }
    }
}

impl fmt::Debug for CplcDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:02X}{low:02X}")
    }
}

impl Cplc {
    /// The whole data object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Writer::new();
        value.u16(self.ic_fabricator);
        value.u16(self.ic_type);
        value.u16(self.operating_system);
        value.bytes(&self.operating_system_date.0);
        value.u16(self.operating_system_level);
        value.bytes(&self.ic_fabrication_date.0);
        value.bytes(&self.ic_serial_number.to_be_bytes());
        value.u16(self.ic_batch);
        value.u16(self.module_fabricator);
        value.bytes(&self.module_packaging_date.0);
        value.u16(self.icc_manufacturer);
        value.bytes(&self.embedding_date.0);
        value.u16(self.pre_personalizer);
        value.bytes(&self.pre_personalization_date.0);
        value.bytes(&self.pre_personalization_equipment.to_be_bytes());
        value.u16(self.personalizer);
        value.bytes(&self.personalization_date.0);
        value.bytes(&self.personalization_equipment.to_be_bytes());
        let mut writer = Writer::new();
        writer.tlv(CPLC, &value.into_vec());
        writer.into_vec()
    }

    /// Decodes the whole data object.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; its value has 42 bytes.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut outer = Reader::new(data);
        let mut reader = outer.expect(CPLC)?.reader();
        outer.finish()?;
        let cplc = Self {
            ic_fabricator: reader.u16()?,
            ic_type: reader.u16()?,
            operating_system: reader.u16()?,
            operating_system_date: CplcDate(reader.array()?),
            operating_system_level: reader.u16()?,
            ic_fabrication_date: CplcDate(reader.array()?),
            ic_serial_number: reader.array().map(u32::from_be_bytes)?,
            ic_batch: reader.u16()?,
            module_fabricator: reader.u16()?,
            module_packaging_date: CplcDate(reader.array()?),
            icc_manufacturer: reader.u16()?,
            embedding_date: CplcDate(reader.array()?),
            pre_personalizer: reader.u16()?,
            pre_personalization_date: CplcDate(reader.array()?),
            pre_personalization_equipment: reader.array().map(u32::from_be_bytes)?,
            personalizer: reader.u16()?,
            personalization_date: CplcDate(reader.array()?),
            personalization_equipment: reader.array().map(u32::from_be_bytes)?,
        };
        reader.finish()?;
        Ok(cplc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::bytes;
    use alloc::{format, string::ToString};
    use proptest::prelude::*;

    #[test]
    fn decodes_every_field_of_a_real_card() {
        // From the tests of kaoh/globalplatform.
        let data = bytes(
            "9F7F2A4750006100008303008000E692E082BE675C72877301FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
        );
        let unknown = CplcDate([0xFF, 0xFF]);
        let cplc = Cplc {
            ic_fabricator: 0x4750,
            ic_type: 0x0061,
            operating_system: 0x0000,
            operating_system_date: CplcDate([0x83, 0x03]),
            operating_system_level: 0x0080,
            ic_fabrication_date: CplcDate([0x00, 0xE6]),
            ic_serial_number: 0x92E0_82BE,
            ic_batch: 0x675C,
            module_fabricator: 0x7287,
            module_packaging_date: CplcDate([0x73, 0x01]),
            icc_manufacturer: 0xFFFF,
            embedding_date: unknown,
            pre_personalizer: 0xFFFF,
            pre_personalization_date: unknown,
            pre_personalization_equipment: 0xFFFF_FFFF,
            personalizer: 0xFFFF,
            personalization_date: unknown,
            personalization_equipment: 0xFFFF_FFFF,
        };
        assert_eq!(Cplc::decode(&data), Ok(cplc));
        assert_eq!(cplc.encode(), data);
    }

    #[test]
    fn tells_dates_from_fillers() {
        for (date, text) in [
            ([0x83, 0x03], "day 303 of a year that ends in 8"),
            ([0x00, 0x01], "day 1 of a year that ends in 0"),
            ([0x93, 0x66], "day 366 of a year that ends in 9"),
            ([0x93, 0x67], "unknown"),
            ([0x00, 0x00], "unknown"),
            ([0xFF, 0xFF], "unknown"),
            ([0x00, 0xE6], "unknown"),
            ([0xA0, 0x01], "unknown"),
            ([0x0A, 0x01], "unknown"),
            ([0x00, 0x1A], "unknown"),
        ] {
            assert_eq!(CplcDate(date).to_string(), text);
        }
        assert_eq!(format!("{:?}", CplcDate([0x0A, 0x1B])), "0A1B");
    }

    #[test]
    fn finds_the_day_in_the_calendar() {
        for (date, latest, expected) in [
            ([0x30, 0x31], 2023, Some((2023, 1, 31))),
            ([0x30, 0x32], 2023, Some((2023, 2, 1))),
            ([0x30, 0x60], 2023, Some((2023, 3, 1))),
            ([0x40, 0x60], 2024, Some((2024, 2, 29))),
            ([0x43, 0x66], 2024, Some((2024, 12, 31))),
            ([0x33, 0x65], 2023, Some((2023, 12, 31))),
            ([0x33, 0x66], 2023, None),
            ([0x00, 0x60], 2100, Some((2100, 3, 1))),
            ([0x00, 0x60], 2000, Some((2000, 2, 29))),
            ([0x90, 0x01], 2030, Some((2029, 1, 1))),
            ([0x90, 0x01], 5, None),
            ([0x00, 0x00], 2030, None),
        ] {
            assert_eq!(CplcDate(date).before_end_of(latest), expected);
        }
    }

    #[test]
    fn refuses_malformed_data_with_offsets() {
        let mut long = bytes("9F7F2B");
        long.resize(3 + 43, 0);
        let mut short = bytes("9F7F29");
        short.resize(3 + 41, 0);
        for (data, offset) in [
            (Vec::new(), 0),
            (bytes("9F7E00"), 0),
            (bytes("9F7F00"), 3),
            (bytes("9F7F0000"), 3),
            (long, 45),
            (short, 44),
        ] {
            assert_eq!(Cplc::decode(&data).unwrap_err().offset(), offset);
        }
    }

    proptest! {
        #[test]
        fn round_trips(value in proptest::collection::vec(any::<u8>(), 42), year: u16) {
            let mut data = bytes("9F7F2A");
            data.extend(value);
            let cplc = Cplc::decode(&data).unwrap();
            prop_assert_eq!(cplc.encode(), data);
            let _ = cplc.ic_fabrication_date.before_end_of(year);
        }
    }
}
