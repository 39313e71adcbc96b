//! One thread's part: reads the bytes and hashes them.

use std::fs::File;
use std::ops::Range;

use metainfo::{Info, Sha256, Span};
use sha1::{Digest, Sha1};

use super::work::{Owner, Reached, Task, Work};
use crate::Error;
use crate::payload::Payload;

/// Bytes read at a time: they stay in the processor's cache until they are hashed.
const READ: usize = 64 << 10;

/// What a thread has hashed, by the index of the piece or file.
#[derive(Default)]
pub(super) struct Done {
    pub(super) pieces: Vec<(u32, [u8; 20])>,
    pub(super) files: Vec<(usize, Sha256)>,
}

/// A thread that hashes.
pub(super) struct Worker<'a> {
    work: &'a Work,
    reader: Reader<'a>,
    progress: &'a (dyn Fn(u64) + Sync),
    done: Done,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        work: &'a Work,
        reader: Reader<'a>,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> Self {
        Self {
            work,
            reader,
            progress,
            done: Done::default(),
        }
    }

    /// Hashes until there is nothing left to do. Whatever ends it early, an error or a panic, ends all the
    /// others too.
    pub(super) fn run(mut self) -> Result<Done, Error> {
        let others = FailsOthers(self.work);
        while let Some(task) = self.work.next() {
            match task {
                Task::Batch(batch) => self.batch(batch, None)?,
                Task::Own(owner) => self.own(owner)?,
            }
        }
        // All is taken; others may still be at it.
        std::mem::forget(others);
        Ok(self.done)
    }

    /// Hashes the pieces of a batch and the files that lie wholly in it, and takes along the bytes of
    /// the long file that this thread owns.
    fn batch(
        &mut self,
        batch: u32,
        mut owned: Option<(usize, &mut sha2::Sha256)>,
    ) -> Result<(), Error> {
        let info = self.reader.info;
        // The hash of a whole file, and how many of its bytes are missing. Files follow each other.
        let mut whole = None;
        for piece in self.work.pieces(batch) {
            let hash = self.reader.piece(piece, |file, bytes| {
                (self.progress)(bytes.len() as u64);
                match &mut owned {
                    Some((mine, hash)) if *mine == file => hash.update(bytes),
                    // Its owner reads it.
                    _ if self.work.is_long(file) => {}
                    _ => {
                        let begin = || (sha2::Sha256::new(), info.files[file].length);
                        let (mut hash, missing) = whole.take().unwrap_or_else(begin);
                        hash.update(bytes);
                        match missing.saturating_sub(bytes.len() as u64) {
                            0 => self.done.files.push((file, finish(hash))),
                            missing => whole = Some((hash, missing)),
                        }
                    }
                }
            })?;
            self.done.pieces.push((piece, hash));
        }
        Ok(())
    }

    /// Hashes a long file, and the batches on the way that nobody else takes care of.
    fn own(&mut self, owner: Owner) -> Result<(), Error> {
        let mut hash = sha2::Sha256::new();
        let Owner { file, .. } = owner;
        for batch in self.work.batches(file) {
            match self.work.reach(owner, batch) {
                Reached::Free => self.batch(batch, Some((file, &mut hash)))?,
                Reached::Taken => self
                    .reader
                    .again(file, self.work.pieces(batch), &mut hash)?,
                Reached::Stop => return Ok(()),
            }
        }
        self.done.files.push((file, finish(hash)));
        Ok(())
    }
}

/// What all threads are told when one of them leaves before its time.
struct FailsOthers<'a>(&'a Work);

impl Drop for FailsOthers<'_> {
    fn drop(&mut self) {
        self.0.fail();
    }
}

fn finish(hash: sha2::Sha256) -> Sha256 {
    Sha256(hash.finalize().into())
}

/// One thread's way through the payload, with the file it is in kept open.
pub(super) struct Reader<'a> {
    info: &'a Info,
    payload: &'a Payload,
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(info: &'a Info, payload: &'a Payload) -> Self {
        Self {
            info,
            payload,
            open: None,
            buffer: vec![0; READ],
        }
    }

    /// The hash of a piece. `seen` gets its bytes too, in order, with the file they are of.
    pub(super) fn piece(
        &mut self,
        piece: u32,
        mut seen: impl FnMut(usize, &[u8]),
    ) -> Result<[u8; 20], Error> {
        let mut sha1 = Sha1::new();
        for span in self.info.spans(piece) {
            self.read(span, |bytes| {
                sha1.update(bytes);
                seen(span.file, bytes);
            })?;
        }
        Ok(sha1.finalize().into())
    }

    /// Reads what these pieces have of a file.
    fn again(
        &mut self,
        file: usize,
        pieces: Range<u32>,
        hash: &mut sha2::Sha256,
    ) -> Result<(), Error> {
        let info = self.info;
        let spans = pieces.flat_map(|piece| info.spans(piece));
        for span in spans.filter(|span| span.file == file) {
            self.read(span, |bytes| hash.update(bytes))?;
        }
        Ok(())
    }

    fn read(&mut self, span: Span, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let file = match self.open.take() {
            Some((index, file)) if index == span.file => file,
            _ => self.payload.open(span.file)?,
        };
        let (mut offset, end) = (span.offset, span.offset + u64::from(span.length));
        while offset < end {
            let length = (end - offset).min(READ as u64);
            let buffer = &mut self.buffer[..length as usize];
            self.payload.read(span.file, &file, buffer, offset)?;
            each(buffer);
            offset += length;
        }
        self.open = Some((span.file, file));
        Ok(())
    }
}
