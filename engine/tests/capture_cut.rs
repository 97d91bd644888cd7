//! Captures that end too early, compressed or not: everything before the cut
//! counts, and a warning says where it is.

mod scap;

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use falco_engine::source::capture::CaptureSource;

use scap::{File, V2, number, replay, shown, whole, word};

/// How a file is compressed.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Gzip,
    Zstd,
}

const KINDS: [Kind; 3] = [Kind::Plain, Kind::Gzip, Kind::Zstd];

fn pack(plain: &[u8], kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Plain => plain.to_vec(),
        Kind::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(plain).expect("memory");
            packer.finish().expect("memory")
        }
        Kind::Zstd => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(plain, level)
        }
    }
}

/// A frame of zstd with a window of a megabyte, whose blocks have the bytes as
/// they are; it says nowhere how many there are.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut frame = b"\x28\xB5\x2F\xFD\x00\x50".to_vec();
    for block in plain.chunks(100) {
        frame.extend_from_slice(&(block.len() << 3).to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame.extend_from_slice(&[1, 0, 0]);
    frame
}

/// The file without its long event, whose bytes are all alike.
fn small() -> File {
    let mut file = whole();
    let long = file.0.len() - 70_100;
    let ends = ends(&file.0);
    file.0
        .truncate(ends.into_iter().rfind(|&end| end <= long).expect("blocks"));
    file
}

/// Where the blocks of a file end.
fn ends(file: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(len) = file.get(at + 4..at + 8) {
        at += u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
        ends.push(at);
    }
    ends
}

#[test]
fn compressed_files() {
    let plain = whole();
    let expected = shown(&plain, "%evt.args");
    for kind in KINDS {
        let lines = replay(pack(&plain.0, kind), "%evt.args").expect("a capture");
        assert_eq!(lines, expected, "{kind:?}");
    }
    assert_eq!(
        replay(stored(&plain.0), "%evt.args").expect("a capture"),
        expected
    );
}

/// Everything before the cut counts, and the cut is no error.
#[test]
fn cut_off_at_every_byte() {
    let file = whole();
    let all = shown(&file, "%evt.args");
    // The long event would make this slow: its bytes are all alike.
    let long = file.0.len() - 69_000;
    for cut in (4..long).chain(file.0.len() - 20..file.0.len()) {
        let lines = replay(file.0[..cut].to_vec(), "%evt.args").expect("no error");
        assert!(all.starts_with(&lines) && lines.len() < all.len(), "{cut}");
    }
    for cut in 0..4 {
        assert!(CaptureSource::new(Cursor::new(file.0[..cut].to_vec())).is_err());
    }
}

/// The same of compressed files. Where nothing was decompressed it is no capture.
#[test]
fn compressed_files_cut_off_at_every_byte() {
    let file = small();
    let all = shown(&file, "%evt.args");
    for kind in [Kind::Gzip, Kind::Zstd] {
        let packed = pack(&file.0, kind);
        let mut most = 0;
        for cut in 0..packed.len() {
            match replay(packed[..cut].to_vec(), "%evt.args") {
                Ok(lines) => {
                    assert!(all.starts_with(&lines), "{kind:?} {cut}");
                    // No byte more makes less of it.
                    assert!(lines.len() >= most, "{kind:?} {cut}");
                    most = lines.len();
                }
                Err(error) => {
                    let told = error.to_string();
                    assert!(
                        most == 0 && told.contains("no capture"),
                        "{kind:?} {cut}: {told}"
                    );
                }
            }
        }
        // What lacks the checksum alone has every event.
        assert_eq!(most, all.len(), "{kind:?}");
    }
    // Of blocks that are as they are each counts as soon as it is whole.
    let packed = stored(&file.0);
    let events: Vec<usize> = (0..=file.0.len())
        .map(|cut| match cut {
            0..4 => 0,
            _ => replay(file.0[..cut].to_vec(), "%evt.args")
                .expect("no error")
                .len(),
        })
        .collect();
    for cut in 6 + 103..packed.len() {
        let len = file.0.len();
        let there = match cut - 6 >= len + 3 * len.div_ceil(100) {
            true => len,
            false => (cut - 6) / 103 * 100,
        };
        let lines = replay(packed[..cut].to_vec(), "%evt.args").expect("no error");
        assert_eq!(lines.len(), events[there], "{cut}");
    }
}

/// What the program says of a file: whether it calls it an error, how many
/// events it prints, and its log.
fn print(path: &Path) -> (bool, usize, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(["print", "-p", "%evt.num", "-r"])
        .arg(path)
        .output()
        .expect("the program runs");
    let lines = output.stdout.iter().filter(|&&byte| byte == b'\n').count();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), lines, told)
}

#[test]
fn the_program_says_where_a_file_is_cut() {
    // More than a window of what compresses well.
    let read = |file: File, at: u64| {
        let params = [number(2), at.to_le_bytes().repeat(20), number(3), word(9)];
        file.event(V2, 7, 10, &params)
    };
    let file = (0..5000).fold(File::new().process(9, 10, "one"), read);
    let ends = ends(&file.0);
    let (first, len) = (ends[1], ends[2] - ends[1]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.scap");
    let run = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("a file");
        print(&path)
    };
    for kind in KINDS {
        let (success, lines, told) = run(&pack(&file.0, kind));
        assert!(
            success && lines == 5000 && told.is_empty(),
            "{kind:?}: {told}"
        );
    }
    // In the middle of a block.
    let in_block = |events: usize, there: usize| {
        let offset = first + events * len;
        format!(
            "the capture is cut off: its last block, at offset {offset}, ends after {there} bytes"
        )
    };
    let (success, lines, told) = run(&file.0[..first + 17 * len + 5]);
    assert!(
        success && lines == 17 && told.contains(&in_block(17, 5)),
        "{told}"
    );
    // Compressed, in the middle and behind the last block.
    for kind in [Kind::Gzip, Kind::Zstd] {
        let packed = pack(&file.0, kind);
        let (success, lines, told) = run(&packed[..packed.len() * 3 / 4]);
        assert!(
            success && (1000..5000).contains(&lines),
            "{kind:?}: {lines} {told}"
        );
        let offset = first + lines * len;
        let here = told.contains(&format!("at offset {offset}"));
        assert!(
            told.contains("the capture is cut off") && here,
            "{kind:?}: {told}"
        );
        let (success, lines, told) = run(&packed[..packed.len() - 1]);
        let behind = format!(
            "the capture is cut off behind its last block, at offset {}",
            file.0.len()
        );
        assert!(
            success && lines == 5000 && told.contains(&behind),
            "{kind:?}: {told}"
        );
    }
    // A frame that was being written, between two events of it.
    let there = first + 300 * len;
    let packed = stored(&file.0[..there]);
    let (success, lines, told) = run(&packed[..packed.len() - 3]);
    let behind = format!("the capture is cut off behind its last block, at offset {there}");
    assert!(success && lines == 300 && told.contains(&behind), "{told}");
    let (_, lines, told) = run(&stored(&file.0[..there + 7]));
    assert!(lines == 300 && told.contains(&in_block(300, 7)), "{told}");
}
