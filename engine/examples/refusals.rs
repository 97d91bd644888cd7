//! Asks `/dev/falco` for everything that it must refuse, and says what it did
//! not refuse in the right way. For the tests on the node.

use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;

use falco_abi::control::{
    DEVICE_PATH, IOCTL_INTEREST, IOCTL_SETUP, IOCTL_STATS, IOCTL_VERSION, Interest, Region, Setup,
    Stats, Version, map_offset,
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
        hooks: u64::MAX,
    };
    checks.expect(
        "an interest in everything",
        ioctl(&file, IOCTL_INTEREST, &mut everything),
        Ok(()),
    );
    checks.expect(
        "statistics",
        ioctl(&file, IOCTL_STATS, &mut Stats::default()),
        Ok(()),
    );
    anyhow::ensure!(checks.0 == 0, "{} answers were wrong", checks.0);
    Ok(())
}
