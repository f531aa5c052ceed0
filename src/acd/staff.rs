//! Something for each operator, found by place instead of by a search.
//!
//! Operators are numbered in a row from 1, so a list indexed by the number has hardly a hole. A
//! call looks its operator up a dozen times; a search tree of ten thousand costs twice what one
//! of twenty does, and an index costs the same for both.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::OperatorId;

/// A map from operators. Reads and writes as a map of ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Staff<T> {
    /// By the number of the id.
    places: Vec<Option<T>>,
}

impl<T> Default for Staff<T> {
    fn default() -> Staff<T> {
        Staff { places: Vec::new() }
    }
}

impl<T> Staff<T> {
    /// What is kept for an operator.
    pub fn get(&self, id: &OperatorId) -> Option<&T> {
        self.places.get(place(*id)?)?.as_ref()
    }

    /// What is kept for an operator, to be changed.
    pub fn get_mut(&mut self, id: &OperatorId) -> Option<&mut T> {
        self.places.get_mut(place(*id)?)?.as_mut()
    }

    /// Keeps something for an operator instead of what was kept before.
    pub fn insert(&mut self, id: OperatorId, value: T) {
        let Some(place) = place(id) else { return };
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(value);
        }
    }

    /// Forgets everybody.
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Everybody for whom something is kept, by number.
    pub fn ids(&self) -> impl Iterator<Item = OperatorId> + '_ {
        self.pairs().map(|(id, _)| id)
    }

    /// What is kept, by number of the operator.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// What is kept, by number of the operator, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }

    fn pairs(&self) -> impl Iterator<Item = (OperatorId, &T)> {
        let numbered = (0_u32..).map(OperatorId).zip(&self.places);
        numbered.filter_map(|(id, kept)| Some((id, kept.as_ref()?)))
    }
}

impl<T: Serialize> Serialize for Staff<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.pairs())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Staff<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Staff<T>, D::Error> {
        let read = std::collections::BTreeMap::<OperatorId, T>::deserialize(from)?;
        let mut staff = Staff::default();
        for (id, value) in read {
            staff.insert(id, value);
        }
        Ok(staff)
    }
}

fn place(id: OperatorId) -> Option<usize> {
    usize::try_from(id.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_the_map_it_stands_for_and_read_back() {
        let mut staff = Staff::default();
        staff.insert(OperatorId(7), "Aziza");
        staff.insert(OperatorId(2), "Bobur");
        let text = serde_json::to_string(&staff).unwrap();
        assert_eq!(text, r#"{"2":"Bobur","7":"Aziza"}"#);
        let back: Staff<&str> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, staff);
        assert_eq!(back.get(&OperatorId(7)), Some(&"Aziza"));
        assert_eq!(back.get(&OperatorId(3)), None);
        assert_eq!(back.ids().collect::<Vec<_>>(), [OperatorId(2), OperatorId(7)]);
    }
}
