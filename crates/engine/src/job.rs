//! What a run is given: the activation, and the outside world behind ports.

use std::sync::Arc;

use outflow_domain::{Activation, PlanId};
use outflow_ports::{
    BaselineStore, BaselineStores, Clock, Entropy, FileStore, History, Ledger, MarketingCloud, ProgressSink, Query, Source, Spool,
};

use crate::{compute::Compute, split::Split};

/// An activation with everything that is needed to run it.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is asked for.
    pub activation: Activation,
    /// The model's or segment's question.
    pub query: Query,
    /// The columns that tell the model's rows apart, as the model says; each has to be there.
    pub model_key: Vec<String>,
    /// The external key of the file location that Marketing Cloud reads from.
    pub file_location: String,
    /// The secret that all keys of hashing derive from.
    pub project_secret: Arc<[u8]>,
    /// The service's own clock, in seconds east of Greenwich.
    pub server_offset_s: i32,
    /// How rows that stayed in doubt are sent again where none can be read back.
    pub split: Split,
    /// Entries from which on the order of the model's rows is noted for a base: [`TRAIL_ENTRIES_MIN`](crate::TRAIL_ENTRIES_MIN), if nothing
    /// speaks against it.
    pub trail_entries_min: u64,
}

/// The outside world.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// The business unit.
    pub cloud: Arc<dyn MarketingCloud>,
    /// Where files are put for it.
    pub files: Arc<dyn FileStore>,
    /// What has happened.
    pub ledger: Arc<dyn Ledger>,
    /// The activation's segments.
    pub baselines: Arc<dyn BaselineStore>,
    /// Those of all activations of the project: only what another one holds is read there.
    pub all_baselines: Arc<dyn BaselineStores>,
    /// The activation's history.
    pub history: Arc<dyn History>,
    /// The activation's private files.
    pub spool: Arc<dyn Spool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Who watches.
    pub progress: Arc<dyn ProgressSink>,
    /// Where columns are worked on.
    pub compute: Compute,
}

/// How a person wants this one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Send every row, whatever the baseline says.
    pub full: bool,
    /// Send rows again that the service refused before.
    pub retry_refused: bool,
    /// Let the rows through that this plan holds back.
    pub approve: Option<PlanId>,
}

impl Ports {
    /// A name for a run: its second, and enough chance to be unique.
    pub(crate) fn fresh_run_id(&self) -> outflow_domain::RunId {
        let at = civil::utc_of_ms(self.clock.now_ms());
        outflow_domain::RunId(format!("{at}-{:06x}", self.entropy.next_u64() & 0xff_ffff))
    }
}

mod civil {
    //! `20261123T041007Z` from milliseconds since 1970, by counting days of the Gregorian calendar from March on.

    pub fn utc_of_ms(ms: i64) -> String {
        let seconds = ms.div_euclid(1000);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_of_days(days);
        format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }

    /// Year, month and day of a number of days since 1970-01-01.
    fn civil_of_days(days: i64) -> (i64, i64, i64) {
        let since_march_0000 = days + 719_468;
        let era = since_march_0000.div_euclid(146_097);
        let day_of_era = since_march_0000.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    #[cfg(test)]
    mod tests {
        use super::utc_of_ms;

        #[test]
        fn milliseconds_become_a_date() {
            assert_eq!(utc_of_ms(0), "19700101T000000Z");
            assert_eq!(utc_of_ms(951_782_399_999), "20000228T235959Z");
            assert_eq!(utc_of_ms(951_782_400_000), "20000229T000000Z");
            assert_eq!(utc_of_ms(1_795_406_400_000), "20261123T040000Z");
        }
    }
}
