//! Programs that are started by two system calls alone.

use std::ffi::CStr;
use std::io;

use nix::libc;

/// Starts the program at `path`, without an environment, in a process that has our
/// memory until then; its process id. A process that cannot ends with status 127.
///
/// # Errors
/// When there can be no such process.
pub(crate) fn vfork(path: &CStr) -> io::Result<i32> {
    let arguments = [path.as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null::<libc::c_char>()];
    let child: i64;
    // SAFETY: The child has our memory and our stack until it runs another
    // program: it makes two system calls and touches neither.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test eax, eax",
            "jnz 2f",
            "mov eax, {execve}",
            "syscall",
            "mov edi, 127",
            "mov eax, {exit}",
            "syscall",
            "2:",
            execve = const libc::SYS_execve,
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_vfork => child,
            in("rdi") path.as_ptr(),
            in("rsi") arguments.as_ptr(),
            in("rdx") environment.as_ptr(),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    match i32::try_from(child) {
        Ok(pid @ 1..) => Ok(pid),
        Ok(error) => Err(io::Error::from_raw_os_error(-error)),
        Err(error) => Err(io::Error::other(error)),
    }
}
