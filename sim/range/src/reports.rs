//! Incident reports: numbering, limits, and the free text that stays outside the hash-chained log.

use crate::Output;
use crate::journal::Journal;
use sim_record::{
    PrincipalId, RecordKind, ReportRecord, ReportStage, SimDuration, SimTime, StateHasher,
};
use sim_view::ReportView;

/// Reports a match may have.
const MAX_REPORTS: usize = 512;
/// Reports that may be open at a time.
const MAX_OPEN: usize = 40;
/// A team submits at most once in this time (fair-play: against spam).
pub(crate) const SUBMIT_EVERY: SimDuration = SimDuration::from_secs(20);
/// Bytes of free text kept.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// A new report as its author gave it.
pub(crate) struct Draft {
    pub asset: String,
    pub technique: String,
    pub began_s: Option<u64>,
    pub needs_confirmation: bool,
    /// Records, bounded by the caller.
    pub evidence: Vec<u64>,
    pub text: String,
}

/// All reports of the defending team.
#[derive(Default)]
pub(crate) struct Reports {
    views: Vec<ReportView>,
    records: Vec<ReportRecord>,
    last_submit: Option<SimTime>,
}

impl Reports {
    /// Files a report.
    pub fn file(
        &mut self,
        journal: &mut Journal,
        by: PrincipalId,
        draft: Draft,
    ) -> Result<(), String> {
        let now = journal.now;
        if self.views.len() >= MAX_REPORTS
            || self.views.iter().filter(|v| v.open).count() >= MAX_OPEN
        {
            return Err("too many reports".into());
        }
        self.check_rate(now)?;
        let mut text = draft.text;
        while text.len() > MAX_TEXT_BYTES {
            text.pop();
        }
        let text_hash = if text.is_empty() {
            String::new()
        } else {
            blake3::hash(text.as_bytes()).to_hex().to_string()
        };
        let number = u32::try_from(self.views.len() + 1).unwrap_or(u32::MAX);
        let began = draft.began_s.map_or(now, SimTime::from_secs).min(now);
        let record = ReportRecord {
            report: number,
            by,
            stage: ReportStage::Filed,
            asset: draft.asset.clone(),
            technique: draft.technique.clone(),
            began,
            needs_confirmation: draft.needs_confirmation,
            closed_as_benign: false,
            evidence: draft.evidence,
            text_hash: text_hash.clone(),
        };
        self.views.push(ReportView {
            id: number,
            asset: draft.asset,
            technique: draft.technique,
            time: now,
            open: true,
        });
        self.records.push(record.clone());
        journal.record(RecordKind::Report(record));
        if !text.is_empty() {
            journal.outputs.push_back(Output::Text {
                hash: text_hash,
                text,
            });
        }
        Ok(())
    }

    /// Changes an open report.
    pub fn update(
        &mut self,
        journal: &mut Journal,
        by: PrincipalId,
        number: u32,
        asset: String,
        technique: String,
    ) -> Result<(), String> {
        self.check_rate(journal.now)?;
        let (view, record) = self.open(number)?;
        view.asset.clone_from(&asset);
        view.technique.clone_from(&technique);
        record.by = by;
        record.stage = ReportStage::Updated;
        record.asset = asset;
        record.technique = technique;
        let record = record.clone();
        journal.record(RecordKind::Report(record));
        Ok(())
    }

    /// Closes a report.
    pub fn close(
        &mut self,
        journal: &mut Journal,
        by: PrincipalId,
        number: u32,
        benign: bool,
    ) -> Result<(), String> {
        let (view, record) = self.open(number)?;
        view.open = false;
        record.by = by;
        record.stage = ReportStage::Closed;
        record.closed_as_benign = benign;
        let record = record.clone();
        journal.record(RecordKind::Report(record));
        Ok(())
    }

    /// Reports for the view.
    pub fn views(&self) -> &[ReportView] {
        &self.views
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.value(&self.records);
        hasher.u64(self.last_submit.map_or(0, |t| t.0 + 1));
    }

    fn check_rate(&mut self, now: SimTime) -> Result<(), String> {
        match self.last_submit {
            Some(last) if now.since(last) < SUBMIT_EVERY => Err(format!(
                "one submission every {} s",
                SUBMIT_EVERY.0 / 1_000_000
            )),
            _ => {
                self.last_submit = Some(now);
                Ok(())
            }
        }
    }

    fn open(&mut self, number: u32) -> Result<(&mut ReportView, &mut ReportRecord), String> {
        let index = self
            .views
            .iter()
            .position(|v| v.id == number)
            .ok_or_else(|| format!("no report {number}"))?;
        match (self.views.get_mut(index), self.records.get_mut(index)) {
            (Some(view), Some(record)) if view.open => Ok((view, record)),
            _ => Err(format!("report {number} is closed")),
        }
    }
}
