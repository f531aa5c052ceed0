//! The end of an input: whole rows of what was touched, and what screens are told. Each thing
//! once, however often the input touched it.

use super::engine::Engine;
use super::io::Effect;
use crate::model::{Live, Record};

impl Engine {
    /// Saves and shows everything that was touched since the last drain.
    pub(super) fn save(&mut self) {
        for decision in std::mem::take(&mut self.decisions) {
            self.emit(Record::Decided(Box::new(decision)));
        }
        self.show_cards();
        for call in std::mem::take(&mut self.state.dirty.calls) {
            self.checked.insert(call);
            let Some(row) = self.row_of(call) else { continue };
            self.emit(Record::CallSaved(Box::new(row.clone())));
            self.act(Effect::Live(Live::Call(Box::new(row))));
        }
        for operator in std::mem::take(&mut self.state.dirty.axes) {
            let Some(view) = self.operator_view(operator) else { continue };
            self.note_changed(operator);
            self.emit(Record::OperatorSaved(Box::new(view.clone())));
            self.act(Effect::Live(Live::Operator(Box::new(view))));
        }
        for queue in std::mem::take(&mut self.state.dirty.queues) {
            let Some(view) = self.queue_view(queue) else { continue };
            let same = self.shown.get(&queue).is_some_and(|shown| {
                crate::model::QueueView { at: view.at, ..shown.clone() } == view
            });
            if !same {
                self.shown.insert(queue, view.clone());
                self.act(Effect::Live(Live::Queue(Box::new(view))));
            }
        }
        for episode in std::mem::take(&mut self.state.dirty.episodes) {
            let Some(row) = self.state.episodes.get(&episode).cloned() else { continue };
            self.act(Effect::Live(Live::Episode(Box::new(row))));
        }
    }

    /// Tells of every card that is different from what was shown before the input.
    fn show_cards(&mut self) {
        for (offer, before) in std::mem::take(&mut self.state.dirty.offers) {
            let Some(pop) = self.pop_of(offer) else { continue };
            if before.as_ref() != Some(&pop.state) {
                self.act(Effect::Live(Live::Pop(Box::new(pop))));
            }
        }
    }
}
