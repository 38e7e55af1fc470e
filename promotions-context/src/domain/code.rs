//! The code of a voucher: twelve symbols that cannot be guessed and one that catches slips.
//!
//! The alphabet leaves out I, L, O and U, which are misread or form words. The check symbol is a
//! weighted sum over the field of 32 elements: it catches every single wrong symbol and every
//! swap of two, so that a mistyped code is refused before anything is looked up.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: usize = 12;
const BITS: u32 = 60;

/// A voucher's code, written `XXXX-XXXX-XXXX-C`. Whoever knows it can spend the voucher, so its
/// `Debug` form hides it and only `Display` writes it out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u64);

/// What was typed in is no code: wrong length, a foreign symbol, or the check symbol disagrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl Code {
    /// Makes a code of the lower 60 bits of `bits`. Unguessable if they are.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << BITS) - 1))
    }

    /// The 60 bits this code stands for.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    fn symbols(self) -> [u8; SYMBOLS] {
        std::array::from_fn(|index| {
            let shift = BITS - 5 * (index as u32 + 1);
            (self.0 >> shift) as u8 & 0b1_1111
        })
    }
}

/// Multiplies by the generator of GF(32), with the polynomial x^5 + x^2 + 1.
fn double(element: u8) -> u8 {
    let doubled = element << 1;
    if doubled & 0b10_0000 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

/// The check symbol: the one that makes the weighted sum of all thirteen zero.
fn check(symbols: &[u8; SYMBOLS]) -> u8 {
    symbols.iter().fold(0, |sum, symbol| double(sum ^ symbol))
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = self.symbols();
        for (index, symbol) in symbols.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(ALPHABET[usize::from(*symbol)]))?;
        }
        write!(f, "-{}", char::from(ALPHABET[usize::from(check(&symbols))]))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(hidden)")
    }
}

impl FromStr for Code {
    type Err = NotACode;

    /// Reads a code as people type it: in any case, with or without hyphens and spaces, with the
    /// letters that look like digits read as those digits.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let mut values = [0_u8; SYMBOLS + 1];
        let mut read = 0;
        for typed in text.chars().filter(|typed| !matches!(typed, '-' | ' ')) {
            let slot = values.get_mut(read).ok_or(NotACode)?;
            *slot = value_of(typed).ok_or(NotACode)?;
            read += 1;
        }
        let [symbols @ .., checked] = values;
        if read != SYMBOLS + 1 || check(&symbols) != checked {
            return Err(NotACode);
        }
        Ok(Self(symbols.iter().fold(0, |bits, symbol| bits << 5 | u64::from(*symbol))))
    }
}

fn value_of(typed: char) -> Option<u8> {
    let symbol = match typed.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| char::from(*known) == symbol)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_written_in_groups_of_four_with_a_check_symbol() {
        assert_eq!(Code::from_bits(0).to_string(), "0000-0000-0000-0");
        assert_eq!(Code::from_bits(1).to_string(), "0000-0000-0001-2");
        assert_eq!(Code::from_bits(u64::MAX).to_string().len(), "XXXX-XXXX-XXXX-C".len());
    }

    #[test]
    fn what_people_type_is_read_kindly_and_nonsense_is_refused() {
        let code = Code::from_bits(0x0123_4567_89ab_cdef);
        let written = code.to_string();
        assert_eq!(written.to_lowercase().parse(), Ok(code));
        assert_eq!(written.replace('-', " ").parse(), Ok(code));
        assert_eq!("oooo-OOOO-oooo-o".parse(), Ok(Code::from_bits(0)));
        for nonsense in ["", "0000", "0000-0000-0000", "0000-0000-0000-00", "0000-0000-0000-U"] {
            assert_eq!(nonsense.parse::<Code>(), Err(NotACode), "{nonsense}");
        }
    }

    #[test]
    fn debug_output_hides_the_code() {
        assert_eq!(format!("{:?}", Code::from_bits(1)), "Code(hidden)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bits: u64) {
            let code = Code::from_bits(bits);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn one_wrong_symbol_is_noticed(bits: u64, place in 0_usize..13, other in 0_usize..32) {
            let mut typed = Code::from_bits(bits).to_string().replace('-', "").into_bytes();
            prop_assume!(typed[place] != ALPHABET[other]);
            typed[place] = ALPHABET[other];
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(typed.parse::<Code>(), Err(NotACode));
        }

        #[test]
        fn two_swapped_symbols_are_noticed(bits: u64, one in 0_usize..13, two in 0_usize..13) {
            let mut typed = Code::from_bits(bits).to_string().replace('-', "").into_bytes();
            prop_assume!(typed[one] != typed[two]);
            typed.swap(one, two);
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(typed.parse::<Code>(), Err(NotACode));
        }
    }
}
