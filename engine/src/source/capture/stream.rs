//! The bytes of a capture: read in large pieces, decompressed on the way, never
//! more of them in memory than the longest block has.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// Largest window of a zstd frame: what its longest mode uses.
const MAX_WINDOW: u64 = 128 << 20;

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Three of four bytes of frames that a zstd decoder skips; the first has
/// sixteen values.
const ZSTD_SKIPPED: [u8; 3] = [0x2A, 0x4D, 0x18];

/// What is wrong with a capture, and where.
#[derive(Debug)]
pub struct CaptureError {
    /// Bytes before the place, counted in the decompressed capture.
    pub offset: u64,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.message, self.offset)
    }
}

impl Error for CaptureError {}

/// A capture that is read from its beginning to its end.
pub(super) struct Stream {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the capture before `start`.
    offset: u64,
    ended: bool,
    cut: bool,
}

impl Stream {
    /// Opens a file, or standard input if it is called `-`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new(io::stdin());
        }
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Self::new(file)
    }

    /// Reads from anything.
    ///
    /// # Errors
    /// When not even the first bytes can be read.
    pub(super) fn new(mut source: impl Read + Send + 'static) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(4);
        source.by_ref().take(4).read_to_end(&mut magic)?;
        let compressed = Compression::of(&magic);
        let whole = Cursor::new(magic).chain(source);
        let reader: Box<dyn Read + Send> = match compressed {
            Some(Compression::Gzip) => {
                Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
            }
            Some(Compression::Zstd) => Box::new(Zstd::new(BufReader::with_capacity(CHUNK, whole))),
            None => Box::new(whole),
        };
        Ok(Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            cut: false,
        })
    }

    /// Reads until at least `want` bytes are there, or all that there are.
    ///
    /// # Errors
    /// When reading or decompressing fails.
    #[inline]
    pub(super) fn fill(&mut self, want: usize) -> Result<usize, CaptureError> {
        if self.end - self.start < want && !self.ended {
            self.fill_slowly(want)?;
        }
        Ok(self.end - self.start)
    }

    #[cold]
    fn fill_slowly(&mut self, want: usize) -> Result<(), CaptureError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < want && !self.ended {
            if self.end == self.buffer.len() {
                // Only as far as there are bytes: lengths may lie.
                let larger = (self.buffer.len() * 2).min(want.next_multiple_of(CHUNK));
                self.buffer.reserve_exact(larger - self.buffer.len());
                self.buffer.resize(larger, 0);
            }
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    self.cut = true;
                }
                Err(error) => {
                    let offset = self.offset + self.end as u64;
                    let message = format!("the capture cannot be read: {error}");
                    return Err(CaptureError { offset, message });
                }
            }
        }
        Ok(())
    }

    /// Whether what was read so far ends where a compressed file is cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes that are there.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Goes on by as many of them.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Bytes of the capture before those that are there.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [a, b, ..] if [*a, *b] == GZIP => Some(Self::Gzip),
            magic if *magic == ZSTD => Some(Self::Zstd),
            [a, rest @ ..] if a & 0xF0 == 0x50 && *rest == ZSTD_SKIPPED => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A block without bytes that is the last of its frame, and a checksum, which
/// nobody looks at.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Decompresses one frame after the other.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
    /// Why the frame at hand goes no further. What was decompressed before is
    /// handed out first.
    failure: Option<io::Error>,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            source,
            decoder,
            in_frame: false,
            failure: None,
        }
    }

    /// Begins the next frame. `false`: there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < length.into() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// An error of the decoder, or of the file under it: one that ends too early
    /// is no damage.
    fn failed(&mut self, error: FrameDecoderError) -> io::Error {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // Of the file, not of a part of it that is in memory.
                match (io.kind(), self.source.fill_buf()) {
                    (ErrorKind::UnexpectedEof, Ok([])) => return ErrorKind::UnexpectedEof.into(),
                    (_, Err(error)) => return error,
                    _ => {}
                }
            }
            cause = error.source();
        }
        io::Error::new(ErrorKind::InvalidData, error)
    }

    /// Decodes until there is something to hand out, or the frame ends. The
    /// decoder keeps back what a later block may repeat; when no other comes, it
    /// has to be told.
    fn decode(&mut self) {
        let one = || BlockDecodingStrategy::UptoBlocks(1);
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, one()) {
                self.failure = Some(self.failed(error));
                // It cannot fail.
                let _ = self.decoder.decode_blocks(&LAST_BLOCK[..], one());
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            self.decode();
            let read = self.decoder.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let (said, is) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            if said.is_some() && said != is {
                return Err(io::Error::new(ErrorKind::InvalidData, "wrong checksum"));
            }
            self.in_frame = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<u8>, CaptureError> {
        let mut stream = Stream::new(Cursor::new(bytes.to_vec())).unwrap();
        let mut all = Vec::new();
        loop {
            let there = stream.fill(1)?;
            if there == 0 {
                return Ok(all);
            }
            let some = there.min(1000);
            all.extend_from_slice(&stream.bytes()[..some]);
            stream.consume(some);
            assert_eq!(stream.offset(), all.len() as u64);
        }
    }

    fn text() -> Vec<u8> {
        (0..100_000u32).flat_map(u32::to_le_bytes).collect()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(text, level)
    }

    #[test]
    fn compressed_or_not() {
        let text = text();
        assert_eq!(read_all(&text).unwrap(), text);
        assert_eq!(read_all(&gzip(&text)).unwrap(), text);
        assert_eq!(read_all(&zstd(&text)).unwrap(), text);
        // Files that were put together, with a frame that carries no data.
        let skipped = b"\x50\x2A\x4D\x18\x03\0\0\0abc";
        let both = [&zstd(&text)[..], skipped, &zstd(b"end")].concat();
        assert_eq!(read_all(&both).unwrap(), [&text[..], b"end"].concat());
        let both = [gzip(&text), gzip(b"end")].concat();
        assert_eq!(read_all(&both).unwrap(), [&text[..], b"end"].concat());
        assert_eq!(read_all(b"").unwrap(), b"");
        assert_eq!(read_all(b"abc").unwrap(), b"abc");
    }

    /// All that a stream has, and whether it is cut off.
    fn read_cut(bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut stream = Stream::new(Cursor::new(bytes.to_vec())).unwrap();
        stream.fill(usize::MAX / 4).unwrap();
        (stream.bytes().to_vec(), stream.is_cut())
    }

    #[test]
    fn what_is_cut_off_ends_early() {
        let text = text();
        for packed in [gzip(&text), zstd(&text)] {
            for cut in (4..packed.len()).step_by(1 + packed.len() / 50) {
                let (all, is_cut) = read_cut(&packed[..cut]);
                assert!(text.starts_with(&all) && is_cut);
            }
            // Without a byte of the end all the text is there nevertheless.
            let last = packed.len() - 1;
            assert_eq!(read_cut(&packed[..last]), (text.clone(), true));
            assert_eq!(read_cut(&packed), (text.clone(), false));
        }
        let skipped = b"\x50\x2A\x4D\x18\x03\0\0\0ab";
        let packed = [&zstd(&text)[..], skipped].concat();
        assert_eq!(read_cut(&packed), (text, true));
    }

    /// A frame of blocks that are as they are, and where in the frame each ends.
    fn raw_frame(text: &[u8], window: u8, checksum: bool) -> (Vec<u8>, Vec<usize>) {
        let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, u8::from(checksum) << 2, window];
        let mut ends = Vec::new();
        for block in text.chunks(1000) {
            frame.extend_from_slice(&(block.len() << 3).to_le_bytes()[..3]);
            frame.extend_from_slice(block);
            ends.push(frame.len());
        }
        (frame, ends)
    }

    #[test]
    fn what_a_cut_frame_kept_back_is_there() {
        let text = text();
        // Windows of a megabyte, which is more than the text, and of a kilobyte.
        for (window, checksum) in [(0x50, false), (0x50, true), (0x00, true)] {
            let (frame, ends) = raw_frame(&text, window, checksum);
            for (at, end) in ends.iter().enumerate().step_by(37) {
                for cut in [*end, end + 2, end + 500] {
                    let (all, is_cut) = read_cut(&frame[..cut.min(frame.len())]);
                    assert!(is_cut && all == text[..1000 * (at + 1)], "{window} {cut}");
                }
            }
        }
        // The end of the frame lacks its checksum.
        let (mut frame, _) = raw_frame(&text, 0x50, true);
        frame.extend_from_slice(&[1, 0, 0, 9]);
        assert_eq!(read_cut(&frame), (text.clone(), true));
        // So is what comes before damage, in a frame that goes on behind it.
        let (mut frame, ends) = raw_frame(&text, 0x50, false);
        frame[ends[9]] |= 0b110;
        let mut stream = Stream::new(Cursor::new(frame)).unwrap();
        let error = stream.fill(usize::MAX / 4).unwrap_err();
        assert_eq!((error.offset, stream.bytes()), (10_000, &text[..10_000]));
    }

    #[test]
    fn what_is_damaged_is_an_error_or_other_text() {
        let text = text();
        for mut packed in [gzip(&text), zstd(&text)] {
            let at = packed.len() / 2;
            packed[at] ^= 0xFF;
            assert!(read_all(&packed).map_or(true, |all| all.len() < text.len()));
        }
    }

    #[test]
    fn long_blocks_are_held() {
        let text: Vec<u8> = text().repeat(10);
        let mut stream = Stream::new(Cursor::new(text.clone())).unwrap();
        assert!(stream.fill(10).unwrap() >= 10);
        stream.consume(3);
        assert!(stream.fill(3_000_000).unwrap() >= 3_000_000);
        assert_eq!(stream.bytes()[..3_000_000], text[3..3_000_003]);
        // A length that lies costs no more than there is.
        assert_eq!(stream.fill(usize::MAX / 4).unwrap(), text.len() - 3);
        assert!(stream.buffer.len() < 2 * text.len() + 2 * CHUNK);
    }
}
