//! Records in any order, with any of them lost, and records that make no sense:
//! the state must take them all, and stay as small as what is alive.

use std::collections::BTreeSet;

use bumpalo::Bump;
use falco_abi::event::{ALL, Event as Kind, ParamType};
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::state::State;

/// Numbers that look like chance, and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self) -> Vec<u8> {
        const PARTS: [&[u8]; 8] = [
            b"/",
            b"..",
            b"etc",
            b"\0",
            b"=",
            b"\x02\x7f\0\0\x01\x1f\x90",
            b"\xff",
            b"cpu=/a\0",
        ];
        let count = self.below(8);
        (0..count)
            .flat_map(|_| PARTS[self.below(8) as usize].to_vec())
            .collect()
    }
}

/// A record of any kind with any parameters.
fn nonsense(random: &mut Random) -> Vec<u8> {
    let kind = ALL[random.below(ALL.len() as u64) as usize];
    let (tid, pid) = (random.below(40) as u32, random.below(40) as u32);
    let cpu = random.next() as u16;
    let mut record = RecordBuilder::new(kind, tid).header(|h| {
        h.pid = pid;
        h.cpu = cpu;
        h.ts = 1;
    });
    for param in kind.info().params {
        if random.one_in(4) {
            continue;
        }
        record = match param.ty {
            ty if ty.is_span() => record.bytes(param.name, &random.bytes()),
            ParamType::Fd | ParamType::Pid | ParamType::Errno => {
                let number = random.below(44).cast_signed() - 4;
                record.number(param.name, number)
            }
            _ if random.one_in(2) => record.number(param.name, random.below(8).cast_signed()),
            _ => record.number(param.name, random.next().cast_signed()),
        };
    }
    record.build()
}

fn take(state: &mut State, record: &[u8], num: u64, look: impl FnOnce(&Event<'_>, &State)) {
    let event = Event::decode(record, num, 0).expect("a record");
    state.before(&event);
    look(&event, state);
    state.after(&event);
}

/// Every thread's ancestors end, every table of descriptors has an owner.
fn check(state: &State) {
    let threads = state.threads();
    for thread in threads.iter() {
        assert!(threads.ancestors(thread).count() <= 128);
    }
    assert!(threads.all_files().len() <= threads.len());
}

#[test]
fn nonsense_is_taken() {
    let table = FieldTable::new(FIELDS);
    let fields: Vec<Template> = FIELDS
        .iter()
        .filter_map(|field| Template::compile(&format!("%{}", field.name), &table).ok())
        .collect();
    assert!(fields.len() > 200);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut state = State::new();
    let (mut arena, mut text) = (Bump::new(), String::new());
    for num in 0..60_000 {
        let record = nonsense(&mut random);
        let all = random.one_in(20);
        take(&mut state, &record, num, |event, state| {
            arena.reset();
            let context = state.context(event, &arena);
            for field in fields.iter().filter(|_| all) {
                text.clear();
                field.render(&context, &mut text);
            }
        });
        if num % 1000 == 0 {
            check(&state);
        }
    }
    check(&state);
    assert!(state.threads().len() <= 1024, "{}", state.threads().len());
}

/// What a machine does, one process after the other: records with the time at
/// which they were made.
fn life(random: &mut Random, processes: u32) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut alive: Vec<u32> = vec![1];
    for at in 0..processes {
        let parent = alive[random.below(alive.len() as u64) as usize];
        let tid = 100 + at;
        records.push(
            RecordBuilder::new(Kind::TaskNew, parent)
                .number("tid", i64::from(tid))
                .number("pid", i64::from(tid))
                .number("ptid", i64::from(parent)),
        );
        records.push(RecordBuilder::new(Kind::Clone, parent).number("res", i64::from(tid)));
        records.push(RecordBuilder::new(Kind::Clone, tid).number("res", 0));
        records.push(
            RecordBuilder::new(Kind::Execve, tid)
                .number("res", 0)
                .bytes("exe", b"/bin/true")
                .bytes("comm", b"true"),
        );
        for _ in 0..random.below(6) {
            let num = random.below(8).cast_signed();
            records.push(
                RecordBuilder::new(Kind::Openat, tid)
                    .number("fd", num)
                    .number("dirfd", -100)
                    .bytes("name", b"/etc/passwd"),
            );
            records.push(
                RecordBuilder::new(Kind::Close, tid)
                    .number("res", 0)
                    .number("fd", num),
            );
        }
        alive.push(tid);
        while alive.len() > 16 {
            let dead = alive.swap_remove(1 + random.below(alive.len() as u64 - 1) as usize);
            records.push(RecordBuilder::new(Kind::Procexit, dead).number("reaper_tid", 1));
        }
    }
    for dead in alive.into_iter().skip(1) {
        records.push(RecordBuilder::new(Kind::Procexit, dead).number("reaper_tid", 1));
    }
    records.into_iter().map(RecordBuilder::build).collect()
}

#[test]
fn without_loss_nothing_is_left() {
    let mut random = Random(7);
    let mut state = State::new();
    for (num, record) in life(&mut random, 3000).iter().enumerate() {
        take(&mut state, record, num as u64, |_, _| ());
    }
    let left: Vec<u32> = state.threads().iter().map(|t| t.tid).collect();
    assert!(left.iter().all(|&tid| tid == 1), "{left:?}");
    assert!(state.threads().all_files().len() <= 1);
}

#[test]
fn loss_and_disorder_leave_little() {
    for seed in 1..12 {
        let mut random = Random(seed);
        let mut records = life(&mut random, 2000);
        let total = records.len();
        let mut exits_lost = BTreeSet::new();
        records.retain(|record| {
            let event = Event::decode(record, 0, 0).expect("a record");
            let lost = random.one_in(10);
            if lost && event.kind == Kind::Procexit {
                exits_lost.insert(event.header.tid);
            }
            !lost
        });
        assert!(records.len() < total);
        // Neighbours change places, as they do between processors.
        for at in 1..records.len() {
            if random.one_in(3) {
                records.swap(at - 1, at);
            }
        }
        let mut state = State::new();
        for (num, record) in records.iter().enumerate() {
            take(&mut state, record, num as u64, |_, _| ());
        }
        check(&state);
        // What is left had its end lost, or an event that came behind its end.
        let bound = exits_lost.len() + 2000 / 4;
        let left = state.threads().len();
        assert!(left <= bound, "{left} left, {} ends lost", exits_lost.len());
    }
}
