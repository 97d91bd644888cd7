//! The boundary between the kernel half and the user-space half of the project.
//!
//! The kernel module includes the same files with `#[path]` (kbuild knows no
//! second crate), therefore everything sits in [`abi`], uses `core` alone, and
//! refers to its neighbours with `super::` only.
#![no_std]

#[path = "abi.rs"]
pub mod abi;

pub mod ebpf;

pub use abi::*;
