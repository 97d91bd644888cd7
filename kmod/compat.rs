// SPDX-License-Identifier: GPL-2.0-only

//! Calls of 32-bit programs on x86_64: which call of the one table each is, and
//! with which arguments.

use crate::abi::ia32::{self, Adapt, IA32, SOCKETCALLS, X32, X32_BIT, X32_OWN};
use crate::abi::syscall::NONE;
use crate::user;

/// Arguments of a call.
pub(crate) type Args = [usize; 6];

/// A call of a 32-bit program.
pub(crate) struct Call {
    /// Its number in the one table.
    pub(crate) number: usize,
    /// Whether times in memory have 64 bits.
    pub(crate) time64: bool,
    args: Given,
}

/// Where arguments are.
enum Given {
    Registers(Args),
    /// In memory: at an address, so many.
    Block(usize, u8),
}

impl Call {
    /// Its arguments, if they can be read. May sleep.
    pub(crate) fn args(&self) -> Option<Args> {
        match self.args {
            Given::Registers(args) => Some(args),
            Given::Block(address, len) => block(address, len),
        }
    }
}

/// What a call with the number `id` and the registers `args` of a 32-bit program is.
pub(crate) fn call(id: usize, args: Args) -> Option<Call> {
    let call = (*IA32.get(id)?)?;
    let mut args = args.map(|register| register & 0xFFFF_FFFF);
    let mut number = call.number;
    let mut in_memory = None;
    match call.adapt {
        Adapt::Same | Adapt::Time64 => {}
        Adapt::Without(n) => args[usize::from(n)] = 0,
        Adapt::Block(len) => in_memory = Some(Given::Block(args[0], len)),
        Adapt::Pages(n) => args[usize::from(n)] *= 4096,
        Adapt::Wide(n) => {
            let n = usize::from(n);
            args[n] |= args[n + 1] << 32;
            args.copy_within(n + 2.., n + 1);
        }
        Adapt::Llseek => {
            args = [args[0], args[1] << 32 | args[2], args[4], 0, 0, 0];
        }
        Adapt::Socketcall => {
            let &(called, len) = SOCKETCALLS.get(args[0].checked_sub(1)?)?;
            number = called;
            in_memory = Some(Given::Block(args[1], len));
        }
        Adapt::Ipc => {
            let (called, order) = ia32::ipc_call(args[0])?;
            number = called;
            let [a, b, c, d] = order.map(|at| args[at]);
            args = [a, b, c, d, 0, 0];
        }
    }
    (number != NONE).then(|| Call {
        number: number.into(),
        time64: call.adapt == Adapt::Time64,
        args: in_memory.unwrap_or(Given::Registers(args)),
    })
}

/// Arguments that lie in memory.
fn block(address: usize, len: u8) -> Option<Args> {
    let mut raw = [0; 24];
    let raw = &mut raw[..4 * usize::from(len).min(6)];
    user::bytes(address, raw).ok()?;
    let mut args = [0; 6];
    for (to, from) in args.iter_mut().zip(raw.chunks_exact(4)) {
        let mut word = [0; 4];
        word.copy_from_slice(from);
        *to = u32::from_ne_bytes(word) as usize;
    }
    Some(args)
}

/// The call that an x32 number names.
pub(crate) fn x32(id: usize) -> Option<usize> {
    if id & X32_BIT == 0 {
        return None;
    }
    let number = id & !X32_BIT;
    match number.checked_sub(X32_OWN) {
        None => Some(number),
        Some(own) => X32.get(own).map(|&number| number.into()),
    }
}
