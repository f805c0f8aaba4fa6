//! A verification tells what somebody else has written, and nothing else; its repair sends just that.

use outflow_domain::WhenNull;
use outflow_engine::{Finding, Verified, forget_drift, verify};
use outflow_sandbox::model::OtherWrite;

use super::{Broken, MEMBERS, Rule, World, others::FOREIGN, poll_once};

impl World {
    /// Where all has been sent, model and data extension are found to agree; and to find that out changes nothing.
    pub(super) fn nothing_has_drifted(&mut self) -> Result<(), Box<Broken>> {
        if self.script.switches.row_reading_refused {
            return Ok(());
        }
        let events = self.ledger.len();
        let verified = self.verified()?;
        let unsettled = verified.drifted() + verified.rows(Finding::Pending) + verified.rows(Finding::InDoubt);
        if unsettled > 0 {
            return Err(self.broken(Rule::Verifies, format!("all has been sent, and a verification finds {:?}", verified.found)));
        }
        if self.ledger.len() != events || !self.disk.private_files().is_empty() {
            return Err(self.broken(Rule::Verifies, "a verification has left something behind"));
        }
        Ok(())
    }

    /// Two rows are written by somebody else, which no run would notice.
    pub(super) fn what_others_wrote_is_mended(&mut self) -> Result<(), Box<Broken>> {
        let mut lone = self.lone_rows().into_iter().map(|(_, key)| key);
        let (Some(altered), Some(removed)) = (lone.next(), lone.next()) else { return Ok(()) };
        // Where `Name` is not mapped it is not ours, whoever writes it; nor where it is left as it is.
        let has_name = self.fields.has(0) && !self.fields.alias && self.fields.when_null("Name") != WhenNull::Keep;
        if !has_name || self.script.update_only || self.script.switches.row_reading_refused {
            return Ok(());
        }
        self.tell(&format!("somebody else writes `{altered}` and deletes `{removed}`"));
        let text = |it: &str| Some(it.to_owned());
        let values = [("Key", text(&altered)), ("Name", text("Zq7 other")), ("Foreign", text(FOREIGN))].map(|(k, v)| (k.to_owned(), v));
        self.other(&OtherWrite::UpsertRow { de: MEMBERS.into(), values: values.into() });
        self.other(&OtherWrite::DeleteRow { de: MEMBERS.into(), keys: [("Key".to_owned(), removed)].into() });
        let verified = self.verified()?;
        let gone = verified.rows(Finding::Missing) + verified.rows(Finding::Expired);
        if (verified.rows(Finding::Altered), gone) != (1, 1) {
            return Err(self.broken(Rule::Verifies, format!("one row was altered and one deleted, and found was {:?}", verified.found)));
        }
        let (job, ports) = (self.job(), self.ports());
        if !matches!(poll_once(forget_drift(&job, &ports, &verified)), Some(Ok(()))) {
            return Err(self.broken(Rule::Verifies, "what has drifted cannot be told to the baseline"));
        }
        self.others.touched.clear();
        self.held = self.stored();
        let report = self.done()?;
        let sent: u64 = report.plan.parts.iter().map(|it| it.rows).sum();
        if sent != 2 {
            return Err(self.broken(Rule::Verifies, format!("two rows had drifted, and {sent} were sent")));
        }
        self.quiet("what had drifted was sent")?;
        self.nothing_has_drifted()
    }

    fn verified(&mut self) -> Result<Verified, Box<Broken>> {
        let (job, ports) = (self.job(), self.ports());
        match poll_once(verify(&job, &ports)) {
            Some(Ok(verified)) => Ok(verified),
            other => Err(self.broken(Rule::Verifies, format!("a verification ended with {other:?}"))),
        }
    }
}
