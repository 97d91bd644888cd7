//! Tables of open descriptors. A process has one for all of its threads; a fork
//! has the contents of its parent's until either changes.

use std::num::NonZeroU32;
use std::ops::Deref;

use triomphe::Arc;

use super::descriptor::{Descriptor, Place};
use super::grown;

/// Most descriptors that are kept of one table.
const MAX_OPEN: usize = 65_536;

/// How many entries tables have got and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Those that were put in.
    pub added: u64,
    /// Those that were taken out.
    pub removed: u64,
}

/// The open descriptors of a process, by number.
#[derive(Clone, Debug, Default)]
pub struct FileTable {
    // Ascending. Numbers are given from the lowest, so an entry is mostly at
    // the place that its number tells.
    entries: Arc<Vec<Descriptor>>,
}

impl FileTable {
    fn find(&self, num: u32) -> Result<usize, usize> {
        match self.entries.get(num as usize) {
            Some(entry) if entry.place.num() == num => Ok(num as usize),
            _ => {
                let num_of = |entry: &Descriptor| entry.place.num();
                self.entries.binary_search_by_key(&num, num_of)
            }
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the number refers to.
    pub fn get(&self, num: u32) -> Option<&Descriptor> {
        let at = self.find(num).ok()?;
        Some(&self.entries[at])
    }

    /// All with their numbers, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &Descriptor)> {
        self.entries.iter().map(|e| (e.place.num(), e))
    }

    /// The entries, to be changed: they are this table's alone from now on.
    fn own(&mut self) -> &mut Vec<Descriptor> {
        if !self.entries.is_unique() {
            grown::add(size_of_val(self.entries.as_slice()));
        }
        Arc::make_mut(&mut self.entries)
    }

    /// Opens a number, in place of what it referred to.
    fn insert(&mut self, num: u32, descriptor: Descriptor, cloexec: bool) {
        let Some(place) = Place::new(num, cloexec) else {
            return;
        };
        let entry = Descriptor {
            place,
            ..descriptor
        };
        match self.find(num) {
            Ok(at) => self.own()[at] = entry,
            Err(at) if self.entries.len() < MAX_OPEN => {
                let entries = self.own();
                // There are many tables, most of which grow no more.
                if entries.len() == entries.capacity() {
                    entries.reserve_exact((entries.len() / 8).max(2));
                }
                entries.insert(at, entry);
            }
            Err(_) => {}
        }
    }

    /// Closes a number.
    fn remove(&mut self, num: u32) {
        if let Ok(at) = self.find(num) {
            self.own().remove(at);
        }
    }

    /// Changes what the number refers to.
    fn change(&mut self, num: u32, change: impl FnOnce(&mut Descriptor)) {
        if let Ok(at) = self.find(num) {
            change(&mut self.own()[at]);
        }
    }

    /// Sets whether a number ends with the next program.
    fn set_cloexec(&mut self, num: u32, cloexec: bool) {
        if let Ok(at) = self.find(num)
            && self.entries[at].place.cloexec() != cloexec
        {
            let place = &mut self.own()[at].place;
            *place = place.with_cloexec(cloexec);
        }
    }

    /// Does so for all numbers from `first` to `last`.
    fn set_cloexec_range(&mut self, first: u32, last: u32, cloexec: bool) {
        let differs = |entry: &Descriptor| {
            (first..=last).contains(&entry.place.num()) && entry.place.cloexec() != cloexec
        };
        if !self.entries.iter().any(differs) {
            return;
        }
        let entries = self.own().iter_mut();
        for entry in entries.filter(|entry| differs(entry)) {
            entry.place = entry.place.with_cloexec(cloexec);
        }
    }

    /// Closes all numbers from `first` to `last`.
    fn remove_range(&mut self, first: u32, last: u32) {
        self.retain(|entry| !(first..=last).contains(&entry.place.num()));
    }

    /// Closes what ends with a new program.
    fn exec(&mut self) {
        self.retain(|entry| !entry.place.cloexec());
    }

    /// Closes all numbers but those that `keep` names.
    fn keep(&mut self, keep: impl Fn(u32) -> bool) {
        self.retain(|entry| keep(entry.place.num()));
    }

    fn retain(&mut self, keep: impl Fn(&Descriptor) -> bool) {
        if !self.entries.iter().all(&keep) {
            self.own().retain(keep);
        }
    }
}

/// A table of [`Files`] that is being changed.
pub struct OpenFiles<'a> {
    table: &'a mut FileTable,
    turnover: &'a mut Turnover,
}

impl Deref for OpenFiles<'_> {
    type Target = FileTable;

    fn deref(&self) -> &FileTable {
        self.table
    }
}

impl OpenFiles<'_> {
    /// What either only adds or only removes.
    fn counted(&mut self, change: impl FnOnce(&mut FileTable)) {
        let before = self.table.len();
        change(self.table);
        let after = self.table.len();
        self.turnover.added += after.saturating_sub(before) as u64;
        self.turnover.removed += before.saturating_sub(after) as u64;
    }

    /// Opens a number, in place of what it referred to.
    pub fn insert(&mut self, num: u32, descriptor: Descriptor, cloexec: bool) {
        self.counted(|table| table.insert(num, descriptor, cloexec));
    }

    /// Closes a number.
    pub fn remove(&mut self, num: u32) {
        self.counted(|table| table.remove(num));
    }

    /// Closes all numbers from `first` to `last`.
    pub fn remove_range(&mut self, first: u32, last: u32) {
        self.counted(|table| table.remove_range(first, last));
    }

    /// Closes what ends with a new program.
    pub fn exec(&mut self) {
        self.counted(FileTable::exec);
    }

    /// Closes all numbers but those that `keep` names.
    pub fn keep(&mut self, keep: impl Fn(u32) -> bool) {
        self.counted(|table| table.keep(keep));
    }

    /// Changes what the number refers to.
    pub fn change(&mut self, num: u32, change: impl FnOnce(&mut Descriptor)) {
        self.table.change(num, change);
    }

    /// Sets whether a number ends with the next program.
    pub fn set_cloexec(&mut self, num: u32, cloexec: bool) {
        self.table.set_cloexec(num, cloexec);
    }

    /// Does so for all numbers from `first` to `last`.
    pub fn set_cloexec_range(&mut self, first: u32, last: u32, cloexec: bool) {
        self.table.set_cloexec_range(first, last, cloexec);
    }
}

/// Number of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilesId(NonZeroU32);

#[derive(Debug, Default)]
struct Slot {
    users: u32,
    table: FileTable,
}

/// All tables. Threads hold numbers of them, and give them back.
#[derive(Debug, Default)]
pub struct Files {
    slots: Vec<Slot>,
    free: Vec<FilesId>,
    turnover: Turnover,
}

impl Files {
    fn slot(&mut self, id: FilesId) -> &mut Slot {
        &mut self.slots[id.0.get() as usize - 1]
    }

    /// A new table with one user.
    pub fn add(&mut self, table: FileTable) -> FilesId {
        let slot = Slot { users: 1, table };
        if let Some(id) = self.free.pop() {
            *self.slot(id) = slot;
            return id;
        }
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact((self.slots.len() / 8).max(64));
        }
        self.slots.push(slot);
        let number = NonZeroU32::new(self.slots.len() as u32);
        FilesId(number.unwrap_or(NonZeroU32::MAX))
    }

    /// Another user of the table.
    pub fn share(&mut self, id: FilesId) -> FilesId {
        self.slot(id).users += 1;
        id
    }

    /// A user less; the last one takes the table with it.
    pub fn release(&mut self, id: FilesId) {
        let slot = self.slot(id);
        slot.users = slot.users.saturating_sub(1);
        if slot.users == 0 {
            slot.table = FileTable::default();
            self.free.push(id);
        }
    }

    /// How many threads hold its number.
    pub fn users(&self, id: FilesId) -> u32 {
        self.slots[id.0.get() as usize - 1].users
    }

    /// The table.
    pub fn get(&self, id: FilesId) -> &FileTable {
        &self.slots[id.0.get() as usize - 1].table
    }

    /// The table, to be changed.
    pub fn get_mut(&mut self, id: FilesId) -> OpenFiles<'_> {
        OpenFiles {
            table: &mut self.slots[id.0.get() as usize - 1].table,
            turnover: &mut self.turnover,
        }
    }

    /// Empties all tables, which nobody uses any more.
    pub fn clear(&mut self) {
        *self = Self {
            turnover: self.turnover,
            ..Self::default()
        };
    }

    /// How many descriptors are open in all tables.
    pub fn open(&self) -> u64 {
        self.slots.iter().map(|slot| slot.table.len() as u64).sum()
    }

    /// How many descriptors were put in and taken out, other than with a whole
    /// table.
    pub fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// How many tables there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::descriptor::FdKind;

    fn table(nums: &[u32]) -> FileTable {
        let mut table = FileTable::default();
        for &num in nums {
            table.insert(num, Descriptor::new(FdKind::File), num >= 10);
        }
        table
    }

    fn nums(table: &FileTable) -> Vec<u32> {
        table.iter().map(|(num, _)| num).collect()
    }

    #[test]
    fn numbers_are_found_wherever_they_are() {
        let table = table(&[255, 1, 0, 7, 2]);
        assert_eq!(nums(&table), [0, 1, 2, 7, 255]);
        for num in [0, 1, 2, 7, 255] {
            assert!(table.get(num).is_some(), "{num}");
        }
        assert!(table.get(3).is_none() && table.get(256).is_none());
    }

    #[test]
    fn a_fork_has_a_copy() {
        let mut parent = table(&[0, 1]);
        let mut child = parent.clone();
        assert!(Arc::ptr_eq(&parent.entries, &child.entries));
        child.remove(9);
        child.remove_range(5, 9);
        child.exec();
        assert!(Arc::ptr_eq(&parent.entries, &child.entries));
        let before = grown::bytes();
        child.change(0, |d| d.kind = FdKind::Pipe);
        parent.remove(1);
        // One of the two was copied.
        assert_eq!(grown::bytes() - before, 2 * 32);
        assert_eq!(nums(&parent), [0]);
        assert_eq!(nums(&child), [0, 1]);
        assert_eq!(parent.get(0).unwrap().kind, FdKind::File);
        assert_eq!(child.get(0).unwrap().kind, FdKind::Pipe);
    }

    #[test]
    fn ranges_and_programs_close() {
        let mut table = table(&[0, 1, 5, 9, 10, 11]);
        table.set_cloexec(11, false);
        table.exec();
        assert_eq!(nums(&table), [0, 1, 5, 9, 11]);
        table.remove_range(1, 9);
        assert_eq!(nums(&table), [0, 11]);
        table.set_cloexec_range(0, u32::MAX, true);
        table.exec();
        assert!(table.is_empty());
    }

    #[test]
    fn what_comes_and_goes_is_counted() {
        let mut files = Files::default();
        let first = files.add(table(&[0, 1, 10, 11]));
        let second = files.add(files.get(first).clone());
        assert_eq!(files.open(), 8);
        let mut second_table = files.get_mut(second);
        second_table.remove(0);
        second_table.remove(0);
        second_table.exec();
        second_table.insert(1, Descriptor::new(FdKind::Pipe), false);
        second_table.insert(2, Descriptor::new(FdKind::Pipe), false);
        // A whole table is not counted.
        let expected = Turnover {
            added: 1,
            removed: 3,
        };
        assert_eq!((files.open(), files.turnover()), (6, expected));
        files.release(second);
        assert_eq!((files.open(), files.turnover()), (4, expected));
        files.clear();
        assert_eq!((files.open(), files.turnover()), (0, expected));
    }

    #[test]
    fn tables_are_given_back() {
        let mut files = Files::default();
        let first = files.add(table(&[0]));
        let second = files.add(FileTable::default());
        files.share(first);
        files.release(first);
        assert_eq!(files.get(first).len(), 1);
        files.release(first);
        assert_eq!(files.len(), 1);
        let third = files.add(FileTable::default());
        assert!(third == first && files.get(third).is_empty());
        files.release(second);
        files.release(third);
        assert!(files.is_empty());
    }
}
