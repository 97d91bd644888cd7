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

/// A capture that is being written, from blocks to bytes of a file.
pub struct Sink(Packer);

enum Packer {
    Plain(BufWriter<Out>),
    Gzip(GzEncoder<BufWriter<Out>>),
    Zstd { out: Out, frame: Vec<u8> },
}

impl Sink {
    /// Writes to `out`.
    pub fn new(out: Box<dyn Write + Send>, compression: Compression) -> Self {
        let out = Counted { out, count: 0 };
        Self(match compression {
            Compression::None => Packer::Plain(BufWriter::with_capacity(CHUNK, out)),
            Compression::Gzip => {
                let out = BufWriter::with_capacity(CHUNK, out);
                Packer::Gzip(GzEncoder::new(out, flate2::Compression::fast()))
            }
            Compression::Zstd => Packer::Zstd {
                out,
                frame: Vec::with_capacity(FRAME),
            },
        })
    }

    /// Writes blocks.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Packer::Plain(out) => out.write_all(bytes),
            Packer::Gzip(out) => out.write_all(bytes),
            Packer::Zstd { out, frame } => {
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
    pub fn written(&self) -> u64 {
        match &self.0 {
            Packer::Plain(out) => out.get_ref().count + out.buffer().len() as u64,
            Packer::Gzip(out) => {
                let out = out.get_ref();
                out.get_ref().count + out.buffer().len() as u64
            }
            Packer::Zstd { out, frame } => out.count + frame.len() as u64,
        }
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Packer::Plain(mut out) => out.flush(),
            Packer::Gzip(out) => out.finish()?.flush(),
            Packer::Zstd { mut out, mut frame } => {
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
struct Counted<W> {
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
