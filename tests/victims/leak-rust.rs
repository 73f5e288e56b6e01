// SPDX-License-Identifier: MIT
// Rust can leak too, and safely.
use std::mem;

#[inline(never)]
fn leak_box() {
    for i in 0..12u64 {
        // LEAK leak_box: 12 blocks, 960 bytes
        Box::leak(Box::new([i; 10]));
    }
}

#[inline(never)]
fn leak_vec() {
    // LEAK leak_vec: 1 blocks, 12345 bytes
    let v: Vec<u8> = Vec::with_capacity(12345);
    mem::forget(v);
}

#[inline(never)]
fn no_leak() -> usize {
    let v: Vec<String> = (0..100).map(|i| format!("string number {}", i)).collect();
    v.iter().map(|s| s.len()).sum()
}

fn main() {
    leak_box();
    leak_vec();
    std::process::exit(if no_leak() > 0 { 0 } else { 1 });
}
