//! A recording of the wire as frames with their times: pcap in either byte order, in micro- or nanoseconds, and
//! pcapng with several interfaces and sections. It knows nothing of what is in a frame.
//!
//! The formats are pcap-parser's work. Where a record cannot be read the place in the file is told, and what came
//! before it has been handed on by then: a recorder that was killed leaves its last record unfinished.

use std::time::Duration;

use pcap_parser::nom;
use pcap_parser::pcapng::Block;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    Linktype, PcapError, PcapHeader, parse_block_be, parse_block_le, parse_pcap_frame,
    parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

/// The first bytes of a pcapng file, in either byte order (draft-ietf-opsawg-pcapng, section 4.1).
const SECTION: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];

/// One frame, as it was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// When, as the recorder's clock had it.
    pub(crate) at: Duration,
    /// What its bytes begin with.
    pub(crate) link: Linktype,
    /// The bytes that were kept.
    pub(crate) bytes: &'a [u8],
    /// The recorder kept only the beginning.
    pub(crate) cut: bool,
}

/// A file that is no recording, or not to its end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {offset}: {what}")]
pub struct Broken {
    /// Where in the file the part begins that cannot be read.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

type Failed<'a> = nom::Err<PcapError<&'a [u8]>>;

/// Hands every frame of `file` to `each`, in the file's order.
///
/// # Errors
/// [`Broken`]; the frames before that place were handed on.
pub(crate) fn frames<'a>(file: &'a [u8], mut each: impl FnMut(Frame<'a>)) -> Result<(), Broken> {
    if file.starts_with(SECTION) {
        pcapng(file, &mut each)
    } else {
        pcap(file, &mut each)
    }
}

fn pcap<'a>(file: &'a [u8], each: &mut impl FnMut(Frame<'a>)) -> Result<(), Broken> {
    let (mut rest, header) = parse_pcap_header(file).map_err(|_| Broken {
        offset: 0,
        what: "neither pcap nor pcapng begins so",
    })?;
    let parse = match () {
        () if header.is_modified_format() => parse_pcap_frame_modified,
        () if header.is_bigendian() => parse_pcap_frame_be,
        () => parse_pcap_frame,
    };
    while !rest.is_empty() {
        let (after, record) = parse(rest).map_err(|failed| broken(file, rest, &failed))?;
        each(Frame {
            at: pcap_time(&header, record.ts_sec, record.ts_usec),
            link: header.network,
            bytes: record.data,
            cut: record.caplen < record.origlen,
        });
        rest = after;
    }
    Ok(())
}

/// The fraction is of micro- or nanoseconds; a stranger's file may say more of them than make a second.
fn pcap_time(header: &PcapHeader, seconds: u32, fraction: u32) -> Duration {
    let seconds = Duration::from_secs(seconds.into());
    if header.is_nanosecond_precision() {
        seconds + Duration::from_nanos(fraction.into())
    } else {
        seconds + Duration::from_micros(fraction.into())
    }
}

/// What a section says of an interface, as far as its frames need it.
struct Interface {
    link: Linktype,
    resolution: u8,
    offset: i64,
}

fn pcapng<'a>(file: &'a [u8], each: &mut impl FnMut(Frame<'a>)) -> Result<(), Broken> {
    let (mut rest, mut big_endian) = (file, false);
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut last = Duration::ZERO;
    while !rest.is_empty() {
        let parsed = match big_endian {
            true => parse_block_be(rest),
            false => parse_block_le(rest),
        };
        let (after, block) = parsed.map_err(|failed| broken(file, rest, &failed))?;
        match block {
            Block::SectionHeader(section) => {
                big_endian = section.big_endian();
                interfaces.clear();
            }
            Block::InterfaceDescription(interface) => interfaces.push(Interface {
                link: interface.linktype,
                resolution: interface.if_tsresol,
                offset: interface.if_tsoffset,
            }),
            Block::EnhancedPacket(packet) => {
                let interface = interfaces.get(packet.if_id as usize).ok_or(Broken {
                    offset: file.len() - rest.len(),
                    what: "a packet of an interface that the file does not describe",
                })?;
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                last = pcapng_time(ticks, interface);
                // Of the block itself, so that the bytes outlive it.
                let kept = packet.data.len().min(packet.caplen as usize);
                each(Frame {
                    at: last,
                    link: interface.link,
                    bytes: &packet.data[..kept],
                    cut: packet.truncated(),
                });
            }
            // It has no time of its own, and belongs to the first interface.
            Block::SimplePacket(packet) => {
                if let Some(interface) = interfaces.first() {
                    let kept = packet.data.len().min(packet.origlen as usize);
                    each(Frame {
                        at: last,
                        link: interface.link,
                        bytes: &packet.data[..kept],
                        cut: kept < packet.origlen as usize,
                    });
                }
            }
            _ => {}
        }
        rest = after;
    }
    Ok(())
}

/// Ticks of an interface's clock: 10^-n or, with the highest bit, 2^-n seconds each (if_tsresol, section 4.2). A
/// resolution that no clock has leaves the time at its offset.
fn pcapng_time(ticks: u64, interface: &Interface) -> Duration {
    let exponent = u32::from(interface.resolution & 0x7f);
    let per_second = match interface.resolution & 0x80 {
        0 => 10u128.checked_pow(exponent),
        _ => 1u128.checked_shl(exponent),
    };
    let ticks = u128::from(ticks);
    let (seconds, nanos) = per_second.map_or((0, 0), |per_second| {
        let rest = ticks % per_second * 1_000_000_000 / per_second;
        ((ticks / per_second) as u64, rest as u32)
    });
    Duration::new(seconds.saturating_add_signed(interface.offset), nanos)
}

fn broken(file: &[u8], rest: &[u8], failed: &Failed<'_>) -> Broken {
    Broken {
        offset: file.len() - rest.len(),
        what: match failed {
            nom::Err::Incomplete(_) => "the file ends in the middle of a record",
            _ => "no record is made so",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Recorded = (Duration, i32, Vec<u8>, bool);

    fn read(file: &[u8]) -> (Vec<Recorded>, Result<(), Broken>) {
        let mut all = Vec::new();
        let end = frames(file, |frame| {
            all.push((frame.at, frame.link.0, frame.bytes.to_vec(), frame.cut));
        });
        (all, end)
    }

    fn words(big_endian: bool, words: &[u32]) -> Vec<u8> {
        let bytes = |word: &u32| match big_endian {
            true => word.to_be_bytes(),
            false => word.to_le_bytes(),
        };
        words.iter().flat_map(bytes).collect()
    }

    /// A header, and one frame of three bytes of which five were on the wire.
    fn one_frame(big_endian: bool, magic: u32, fraction: u32) -> Vec<u8> {
        let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
        let header = [magic, version, 0, 0, 65_535, 1, 7, fraction, 3, 5];
        [words(big_endian, &header), vec![1, 2, 3]].concat()
    }

    #[test]
    fn pcap_in_both_orders_and_both_resolutions() {
        let half = Duration::from_millis(7_500);
        for big_endian in [false, true] {
            for (magic, fraction) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500_000_000)] {
                let (all, end) = read(&one_frame(big_endian, magic, fraction));
                let expected = vec![(half, 1, vec![1, 2, 3], true)];
                assert_eq!((all, end), (expected, Ok(())), "{big_endian} {magic:x}");
            }
        }
    }

    /// A section of which one interface counts in nanoseconds and the other in 2^-1 seconds.
    fn two_interfaces(big_endian: bool) -> Vec<u8> {
        let option = |code: u16, data: [u8; 4]| {
            let head = match big_endian {
                true => [code.to_be_bytes(), 1u16.to_be_bytes()],
                false => [code.to_le_bytes(), 1u16.to_le_bytes()],
            };
            [head.concat(), data.to_vec(), vec![0; 4]].concat()
        };
        let interface = |link: u16, resolution: u8| {
            let link = match big_endian {
                true => u32::from(link) << 16,
                false => link.into(),
            };
            let options = option(9, [resolution, 0, 0, 0]);
            let begin = words(big_endian, &[1, 32, link, 0]);
            [begin, options, words(big_endian, &[32])].concat()
        };
        let packet = |number: u32, ticks: u64| {
            let (high, low) = ((ticks >> 32) as u32, ticks as u32);
            let begin = words(big_endian, &[6, 36, number, high, low, 3, 3]);
            [begin, vec![1, 2, 3, 0], words(big_endian, &[36])].concat()
        };
        let version = if big_endian { 0x0001_0000 } else { 0x0000_0001 };
        let all_ones = [
            0x0a0d_0d0a,
            28,
            0x1a2b_3c4d,
            version,
            u32::MAX,
            u32::MAX,
            28,
        ];
        [
            words(big_endian, &all_ones),
            interface(1, 9),
            interface(276, 0x81),
            packet(0, 7_500_000_000),
            packet(1, 15),
        ]
        .concat()
    }

    #[test]
    fn pcapng_with_several_clocks() {
        let half = Duration::from_millis(7_500);
        for big_endian in [false, true] {
            let (all, end) = read(&two_interfaces(big_endian));
            let frame = |link| (half, link, vec![1, 2, 3], false);
            assert_eq!(end, Ok(()), "{big_endian}");
            assert_eq!(all, [frame(1), frame(276)], "{big_endian}");
        }
    }

    #[test]
    fn a_file_that_breaks_off_names_the_place() {
        let whole = one_frame(false, 0xa1b2_c3d4, 0);
        let (all, end) = read(&[&whole[..], &whole[24..30]].concat());
        let (offset, what) = (whole.len(), "the file ends in the middle of a record");
        assert_eq!((all.len(), end), (1, Err(Broken { offset, what })));
        for (file, offset) in [(&b"GIF89a"[..], 0), (b"", 0), (&whole[..20], 0)] {
            assert_eq!(read(file).1.map_err(|broken| broken.offset), Err(offset));
        }
        let stray = two_interfaces(false);
        let without = [&stray[..28], &stray[28 + 64..]].concat();
        assert_eq!(read(&without).1.map_err(|broken| broken.offset), Err(28));
    }

    /// Every beginning of a file, and files with a byte changed: an error or not, but an end.
    #[test]
    fn nothing_panics() {
        for file in [
            one_frame(true, 0xa1b2_3c4d, u32::MAX),
            two_interfaces(false),
        ] {
            for at in 0..file.len() {
                let _ = read(&file[..at]);
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut changed = file.clone();
                    changed[at] = value;
                    let _ = read(&changed);
                }
            }
        }
    }
}
