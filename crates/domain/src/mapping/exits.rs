//! The field that says of each row whether it has left the model.

use super::Mapping;
use crate::activation::Flag;

impl Mapping {
    /// The position in [`Mapping::fields`] of the field that flags rows which leave, and its flag.
    #[must_use]
    pub fn flag(&self) -> Option<(usize, &Flag)> {
        self.fields().enumerate().find_map(|(at, it)| Some((at, it.flag.as_ref()?)))
    }

    /// The keys alone: what a part of rows that are deleted is of.
    #[must_use]
    pub fn of_keys(&self) -> Self {
        Self { keys: self.keys.clone(), values: Vec::new(), time_zone: self.time_zone.clone() }
    }

    /// The keys and the flag alone, as rows that have left are to have it: what a part of such rows is of.
    #[must_use]
    pub fn of_exits(&self) -> Option<Self> {
        let mut field = self.values.iter().find(|it| it.flag.is_some())?.clone();
        let flag = field.flag.as_mut()?;
        flag.present.clone_from(&flag.value);
        Some(Self { keys: self.keys.clone(), values: vec![field], time_zone: self.time_zone.clone() })
    }
}
