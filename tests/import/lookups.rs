//! How long one look-up takes.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tsm::client::Servers;
use tsm_proto::mno::FindUiccRequest;
use tsm_proto::mno::find_uicc_request::By;

use crate::output_file::card;

/// Look-ups of each kind.
const SAMPLE: u64 = 2_000;

/// Sorted times.
pub struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(0.0, Duration::as_secs_f64) * 1e6
    }

    /// This and another, and their ratio.
    pub fn compared(&self, after: &Self) -> String {
        let [p50, p99] = [50, 99].map(|percent| {
            let (before, after) = (self.percentile(percent), after.percentile(percent));
            format!(
                "p{percent} {before:.0} us before, {after:.0} us after (x {:.2})",
                after / before
            )
        });
        format!("{p50}, {p99}")
    }
}

/// Look-ups in one fleet.
pub struct Lookups {
    pub iccid: Times,
    pub msisdn: Times,
}

impl Lookups {
    /// Looks for cards that are spread over the whole fleet, one after the other.
    pub async fn measure(servers: &Servers, numbers: &Range<u64>) -> anyhow::Result<Self> {
        let mut uiccs = servers.uiccs()?;
        let count = numbers.end - numbers.start;
        let (mut iccid, mut msisdn) = (Vec::new(), Vec::new());
        for sample in 0..SAMPLE {
            let wanted = card(numbers.start + sample.wrapping_mul(104_729) % count);
            let by_iccid = By::Iccid(wanted.iccid.clone());
            let by_msisdn = By::Msisdn(wanted.msisdn);
            for (by, times) in [(by_iccid, &mut iccid), (by_msisdn, &mut msisdn)] {
                let begun = Instant::now();
                let found = uiccs.find_uicc(FindUiccRequest { by: Some(by) }).await?;
                times.push(begun.elapsed());
                let found = found.into_inner().iccid;
                ensure!(
                    found == wanted.iccid,
                    "{found} was found for {}",
                    wanted.iccid
                );
            }
        }
        Ok(Self {
            iccid: Times::new(iccid),
            msisdn: Times::new(msisdn),
        })
    }
}
