//! Finds the private member `d` of JSON Web Keys (RFC 7517), in JSON, YAML and object literals.

use super::key_body::is_random;

/// Largest distance between the members `kty` and `d` of one key, in bytes. An RSA key of 4,096 bits has about 3,200
/// bytes.
const MAX_DISTANCE_BYTES: usize = 8 << 10;

/// Smallest number of characters of a private exponent or a curve's private number.
const MIN_VALUE_CHARS: usize = 32;

/// Returns whether a member `d`, whose value looks like a key, is near one of the members `kty`, whose offsets are in
/// ascending order.
pub fn has_private_member(bytes: &[u8], key_types: &[usize]) -> bool {
    let (Some(first), Some(last)) = (key_types.first(), key_types.last()) else { return false };
    let start = first.saturating_sub(MAX_DISTANCE_BYTES);
    let end = bytes.len().min(last + MAX_DISTANCE_BYTES);
    memchr::memchr_iter(b'd', &bytes[start..end]).map(|at| start + at).any(|at| {
        let nearest = key_types.partition_point(|key_type| *key_type < at);
        let neighbours = &key_types[nearest.saturating_sub(1)..key_types.len().min(nearest + 1)];
        neighbours.iter().any(|key_type| key_type.abs_diff(at) <= MAX_DISTANCE_BYTES) && is_private_member(bytes, at)
    })
}

/// Returns whether the letter at `at` is the whole name of a member whose value looks like a key.
fn is_private_member(bytes: &[u8], at: usize) -> bool {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    if at.checked_sub(1).is_some_and(|before| is_name_byte(&bytes[before])) {
        return false;
    }
    let rest = &bytes[at + 1..];
    let gap = rest.iter().take_while(|byte| b"\\\"'`:=> \t\r\n".contains(byte)).count();
    if !rest[..gap].iter().any(|byte| matches!(byte, b':' | b'=')) {
        return false;
    }
    let value = &rest[gap..];
    let length = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte)).count();
    length >= MIN_VALUE_CHARS && is_random(&value[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "G2Hkq0bVb3rYw1sPz9XcT7uLm4NdQe8RaJ5fKo6iA0E";

    fn judge(text: &str) -> bool {
        let types: Vec<usize> = text.match_indices("kty").map(|(at, _)| at).collect();
        has_private_member(text.as_bytes(), &types)
    }

    #[test]
    fn a_private_member_is_found_in_each_notation() {
        for text in [
            format!("{{\"kty\": \"EC\", \"d\": \"{VALUE}\"}}"),
            format!("{{\"d\":\"{VALUE}\",\"kty\":\"OKP\"}}"),
            format!("'{{\\\"kty\\\":\\\"RSA\\\",\\\"d\\\":\\\"{VALUE}\\\"}}'"),
            format!("const key = {{ kty: 'EC', d: '{VALUE}' }};"),
            format!("kty: RSA\nn: abc\nd: {VALUE}\n"),
            format!("dict(kty=\"EC\", d=\"{VALUE}\")"),
            format!("{{:kty=>\"EC\", :d=>\"{VALUE}\"}}"),
        ] {
            assert!(judge(&text), "{text}");
        }
    }

    #[test]
    fn public_keys_and_distant_members_are_not_private() {
        for text in [
            format!("{{\"kty\": \"EC\", \"x\": \"{VALUE}\", \"kid\": \"{VALUE}\"}}"),
            format!("{{\"d\": \"{VALUE}\"}}"),
            format!("kty: EC\n{}\nd: {VALUE}\n", "#".repeat(MAX_DISTANCE_BYTES)),
            "if jwk.kty == 'EC' { d = decode_private_number_of_the_elliptic_curve(jwk) }".to_owned(),
        ] {
            assert!(!judge(&text), "{text}");
        }
    }
}
