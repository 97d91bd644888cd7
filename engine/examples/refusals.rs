//! Asks `/dev/falco` for everything that it must refuse, and says what it did
//! not refuse in the right way. For the tests on the node.

use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;

use falco_abi::control::{
    ALL_CPUS, DEVICE_PATH, IOCTL_INTEREST, IOCTL_SETUP, IOCTL_STATS, IOCTL_VERSION, Interest,
    Region, STRINGS_MAX, Setup, Stats, Version, map_offset,
};
use falco_abi::ring::{RING_MAX, RING_MIN};
use falco_abi::{ABI_VERSION, layout};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const PAGE: usize = 4096;

fn ioctl<T>(file: &File, number: u32, argument: &mut T) -> Result<(), Errno> {
    // SAFETY: The argument is what the number stands for, or the number stands
    // for nothing.
    let status = unsafe { nix::libc::ioctl(file.as_raw_fd(), number.into(), &raw mut *argument) };
    Errno::result(status).map(drop)
}

fn ioctl_at(file: &File, number: u32, address: usize) -> Result<(), Errno> {
    // SAFETY: Nothing is at the address, which is the point.
    let status = unsafe { nix::libc::ioctl(file.as_raw_fd(), number.into(), address) };
    Errno::result(status).map(drop)
}

fn map(
    file: &File,
    offset: u64,
    len: usize,
    protection: ProtFlags,
    flags: MapFlags,
) -> Result<(), Errno> {
    let len = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
    // SAFETY: A new mapping at an address that the kernel chooses.
    let start = unsafe { mmap(None, len, protection, flags, file, offset.cast_signed())? };
    // SAFETY: Just mapped, and nothing refers to it.
    unsafe { munmap(start, len.get()) }
}

/// Numbers that look like chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // Xorshift, as Marsaglia gives it.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() as usize % choices.len()]
    }

    /// A number of which rather few bits, or most, are set.
    fn odd(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.next(),
            1 => self.next() & self.next() & self.next(),
            2 => 1 << (self.next() % 64),
            _ => (self.next() % 4096).wrapping_sub(8),
        }
    }
}

/// Asks for what chance brings: numbers, arguments, places and lengths. Nothing is
/// expected of the answers; the kernel must bear it.
fn whatever(file: &File, turns: u32) -> (u32, u32) {
    const NUMBERS: [u32; 4] = [IOCTL_VERSION, IOCTL_SETUP, IOCTL_INTEREST, IOCTL_STATS];
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let (mut asked, mut mapped) = (0, 0);
    let mut argument = [0u64; 512];
    for _ in 0..turns {
        if chance.next().is_multiple_of(3) {
            let cpu = chance.odd() as u32;
            let region = chance.of(&[Region::Producer, Region::Consumer, Region::Data]);
            let offset = match chance.next() % 3 {
                0 => chance.odd() & !0xFFF,
                _ => map_offset(cpu % 4, region) ^ (chance.odd() & 0xF_F000),
            };
            let len = match chance.next() % 3 {
                0 => PAGE,
                1 => 2 * RING_MIN,
                _ => (chance.odd() % (1 << 28)) as usize,
            };
            let protection = ProtFlags::from_bits_truncate(chance.next() as i32 & 7);
            let flags = chance.of(&[
                MapFlags::MAP_SHARED,
                MapFlags::MAP_PRIVATE,
                MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE,
            ]);
            mapped += u32::from(map(file, offset, len, protection, flags).is_ok());
            continue;
        }
        let number = match chance.next() % 4 {
            0 => chance.odd() as u32,
            _ => chance.of(&NUMBERS),
        };
        argument.fill_with(|| chance.odd());
        // The setup that is right but for one thing gets furthest.
        argument[0] = chance.of(&[ABI_VERSION.into(), argument[0]]);
        argument[1] = chance.of(&[layout::DIGEST, argument[1]]);
        argument[2] = chance.of(&[0, RING_MIN as u64, argument[2]]);
        let said = match chance.next() % 3 {
            0 => ioctl_at(file, number, chance.odd() as usize),
            1 => ioctl_at(file, number, (&raw const argument).addr() + 1),
            _ => ioctl(file, number, &mut argument),
        };
        asked += u32::from(said.is_ok());
    }
    (asked, mapped)
}

struct Checks(u32);

impl Checks {
    fn expect(&mut self, what: &str, got: Result<(), Errno>, wanted: Result<(), Errno>) {
        if got == wanted {
            println!("{what}: {got:?}");
        } else {
            self.0 += 1;
            println!("{what}: {got:?} instead of {wanted:?}");
        }
    }
}

fn setup(abi: u32, digest: u64, ring_bytes: u64) -> Setup {
    Setup {
        abi,
        watermark: 0,
        digest,
        ring_bytes,
        ..Setup::default()
    }
}

/// The statistics of all processors are the sums of those of each, and some records were made.
fn add_up(file: &File) -> anyhow::Result<()> {
    let ask = |cpu: u64| {
        let mut stats = Stats {
            cpu,
            ..Stats::default()
        };
        ioctl(file, IOCTL_STATS, &mut stats).map(|()| stats)
    };
    let mut version = Version::default();
    ioctl(file, IOCTL_VERSION, &mut version)?;
    let all = ask(ALL_CPUS)?;
    let counters = |stats: &Stats| {
        let lost = stats.lost.iter().flatten();
        let all = lost.chain(&stats.faults).chain([&stats.records]);
        all.copied().collect::<Vec<u64>>()
    };
    let mut sums = vec![0; counters(&all).len()];
    for cpu in 0..u64::from(version.cpus) {
        for (sum, count) in sums.iter_mut().zip(counters(&ask(cpu)?)) {
            *sum += count;
        }
    }
    println!("statistics: {all:?}");
    anyhow::ensure!(sums == counters(&all), "they do not add up: {sums:?}");
    anyhow::ensure!(all.records > 0, "no record was made");
    anyhow::ensure!(
        ask(60_000)?.records == 0,
        "a processor that there is not has records"
    );
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let open = || OpenOptions::new().read(true).write(true).open(DEVICE_PATH);
    let file = open()?;
    let mut checks = Checks(0);

    let second = open()
        .map(drop)
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)));
    checks.expect("a second reader", second, Err(Errno::EBUSY));
    checks.expect(
        "an ioctl that there is not",
        ioctl(&file, 0x1234, &mut 0u64),
        Err(Errno::ENOTTY),
    );
    checks.expect(
        "the version",
        ioctl(&file, IOCTL_VERSION, &mut Version::default()),
        Ok(()),
    );
    for (name, address) in [("nowhere", 0), ("in the kernel", usize::MAX - 0xFFFF)] {
        let said = ioctl_at(&file, IOCTL_VERSION, address);
        checks.expect(
            &format!("the version, put {name}"),
            said,
            Err(Errno::EFAULT),
        );
        let said = ioctl_at(&file, IOCTL_SETUP, address);
        checks.expect(&format!("a setup from {name}"), said, Err(Errno::EFAULT));
    }

    let shared = MapFlags::MAP_SHARED;
    let read = ProtFlags::PROT_READ;
    let write = read | ProtFlags::PROT_WRITE;
    let producer = map_offset(0, Region::Producer);
    checks.expect(
        "a mapping before setup",
        map(&file, producer, PAGE, read, shared),
        Err(Errno::ENXIO),
    );
    checks.expect(
        "statistics before setup",
        ioctl(&file, IOCTL_STATS, &mut Stats::default()),
        Err(Errno::ENXIO),
    );
    checks.expect(
        "an interest before setup",
        ioctl(&file, IOCTL_INTEREST, &mut Interest::default()),
        Err(Errno::ENXIO),
    );

    for (name, mut asked, wanted) in [
        (
            "another version",
            setup(ABI_VERSION + 1, layout::DIGEST, 0),
            Err(Errno::EPROTO),
        ),
        (
            "another layout",
            setup(ABI_VERSION, !layout::DIGEST, 0),
            Err(Errno::EPROTO),
        ),
        (
            "no power of two",
            setup(ABI_VERSION, layout::DIGEST, 3 << 20),
            Err(Errno::EINVAL),
        ),
        (
            "too small",
            setup(ABI_VERSION, layout::DIGEST, RING_MIN as u64 / 2),
            Err(Errno::EINVAL),
        ),
        (
            "too large",
            setup(ABI_VERSION, layout::DIGEST, RING_MAX as u64 * 2),
            Err(Errno::EINVAL),
        ),
        (
            "enormous",
            setup(ABI_VERSION, layout::DIGEST, 1 << 63),
            Err(Errno::EINVAL),
        ),
        (
            "too many bytes of arguments",
            Setup {
                strings: STRINGS_MAX + 1,
                ..setup(ABI_VERSION, layout::DIGEST, 0)
            },
            Err(Errno::EINVAL),
        ),
        (
            "right",
            setup(ABI_VERSION, layout::DIGEST, RING_MIN as u64),
            Ok(()),
        ),
        (
            "right, again",
            setup(ABI_VERSION, layout::DIGEST, RING_MIN as u64),
            Err(Errno::EBUSY),
        ),
    ] {
        let said = ioctl(&file, IOCTL_SETUP, &mut asked);
        checks.expect(&format!("a setup, {name}"), said, wanted);
    }

    let consumer = map_offset(0, Region::Consumer);
    let data = map_offset(0, Region::Data);
    let private = MapFlags::MAP_PRIVATE;
    let execute = read | ProtFlags::PROT_EXEC;
    for (name, offset, len, protection, flags, wanted) in [
        ("the producer's page", producer, PAGE, read, shared, Ok(())),
        (
            "the producer's page, to write",
            producer,
            PAGE,
            write,
            shared,
            Err(Errno::EACCES),
        ),
        (
            "the producer's page, to execute",
            producer,
            PAGE,
            execute,
            shared,
            Err(Errno::EACCES),
        ),
        (
            "the producer's page, private",
            producer,
            PAGE,
            read,
            private,
            Err(Errno::EINVAL),
        ),
        (
            "two producer's pages",
            producer,
            2 * PAGE,
            read,
            shared,
            Err(Errno::EINVAL),
        ),
        (
            "the consumer's page, to write",
            consumer,
            PAGE,
            write,
            shared,
            Ok(()),
        ),
        ("the data", data, 2 * RING_MIN, read, shared, Ok(())),
        (
            "the data once",
            data,
            RING_MIN,
            read,
            shared,
            Err(Errno::EINVAL),
        ),
        (
            "the data, to write",
            data,
            2 * RING_MIN,
            write,
            shared,
            Err(Errno::EACCES),
        ),
        (
            "the data, private",
            data,
            2 * RING_MIN,
            write,
            private,
            Err(Errno::EINVAL),
        ),
        (
            "the data from its second page on",
            data + PAGE as u64,
            2 * RING_MIN,
            read,
            shared,
            Err(Errno::EINVAL),
        ),
        (
            "a region that there is not",
            3 << 32,
            PAGE,
            read,
            shared,
            Err(Errno::EINVAL),
        ),
        (
            "a processor that there is not",
            map_offset(60_000, Region::Producer),
            PAGE,
            read,
            shared,
            Err(Errno::ENXIO),
        ),
    ] {
        let said = map(&file, offset, len, protection, flags);
        checks.expect(&format!("mapping {name}"), said, wanted);
    }
    let mut nothing = Interest::default();
    checks.expect(
        "an interest in nothing",
        ioctl(&file, IOCTL_INTEREST, &mut nothing),
        Ok(()),
    );
    let mut everything = Interest {
        syscalls: [u64::MAX; 8],
        descriptors: [u64::MAX; 8],
        hooks: u64::MAX,
    };
    checks.expect(
        "an interest in everything",
        ioctl(&file, IOCTL_INTEREST, &mut everything),
        Ok(()),
    );
    // Another task is put on the processor meanwhile, at least.
    std::thread::sleep(std::time::Duration::from_millis(10));
    checks.expect(
        "an interest in nothing again",
        ioctl(&file, IOCTL_INTEREST, &mut nothing),
        Ok(()),
    );
    add_up(&file)?;
    drop(file);

    // Before any setup, and after what chance brings of one; then it still works.
    for round in 0..3 {
        let file = open()?;
        let (asked, mapped) = whatever(&file, 5_000);
        println!("whatever, round {round}: {asked} ioctls and {mapped} mappings were granted");
    }
    let file = open()?;
    let mut asked = setup(ABI_VERSION, layout::DIGEST, RING_MIN as u64);
    let said = ioctl(&file, IOCTL_SETUP, &mut asked);
    checks.expect("a setup after all that", said, Ok(()));
    anyhow::ensure!(checks.0 == 0, "{} answers were wrong", checks.0);
    Ok(())
}
