//! JSON files whose first field is a checksum, so that a changed byte is noticed although the file stays JSON.
//!
//! ```text
//! {
//!   "checksum": "0123456789abcdef",     XXH3-64 of everything after this line, in hexadecimal
//!   … the fields of the object
//! ```

use crate::file_format::checksum64;

/// The text before the checksum.
const START: &str = "{\n  \"checksum\": \"";

/// The text after the checksum.
const END: &str = "\",\n";

/// Number of hexadecimal digits of the checksum.
const DIGITS: usize = 16;

/// Whether a JSON file is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonSeal {
    /// The checksum matches.
    Intact,
    /// The checksum does not match: bytes changed after they were written.
    Broken,
    /// There is no checksum: another program wrote the file, or the text around the checksum is damaged.
    Missing,
}

/// Adds a checksum to a JSON object with at least one field. Each field must be on a line of its own, as pretty
/// printers write it.
pub fn seal_json(object: &str) -> String {
    let fields = object.strip_prefix("{\n").unwrap_or(object);
    format!("{START}{:016x}{END}{fields}", checksum64(fields.as_bytes()))
}

/// Compares a JSON file with its checksum.
pub fn check_json_seal(file: &[u8]) -> JsonSeal {
    let Some(rest) = file.strip_prefix(START.as_bytes()) else { return JsonSeal::Missing };
    let Some((digits, rest)) = rest.split_first_chunk::<DIGITS>() else { return JsonSeal::Missing };
    let Some(fields) = rest.strip_prefix(END.as_bytes()) else { return JsonSeal::Missing };
    // A digit in upper case is a changed bit too.
    if format!("{:016x}", checksum64(fields)).as_bytes() == digits { JsonSeal::Intact } else { JsonSeal::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_changed_bit_of_a_sealed_file_passes_as_intact() {
        let sealed = seal_json("{\n  \"count\": 7,\n  \"name\": \"é\"\n}");
        assert_eq!(check_json_seal(sealed.as_bytes()), JsonSeal::Intact);
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone().into_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = check_json_seal(&damaged);
            let is_in_first_line =
                bit / 8 < START.len() || (START.len() + DIGITS..START.len() + DIGITS + END.len()).contains(&(bit / 8));
            assert_eq!(found, if is_in_first_line { JsonSeal::Missing } else { JsonSeal::Broken }, "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert_ne!(check_json_seal(&sealed.as_bytes()[..end]), JsonSeal::Intact, "cut at {end}");
        }
    }

    #[test]
    fn a_file_without_a_checksum_is_told_apart() {
        for file in ["", "{}", "{\n  \"count\": 7\n}", "{\n  \"checksum\": \"12\"\n}"] {
            assert_eq!(check_json_seal(file.as_bytes()), JsonSeal::Missing, "{file}");
        }
    }
}
