//! Known-bad variants: what a world must notice.
//!
//! A check that cannot fail proves nothing. The product holds no switch that makes it wrong; instead each [`Sabotage`] stands between the
//! real engine and its ports, or between its ports and the world, so that what happens outside is just what an engine would do that breaks
//! one of the thirteen rules.

mod cloud;
mod files;
mod ledger;
mod source;
mod spool;

use std::sync::Arc;

use outflow_domain::{EmptySource, Guards, InsertMode, OnExit, WhenNull};
use outflow_engine::{Job, Ports, RunOptions, Split};
use outflow_marketing_cloud::HttpTransport;

use crate::simulated::SimulatedLedger;
use cloud::{BadCloud, BadTransport, Memory};
use files::BadFiles;
use ledger::BadLedger;
use source::BadSource;
use spool::BadSpool;

/// One way to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Rule 1: a settled part confirms everything that was sent, refused rows too.
    ConfirmsWhatWasSent,
    /// Rule 1: an import that calls itself completed has applied every row, whatever it counts.
    BelievesWhatIsCompleted,
    /// Rule 2: doubt lives in memory only and is gone after a crash.
    ForgetsDoubt,
    /// Rule 2: where rows may not be read, doubt never ends, since its rows are sent again in files as large as before.
    NeverSplits,
    /// Rule 3: an import is taken for ended as soon as it was started.
    StartsOverOpenImports,
    /// Rule 3: imports of our definition that somebody else has started are never looked for.
    OverlooksStartsOfOthers,
    /// Rule 4: a source that breaks off is taken for one that has no more rows.
    TakesBrokenSourcesForWhole,
    /// Rule 5: a file is put together anew when it is transferred.
    DecidesAtTransfer,
    /// Rule 6: an intent reaches the disk only with the event after it.
    WritesIntentsAfterwards,
    /// Rule 7: after a crash, parts that were started are dropped instead of settled.
    DropsWhatWasStarted,
    /// Rule 7: files of parts that were not started stay at the route.
    LeavesFilesAtTheRoute,
    /// Rule 8: refusals are not remembered.
    ForgetsRefusals,
    /// None of the thirteen: what became of rows is not kept, so that all of them seem to have arrived.
    ForgetsFates,
    /// None of the thirteen: keys of rows that were sent are not stored, so that what leaves is never flagged.
    ForgetsKeys,
    /// Rule 9: the service's words are kept as they are, values and all.
    QuotesValues,
    /// Rule 9: private files stay when they have served.
    KeepsPrivateFiles,
    /// Rule 10: keys are equal only when their bytes are.
    ComparesKeysByTheirBytes,
    /// Rule 11: a data extension is known by its name, and its rows are never counted.
    TrustsNames,
    /// Rule 11: the numbers of rows are never asked for, so that one made again looks like the one before.
    OverlooksNumbers,
    /// Rule 11: the mark that newer imports have left is never looked for, so that an old copy of the state sends on.
    OverlooksMarks,
    /// Rule 11: a baseline of which a file is torn is taken for an empty one.
    TakesTornForEmpty,
    /// Rule 12: imports replace what is there.
    Overwrites,
    /// Rule 12: the mode of an update-only activation is overlooked.
    InsertsInUpdateOnly,
    /// Rule 12: fields that are to be kept are cleared.
    ClearsWhatIsKept,
    /// Rule 12: rows that were there before us are deleted as those that we made.
    DeletesAdopted,
    /// Rule 12: a deletion that was asked for counts as done, and nobody looks.
    BelievesDeletions,
    /// Rule 12: what another activation of the data extension holds is nobody's.
    OverlooksWhatOthersHold,
    /// Rule 13: guards are never asked.
    AsksNoGuard,
    /// Rule 13: an approval lets everything through, whatever was looked at.
    ApprovesEverything,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::ConfirmsWhatWasSent,
        Self::BelievesWhatIsCompleted,
        Self::ForgetsDoubt,
        Self::NeverSplits,
        Self::StartsOverOpenImports,
        Self::OverlooksStartsOfOthers,
        Self::TakesBrokenSourcesForWhole,
        Self::DecidesAtTransfer,
        Self::WritesIntentsAfterwards,
        Self::DropsWhatWasStarted,
        Self::LeavesFilesAtTheRoute,
        Self::ForgetsRefusals,
        Self::ForgetsFates,
        Self::ForgetsKeys,
        Self::QuotesValues,
        Self::KeepsPrivateFiles,
        Self::ComparesKeysByTheirBytes,
        Self::TrustsNames,
        Self::TakesTornForEmpty,
        Self::OverlooksNumbers,
        Self::OverlooksMarks,
        Self::Overwrites,
        Self::InsertsInUpdateOnly,
        Self::ClearsWhatIsKept,
        Self::DeletesAdopted,
        Self::BelievesDeletions,
        Self::OverlooksWhatOthersHold,
        Self::AsksNoGuard,
        Self::ApprovesEverything,
    ];

    /// The number of the rule it breaks; 0 where it is none of the thirteen.
    #[must_use]
    pub const fn breaks(self) -> u8 {
        match self {
            Self::ForgetsFates | Self::ForgetsKeys => 0,
            Self::ConfirmsWhatWasSent | Self::BelievesWhatIsCompleted => 1,
            Self::ForgetsDoubt | Self::NeverSplits => 2,
            Self::StartsOverOpenImports | Self::OverlooksStartsOfOthers => 3,
            Self::TakesBrokenSourcesForWhole => 4,
            Self::DecidesAtTransfer => 5,
            Self::WritesIntentsAfterwards => 6,
            Self::DropsWhatWasStarted | Self::LeavesFilesAtTheRoute => 7,
            Self::ForgetsRefusals => 8,
            Self::QuotesValues | Self::KeepsPrivateFiles => 9,
            Self::ComparesKeysByTheirBytes => 10,
            Self::TrustsNames | Self::OverlooksNumbers | Self::OverlooksMarks | Self::TakesTornForEmpty => 11,
            Self::Overwrites
            | Self::InsertsInUpdateOnly
            | Self::ClearsWhatIsKept
            | Self::DeletesAdopted
            | Self::BelievesDeletions
            | Self::OverlooksWhatOthersHold => 12,
            Self::AsksNoGuard | Self::ApprovesEverything => 13,
        }
    }
}

/// A sabotage at work in one world; remembers what its variant would remember from run to run.
#[derive(Clone, Debug)]
pub(crate) struct Saboteur {
    sabotage: Sabotage,
    memory: Memory,
}

impl Saboteur {
    pub fn new(sabotage: Sabotage) -> Self {
        Self { sabotage, memory: Memory::default() }
    }

    /// Whether the variant is one of what is told of past runs. Any other is to be caught by what it does.
    pub fn is_about_the_past(&self) -> bool {
        self.sabotage == Sabotage::ForgetsFates
    }

    /// Whether the variant is one of what the neighbours hold: no other is to be caught by what it does to them.
    pub fn is_about_neighbours(&self) -> bool {
        self.sabotage == Sabotage::OverlooksWhatOthersHold
    }

    /// How the variant reads the mode it is given.
    pub fn mode(&self, asked: InsertMode) -> InsertMode {
        if self.sabotage == Sabotage::InsertsInUpdateOnly { InsertMode::InsertAndUpdate } else { asked }
    }

    /// How small the variant makes files of rows in doubt.
    pub fn split(&self, asked: Split) -> Split {
        if self.sabotage == Sabotage::NeverSplits { Split { rows_min: u32::MAX, ..asked } } else { asked }
    }

    /// What the variant makes of blanks that are to leave their fields as they are.
    pub fn clear(&self, job: &mut Job) {
        if self.sabotage == Sabotage::ClearsWhatIsKept {
            let cleared = |it: WhenNull| if it == WhenNull::Keep { WhenNull::Clear } else { it };
            let activation = &mut job.activation;
            activation.when_null = cleared(activation.when_null);
            activation.fields.iter_mut().for_each(|it| it.when_null = it.when_null.map(cleared));
        }
    }

    /// What the variant makes of rows that are not to be deleted.
    pub fn delete(&self, job: &mut Job) {
        if let (Sabotage::DeletesAdopted, OnExit::Delete { adopted }) = (self.sabotage, &mut job.activation.on_exit) {
            *adopted = true;
        }
    }

    /// What the variant makes of guards and of an approval.
    pub fn guard(&self, job: &mut Job, options: &mut RunOptions) {
        let is_open = match self.sabotage {
            Sabotage::AsksNoGuard => true,
            Sabotage::ApprovesEverything => options.approve.take().is_some(),
            _ => false,
        };
        if is_open {
            job.activation.guards = Guards { empty_source: EmptySource::Allow, ..Guards::default() };
        }
    }

    /// Stands between the adapter and the service.
    pub fn transport(&self, inner: Arc<dyn HttpTransport>) -> Arc<dyn HttpTransport> {
        Arc::new(BadTransport { inner, sabotage: self.sabotage, has_lied: false.into() })
    }

    /// Stands between the engine and its ports.
    pub fn ports(&self, honest: Ports) -> Ports {
        let sabotage = self.sabotage;
        Ports {
            source: Arc::new(BadSource { inner: honest.source, sabotage }),
            cloud: Arc::new(BadCloud { inner: honest.cloud, sabotage, memory: self.memory.clone() }),
            files: Arc::new(BadFiles { inner: honest.files, sabotage }),
            ledger: Arc::new(BadLedger { inner: honest.ledger, baselines: Arc::clone(&honest.baselines), sabotage }),
            spool: Arc::new(BadSpool { inner: honest.spool, sabotage }),
            ..honest
        }
    }

    /// What the variant's ledger has lost when the machine has crashed.
    pub fn crashed(&self, ledger: &SimulatedLedger) {
        ledger::crashed(self.sabotage, ledger);
    }
}
