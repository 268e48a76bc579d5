//! Numbers of the kernel's interface as Rust types: one macro for enumerations, one for sets of bits.

/// Defines an enumeration whose discriminants are the kernel's numbers, with the way to the wire and back.
macro_rules! wire_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// The number the kernel knows it by.
            #[allow(dead_code, reason = "not every enumeration is read in both directions")]
            pub const fn wire(self) -> u32 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// From the kernel's number.
            #[allow(dead_code, reason = "not every enumeration is read in both directions")]
            pub(crate) fn from_wire(number: u32) -> Result<Self, $crate::attr::Malformed> {
                match number {
                    $(n if n == $number => Ok(Self::$variant),)+
                    _ => Err($crate::attr::Malformed(concat!("unknown ", stringify!($name)))),
                }
            }
        }
    };
}

/// Defines a set of bits as the kernel numbers them. Bits without a name are kept.
macro_rules! wire_flags {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$flag_doc:meta])* $flag:ident = $bit:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$flag_doc])* pub const $flag: Self = Self($bit);)+

            /// No bit set.
            pub const NONE: Self = Self(0);

            /// Whether every bit of `other` is set here.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// These bits without those of `other`.
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }
    };
}

pub(crate) use {wire_enum, wire_flags};
