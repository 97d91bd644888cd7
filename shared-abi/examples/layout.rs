//! Prints every size and offset that both halves must agree on, one on a line.

use falco_abi::layout::{NAMES, VALUES};

fn main() {
    for (name, value) in NAMES.iter().zip(VALUES) {
        println!("{value} {name}");
    }
}
