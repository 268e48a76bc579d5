//! The two checksums that transport protocols carry.

use std::net::IpAddr;

/// The Internet checksum (RFC 1071) of these bytes, as a big-endian number ready for a header.
pub(crate) fn internet(bytes: &[u8]) -> u16 {
    finish(sum(0, bytes))
}

/// The same over the pseudo-header too that TCP, UDP and ICMPv6 include: both addresses, the length and the protocol.
pub(crate) fn with_pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, bytes: &[u8]) -> u16 {
    let mut total = 0;
    for address in [source, destination] {
        total = match address {
            IpAddr::V4(a) => sum(total, &a.octets()),
            IpAddr::V6(a) => sum(total, &a.octets()),
        };
    }
    total = sum(total, &(bytes.len() as u64).to_be_bytes());
    total = sum(total, &[0, protocol]);
    finish(sum(total, bytes))
}

fn sum(start: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(2).fold(start, |total, pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        total + u64::from(u16::from_be_bytes([pair[0], low]))
    })
}

fn finish(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// The CRC32c (Castagnoli, reflected) that SCTP carries (RFC 9260, appendix A), in the byte order of the header.
pub(crate) fn crc32c(bytes: &[u8]) -> [u8; 4] {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let remainder = bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    });
    (!remainder).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        // The example of RFC 1071, section 3: the sum is ddf2.
        assert_eq!(internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(internet(&[]), 0xffff);
        assert_eq!(internet(&[0xff]), !0xff00);
        // The check value that every catalogue of CRCs gives for CRC-32C, and 32 zero bytes from RFC 3720, B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283_u32.to_le_bytes());
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa_u32.to_le_bytes());
    }

    #[test]
    fn bytes_with_their_checksum_sum_to_nothing() {
        let [a, b]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.200".parse().unwrap()];
        let [c, d]: [IpAddr; 2] = ["2001:db8::1".parse().unwrap(), "fd00::ffff".parse().unwrap()];
        for (source, destination) in [(a, b), (c, d)] {
            let mut segment = [0x9c, 0x40, 0x00, 0x50, 0x00, 0x0c, 0x00, 0x00, 0x4d, 0x61, 0x72, 0x67];
            let check = with_pseudo_header(source, destination, 17, &segment);
            segment[6..8].copy_from_slice(&check.to_be_bytes());
            assert_eq!(with_pseudo_header(source, destination, 17, &segment), 0);
        }
    }
}
