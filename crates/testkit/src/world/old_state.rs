//! Rule 11: a state that is an older copy of the one that has sent last is noticed where the road keeps a mark.

use outflow_domain::RunResult;
use outflow_engine::{EngineError, RunOptions, verify};

use super::{Broken, Rule, World, poll_once};

impl World {
    /// A person restores an old copy of the state. What has changed after the copy and then went back looks unchanged to it, so the run is
    /// refused with a remedy before anything is sent; the remedy puts it right.
    pub(super) fn an_old_copy_is_noticed(&mut self) -> Result<(), Box<Broken>> {
        if !self.script.soap || self.script.switches.row_reading_refused || self.quiet("nothing has changed")?.plan.is_first {
            return Ok(());
        }
        let lone = self.lone_rows();
        let [(first, gone_back), (second, moved_on), ..] = lone.as_slice() else { return Ok(()) };
        let (ledger, disk) = (self.ledger.copy(), self.disk.copy());
        let before = self.rows.clone();
        let changed = self.changed(*first);
        self.tell(&format!("the state is copied, `{gone_back}` changes and is sent"));
        self.set_rows(&changed);
        let sent = self.done()?;
        if sent.plan.parts.is_empty() || sent.result != RunResult::Succeeded {
            // What kept the row back keeps it back still: there is nothing that the copy could not know.
            self.set_rows(&before);
            return self.done().map(|_| ());
        }
        self.tell(&format!("`{gone_back}` goes back and `{moved_on}` changes; a person restores the copy"));
        self.ledger.put_back(ledger);
        self.disk.put_back(disk);
        self.set_rows(&before);
        // There is nothing to send, and what looks unchanged is not.
        self.an_old_copy_is_refused()?;
        let (job, ports) = (self.job(), self.ports());
        let planned = poll_once(outflow_engine::plan(&job, &ports, &RunOptions::default()));
        if !matches!(&planned, Some(Ok(plan)) if plan.old_state.is_some()) {
            return Err(self.broken(Rule::OldIsRefused, format!("an old copy was restored, and a plan says {planned:?}")));
        }
        let verified = poll_once(verify(&job, &ports));
        if !matches!(&verified, Some(Err(error)) if names_remedy(error)) {
            return Err(self.broken(Rule::OldIsRefused, format!("an old copy was restored, and a verification says {verified:?}")));
        }
        let changed = self.changed(*second);
        self.set_rows(&changed);
        for _ in 0..2 {
            self.an_old_copy_is_refused()?;
        }
        self.rebuild()?;
        self.done()?;
        self.quiet("the baseline was rebuilt").map(|_| ())
    }

    fn an_old_copy_is_refused(&mut self) -> Result<(), Box<Broken>> {
        let arrivals = self.files.arrivals();
        let ran = self.run(&RunOptions::default(), None)?;
        if !matches!(&ran, Some(Err(error)) if names_remedy(error)) || self.files.arrivals() > arrivals {
            return Err(self.broken(Rule::OldIsRefused, format!("an old copy was restored, and the run ended with {ran:?}")));
        }
        Ok(())
    }
}

fn names_remedy(error: &EngineError) -> bool {
    error.code() == "LED-004" && error.to_string().contains("baseline rebuild")
}
