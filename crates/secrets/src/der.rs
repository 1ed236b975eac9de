//! Recognizes private keys in ASN.1 DER by their first bytes.
//!
//! The forms, as in RFC 8017, 5915, 5958 and 7292:
//!
//! - PKCS #1 and DSA: `SEQUENCE { 0, large integer … }`
//! - SEC 1: `SEQUENCE { 1, OCTET STRING … }`
//! - PKCS #8: `SEQUENCE { 0 or 1, SEQUENCE { OID … } … }`
//! - encrypted PKCS #8: `SEQUENCE { SEQUENCE { OID of PBES … } … }`
//! - PKCS #12: `SEQUENCE { 3, SEQUENCE { OID … } … }`

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Prefixes of the object identifiers of password-based encryption in PKCS #5 and PKCS #12.
const ENCRYPTION_OIDS: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01]];

/// Smallest length of the first number after the version of an RSA or DSA key, in bytes.
const MIN_NUMBER_BYTES: usize = 32;

/// Smallest and largest length of the private number of an elliptic-curve key, in bytes.
const CURVE_KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=80;

/// Returns whether a private key in DER begins at the start of `bytes`, of which the first 32 are enough.
pub fn begins_private_key(bytes: &[u8]) -> bool {
    parse_private_key(bytes).is_some()
}

/// Returns whether a private key in DER may begin at the start of `bytes`, of which the first 5 are enough.
pub fn may_begin_private_key(bytes: &[u8]) -> bool {
    enter(bytes, SEQUENCE).is_some_and(|(_, inside)| matches!(inside.first(), Some(&INTEGER | &SEQUENCE)))
}

fn parse_private_key(bytes: &[u8]) -> Option<()> {
    let (_, inside) = enter(bytes, SEQUENCE)?;
    if let Some((_, algorithm)) = enter(inside, SEQUENCE) {
        let (length, oid) = enter(algorithm, OBJECT_IDENTIFIER)?;
        let oid = oid.get(..length)?;
        return ENCRYPTION_OIDS.iter().any(|known| oid.starts_with(known)).then_some(());
    }
    let (length, version) = enter(inside, INTEGER)?;
    let (version, rest) = version.split_first().filter(|_| length == 1)?;
    let (length, inside) = enter(rest, *rest.first()?)?;
    let is_key = match (version, rest.first()?) {
        (0, &INTEGER) => length >= MIN_NUMBER_BYTES,
        (1, &OCTET_STRING) => CURVE_KEY_BYTES.contains(&length),
        // The key follows the algorithm. In a list of revoked certificates, the issuer does.
        (0 | 1, &SEQUENCE) => {
            let follows = inside.get(length).is_none_or(|tag| *tag == OCTET_STRING);
            inside.first() == Some(&OBJECT_IDENTIFIER) && follows
        }
        (3, &SEQUENCE) => inside.first() == Some(&OBJECT_IDENTIFIER),
        _ => false,
    };
    is_key.then_some(())
}

/// Returns the length of the value at the start of `bytes`, and all bytes from its contents on. `None` if the value has
/// another tag, a length that takes more than two bytes, or an incomplete header.
fn enter(bytes: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first().filter(|_| *found == tag)?;
    match *first {
        short @ 0..=0x7f => Some((usize::from(short), rest)),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest)),
        0x82 => {
            let (length, rest) = rest.split_at_checked(2)?;
            Some(((usize::from(length[0]) << 8) | usize::from(length[1]), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(hex: &str) -> bool {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        let bytes: Vec<u8> =
            digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
        begins_private_key(&bytes)
    }

    #[test]
    fn each_form_of_a_private_key_is_recognized() {
        for (form, hex) in [
            ("PKCS #1", "308204a40201000282010100"),
            ("PKCS #1, 512 bits", "3082013a020100024100"),
            ("SEC 1, P-256", "30770201010420"),
            ("SEC 1, P-384", "3081a40201010430"),
            ("PKCS #8 RSA", "308204bd020100300d06092a864886f70d0101010500048204a7"),
            ("PKCS #8 EC", "308187020100301306072a8648ce3d0201"),
            ("PKCS #8 Ed25519", "302e020100300506032b657004220420"),
            ("PKCS #8 Ed25519, second version", "3051020101300506032b657004220420"),
            ("encrypted PKCS #8", "3082051c304e06092a864886f70d01050d3041"),
            ("PKCS #12", "30820a6102010330820a2706092a864886f70d010701"),
        ] {
            assert!(judge(hex), "{form}");
        }
        assert!(may_begin_private_key(&[0x30, 0x82, 0x04, 0xa4, 0x02]));
        assert!(!may_begin_private_key(&[0x30, 0x80, 0x30, 0x80, 0x30]));
        assert!(!may_begin_private_key(&[0x2d, 0x2d, 0x2d, 0x2d, 0x2d]));
    }

    #[test]
    fn public_keys_certificates_and_requests_are_not_private() {
        for (form, hex) in [
            ("public key", "30820122300d06092a864886f70d01010105000382010f00"),
            ("RSA public key", "3082010a0282010100"),
            ("certificate", "308203773082025fa003020102021459"),
            ("certificate of the first version", "308201f23082015b020100300d"),
            ("certificate request", "3082028a308201720201003045310b"),
            ("list of revoked certificates", "3081d4020101300506032b6570301c311a3018"),
            ("signature", "3045022100aabbccdd"),
            ("PKCS #7", "308206b206092a864886f70d010702"),
            ("cut off", "3082"),
            ("empty", ""),
        ] {
            assert!(!judge(hex), "{form}");
        }
    }
}
