// SPDX-License-Identifier: GPL-2.0-only

//! `/dev/falco`: one reader at a time, which sets up, maps, waits and asks.

use core::mem::size_of;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::bindings;
use kernel::error::to_result;
use kernel::ffi::{c_int, c_long, c_uint, c_ulong};
use kernel::fs::File;
use kernel::mm::virt::VmaNew;
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::poll::PollTable;
use kernel::sync::{Arc, Mutex, SetOnce};
use kernel::types::Opaque;
use kernel::uaccess::{UserPtr, UserSlice};

use crate::abi::control::{
    self, Interest, Setup, Version, IOCTL_INTEREST, IOCTL_SETUP, IOCTL_STATS, IOCTL_VERSION,
};
use crate::abi::{layout, ring, ABI_VERSION};
use crate::capture::Limits;
use crate::probe::Probes;
use crate::session::Session;
use crate::statistics::Statistics;
use crate::tracepoint;

/// Somebody has the device open.
static HELD: AtomicBool = AtomicBool::new(false);

/// The registered device; gone when dropped.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration {
    #[pin]
    device: Opaque<bindings::miscdevice>,
}

// SAFETY: The kernel locks whatever it does with the device.
unsafe impl Send for Registration {}
// SAFETY: There is no method.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers the device.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device <- Opaque::try_ffi_init(|slot: *mut bindings::miscdevice| {
                let device = bindings::miscdevice {
                    minor: bindings::MISC_DYNAMIC_MINOR as c_int,
                    name: c"falco".as_ptr().cast(),
                    fops: &raw const OPERATIONS.0,
                    mode: 0o600,
                    ..pin_init::zeroed()
                };
                // SAFETY: The slot is valid for writing and stays where it is.
                unsafe { slot.write(device) };
                // SAFETY: Just initialised.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Registration {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered in `new`. Open files pin the module, so none is left.
        unsafe { bindings::misc_deregister(self.device.get()) };
    }
}

struct Operations(bindings::file_operations);

// SAFETY: Never changed.
unsafe impl Sync for Operations {}

static OPERATIONS: Operations = Operations(bindings::file_operations {
    // Pins the module while the device is open or mapped.
    owner: kernel::module::this_module::<crate::LocalModule>().as_ptr(),
    open: Some(open),
    release: Some(release),
    mmap: Some(mmap),
    poll: Some(poll),
    unlocked_ioctl: Some(ioctl),
    ..pin_init::zeroed()
});

/// What an open file refers to.
#[pin_data]
struct Reader {
    /// Set once, by setup.
    session: SetOnce<Arc<Session>>,
    #[pin]
    statistics: Mutex<Option<Statistics>>,
    #[pin]
    probes: Mutex<Probes>,
}

impl Reader {
    fn new() -> Result<Pin<KBox<Self>>> {
        KBox::try_pin_init(
            try_pin_init!(Self {
                session: SetOnce::new(),
                statistics <- new_mutex!(None),
                probes <- new_mutex!(Probes::default()),
            }),
            GFP_KERNEL,
        )
    }

    fn session(&self) -> Result<&Session> {
        self.session.as_ref().map(|s| &**s).ok_or(ENXIO)
    }

    fn setup(&self, setup: &Setup) -> Result {
        if setup.abi != ABI_VERSION || setup.digest != layout::DIGEST {
            return Err(EPROTO);
        }
        let ring_bytes = match setup.ring_bytes {
            0 => crate::module_parameters::ring_bytes.value() as usize,
            bytes => usize::try_from(bytes).map_err(|_| EINVAL)?,
        };
        if !ring_bytes.is_power_of_two() || !(ring::RING_MIN..=ring::RING_MAX).contains(&ring_bytes)
        {
            return Err(EINVAL);
        }
        let snaplen = match setup.snaplen {
            0 => control::SNAPLEN_DEFAULT,
            len => len,
        };
        if snaplen.max(setup.port_snaplen) > control::SNAPLEN_MAX {
            return Err(EINVAL);
        }
        let strings = match setup.strings {
            0 => control::STRINGS_DEFAULT,
            len if len <= control::STRINGS_MAX => len,
            _ => return Err(EINVAL),
        };
        let limits = Limits {
            strings: strings as usize,
            snaplen: snaplen as usize,
            ports: setup.port_first..=setup.port_last,
            port_snaplen: setup.port_snaplen as usize,
        };
        // Held, so that two threads of the reader do not both make rings.
        let _probes = self.probes.lock();
        if self.session.as_ref().is_some() {
            return Err(EBUSY);
        }
        let session = Session::new(ring_bytes, limits, setup)?;
        *self.statistics.lock() = Some(Statistics::new(session.clone())?);
        self.session.populate(session);
        Ok(())
    }

    fn set_interest(&self, interest: &Interest) -> Result {
        let session = self.session()?;
        let mut probes = self.probes.lock();
        session.set_interest(interest);
        // SAFETY: The session goes after `close` has synchronized.
        unsafe { probes.adjust(session) }
    }

    /// Ends capture. Afterwards no probe runs that knows the session.
    fn close(&self) {
        drop(self.statistics.lock().take());
        drop(core::mem::take(&mut *self.probes.lock()));
        tracepoint::synchronize();
    }

    fn ioctl(&self, command: u32, argument: usize) -> Result {
        match command {
            IOCTL_VERSION => put(
                argument,
                &Version {
                    abi: ABI_VERSION,
                    cpus: kernel::cpu::nr_cpu_ids(),
                    digest: layout::DIGEST,
                    ring_bytes: crate::module_parameters::ring_bytes.value(),
                },
            ),
            IOCTL_SETUP => self.setup(&get(argument)?),
            IOCTL_INTEREST => self.set_interest(&get(argument)?),
            IOCTL_STATS => {
                let session = self.session()?;
                let asked: control::Stats = get(argument)?;
                put(argument, &session.stats(asked.cpu))
            }
            _ => Err(ENOTTY),
        }
    }
}

/// Plain numbers without padding, so that any bytes are a value and no byte of
/// a value is uninitialised.
///
/// # Safety
///
/// Just that.
unsafe trait Plain: Copy + Default {}
// SAFETY: 2 × u32 and 2 × u64 in order.
unsafe impl Plain for Version {}
// SAFETY: 2 × u32, 2 × u64, 2 × u32, 2 × u16 and 3 × u32 in order.
unsafe impl Plain for Setup {}
// SAFETY: u64 alone.
unsafe impl Plain for Interest {}
// SAFETY: u64 alone.
unsafe impl Plain for control::Stats {}

fn get<T: Plain>(argument: usize) -> Result<T> {
    let mut value = T::default();
    // SAFETY: Any bytes are a `T`, and the slice is all of `value`.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut((&raw mut value).cast::<u8>(), size_of::<T>()) };
    crate::user::bytes(argument, bytes)?;
    Ok(value)
}

fn put<T: Plain>(argument: usize, value: &T) -> Result {
    // SAFETY: A `T` has no uninitialised bytes.
    let bytes = unsafe {
        core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    };
    UserSlice::new(UserPtr::from_addr(argument), bytes.len())
        .writer()
        .write_slice(bytes)
}

/// # Safety
///
/// `file` is one that `open` succeeded for and that is not released yet.
unsafe fn reader<'a>(file: *mut bindings::file) -> &'a Reader {
    // SAFETY: `open` put a boxed `Reader` there; `release` alone takes it back.
    unsafe { &*(*file).private_data.cast::<Reader>() }
}

/// # Safety
///
/// Called by the kernel alone, as all of these.
unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: Asks about the calling task.
    let allowed = unsafe {
        bindings::capable(bindings::CAP_PERFMON as c_int)
            || bindings::capable(bindings::CAP_SYS_ADMIN as c_int)
    };
    if !allowed {
        return EPERM.to_errno();
    }
    if HELD.swap(true, Ordering::Acquire) {
        return EBUSY.to_errno();
    }
    match Reader::new() {
        Ok(reader) => {
            // SAFETY: The reader stays pinned: `release` drops it in place.
            let reader = KBox::into_raw(unsafe { Pin::into_inner_unchecked(reader) });
            // SAFETY: The kernel passes a valid file.
            unsafe { (*file).private_data = reader.cast() };
            0
        }
        Err(error) => {
            HELD.store(false, Ordering::Release);
            error.to_errno()
        }
    }
}

/// # Safety
///
/// See `open`.
unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: The kernel passes the opened file, for the last time.
    let reader = unsafe { (*file).private_data.cast::<Reader>() };
    // SAFETY: Put there by `open`; no other operation runs any more.
    let reader = unsafe { KBox::from_raw(reader) };
    reader.close();
    drop(reader);
    HELD.store(false, Ordering::Release);
    0
}

/// # Safety
///
/// See `open`.
unsafe extern "C" fn ioctl(
    file: *mut bindings::file,
    command: c_uint,
    argument: c_ulong,
) -> c_long {
    // SAFETY: The kernel passes an opened file.
    let reader = unsafe { reader(file) };
    match reader.ioctl(command, argument) {
        Ok(()) => 0,
        Err(error) => error.to_errno() as c_long,
    }
}

/// # Safety
///
/// See `open`.
unsafe extern "C" fn mmap(file: *mut bindings::file, vma: *mut bindings::vm_area_struct) -> c_int {
    // SAFETY: The kernel passes an opened file.
    let reader = unsafe { reader(file) };
    // SAFETY: The kernel passes a VMA that is being set up.
    let (area, offset) = unsafe { (VmaNew::from_raw(vma), (*vma).vm_pgoff as u64) };
    let target = offset
        .checked_mul(kernel::page::PAGE_SIZE as u64)
        .and_then(control::map_target);
    let mapped = match target {
        Some((cpu, region)) => reader
            .session()
            .and_then(|session| session.map(area, cpu, region)),
        None => Err(EINVAL),
    };
    match mapped {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// See `open`.
unsafe extern "C" fn poll(
    file: *mut bindings::file,
    table: *mut bindings::poll_table_struct,
) -> bindings::__poll_t {
    // SAFETY: The kernel passes an opened file.
    let reader = unsafe { reader(file) };
    // SAFETY: As above.
    let file = unsafe { File::from_raw_file(file) };
    // SAFETY: The kernel passes a valid table, or null.
    let table = unsafe { PollTable::from_raw(table) };
    match reader.session() {
        Ok(session) => session.poll(file, &table),
        Err(_) => bindings::POLLERR,
    }
}
