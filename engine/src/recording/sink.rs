//! Where captures are written to, compressed or not.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Bytes that become one frame of zstd.
const FRAME: usize = 1 << 20;
/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;

/// How a capture is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip, which every reader knows.
    Gzip,
    /// With zstd, which is quicker; sysdig and Falco do not know it.
    Zstd,
}

impl Compression {
    /// What a file's name asks for.
    pub fn of_name(path: &Path) -> Self {
        match path.extension().and_then(OsStr::to_str) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }
}

type Out = Counted<Box<dyn Write + Send>>;

/// A capture that is being written.
pub(super) enum Sink {
    Plain(BufWriter<Out>),
    Gzip(GzEncoder<BufWriter<Out>>),
    Zstd { out: Out, frame: Vec<u8> },
}

impl Sink {
    pub(super) fn new(out: Box<dyn Write + Send>, compression: Compression) -> Self {
        let out = Counted { out, count: 0 };
        match compression {
            Compression::None => Self::Plain(BufWriter::with_capacity(CHUNK, out)),
            Compression::Gzip => {
                let out = BufWriter::with_capacity(CHUNK, out);
                Self::Gzip(GzEncoder::new(out, flate2::Compression::fast()))
            }
            Compression::Zstd => Self::Zstd {
                out,
                frame: Vec::with_capacity(FRAME),
            },
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
            Self::Zstd { out, frame } => {
                frame.extend_from_slice(bytes);
                if frame.len() >= FRAME {
                    write_frame(out, frame)?;
                }
                Ok(())
            }
        }
    }

    /// Bytes written so far; what is still held back counts before it is
    /// compressed.
    pub(super) fn written(&self) -> u64 {
        match self {
            Self::Plain(out) => out.get_ref().count + out.buffer().len() as u64,
            Self::Gzip(out) => {
                let out = out.get_ref();
                out.get_ref().count + out.buffer().len() as u64
            }
            Self::Zstd { out, frame } => out.count + frame.len() as u64,
        }
    }

    /// Writes what is still held back.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
            Self::Zstd { mut out, mut frame } => {
                write_frame(&mut out, &mut frame)?;
                out.flush()
            }
        }
    }
}

fn write_frame(out: &mut Out, frame: &mut Vec<u8>) -> io::Result<()> {
    if !frame.is_empty() {
        let packed = compress_to_vec(&frame[..], CompressionLevel::Fastest);
        frame.clear();
        out.write_all(&packed)?;
    }
    Ok(())
}

/// Counts what goes through.
pub(super) struct Counted<W> {
    out: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ask_for_compression() {
        for (name, compression) in [
            ("a.scap", Compression::None),
            ("a.scap.gz", Compression::Gzip),
            ("a.zst", Compression::Zstd),
            ("-", Compression::None),
        ] {
            assert_eq!(Compression::of_name(Path::new(name)), compression, "{name}");
        }
    }
}
