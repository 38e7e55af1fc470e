//! What the typed events have in common, and the macro that ties a record's three names for one fact
//! together: the Rust variant, the event type and the block's column.

use serde::de::DeserializeOwned;
use serde::ser::{Error, SerializeStruct, SerializeTuple};
use serde::{Serialize, Serializer};

use crate::headers::Envelope;
use crate::topics::Subject;

/// An event as it is published: columns that every event of the topic has, and one fact.
///
/// It serialises as the record of its topic does, so its JSON has the columns and blocks that a foreign
/// consumer sees.
pub trait Event: Serialize + DeserializeOwned {
    /// The schemas of the record.
    const SUBJECT: Subject;
    /// Every event type that this version knows.
    const EVENT_TYPES: &'static [&'static str];

    /// What happened, for example `order_placed`.
    fn event_type(&self) -> &str;

    /// The CloudEvents attributes of the event; trace and causation are left for the caller to fill.
    fn envelope(&self) -> Envelope<'_>;
}

/// A record by its columns, whose order is that of its schema: who knows the order needs no names.
pub trait Columns {
    /// Their names on the wire.
    const NAMES: &'static [&'static str];

    /// Tells `row` the values, in the order of the names.
    ///
    /// # Errors
    /// That of `row`.
    fn tell<R: SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error>;
}

/// Serialises `record` with the names of its columns.
pub(crate) fn by_name<C: Columns, S: Serializer>(
    record: &C,
    name: &'static str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let row = serializer.serialize_struct(name, C::NAMES.len())?;
    let mut named = Named { row, names: C::NAMES.iter() };
    record.tell(&mut named)?;
    named.end()
}

/// Gives each value that it is told the next name.
struct Named<R> {
    row: R,
    names: std::slice::Iter<'static, &'static str>,
}

impl<R: SerializeStruct> SerializeTuple for Named<R> {
    type Ok = R::Ok;
    type Error = R::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), R::Error> {
        let name = self.names.next().ok_or_else(|| R::Error::custom("a column has no name"))?;
        self.row.serialize_field(name, value)
    }

    fn end(self) -> Result<R::Ok, R::Error> {
        self.row.end()
    }
}

/// Defines a record. After each `=` stands the column's name on the wire.
macro_rules! published_record {
    (
        $(#[$record_meta:meta])*
        pub struct $Record:ident {
            $( $(#[$column_meta:meta])* pub $column:ident: $Type:ty = $wire:tt, )*
        }
    ) => {
        $(#[$record_meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
        pub struct $Record {
            $( $(#[$column_meta])* #[serde(rename = $wire)] pub $column: $Type, )*
        }

        impl crate::record::Columns for $Record {
            const NAMES: &'static [&'static str] = &[$( $wire ),*];

            fn tell<R: serde::ser::SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error> {
                $( row.serialize_element(&self.$column)?; )*
                Ok(())
            }
        }

        impl serde::Serialize for $Record {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::record::by_name(self, stringify!($Record), serializer)
            }
        }
    };
}

/// Defines an event and its facts. After each `=` stands the name on the wire.
macro_rules! published_event {
    (
        $(#[$event_meta:meta])*
        pub struct $Event:ident {
            $(#[$id_meta:meta])*
            pub event_id: String,
            $( $(#[$column_meta:meta])* pub $column:ident: $Type:ty = $wire:tt, )*
        }
        $(#[$fact_meta:meta])*
        pub enum $Fact:ident { $( $(#[$block_meta:meta])* $Block:ident = $event_type:tt, )* }
    ) => {
        $(#[$event_meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Event {
            $(#[$id_meta])*
            pub event_id: String,
            $( $(#[$column_meta])* pub $column: $Type, )*
            /// What happened, with what is particular to it.
            pub fact: $Fact,
        }

        $(#[$fact_meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $Fact {
            $( $(#[$block_meta])* $Block($Block), )*
            /// An event type of a later version, read by this one. It cannot be written.
            Unknown(String),
        }

        impl $Fact {
            /// Every event type that this version knows.
            pub const EVENT_TYPES: &'static [&'static str] = &[$( $event_type ),*];

            /// The event type, which is also the name of its block.
            pub fn event_type(&self) -> &str {
                match self {
                    $( Self::$Block(_) => $event_type, )*
                    Self::Unknown(event_type) => event_type,
                }
            }
        }

        /// The record as it is on the wire. It bears the record's name, which the reader compares.
        mod row {
            #[derive(serde::Deserialize)]
            #[allow(non_snake_case, reason = "a block's field bears the name of its type")]
            pub(super) struct $Event {
                pub event_id: String,
                pub event_type: String,
                $( #[serde(rename = $wire)] pub $column: $Type, )*
                $( #[serde(rename = $event_type)] pub $Block: Option<super::$Block>, )*
            }
        }

        impl<'de> serde::Deserialize<'de> for $Event {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                let row = row::$Event::deserialize(deserializer)?;
                let fact = match row.event_type.as_str() {
                    $( $event_type => $Fact::$Block(row.$Block.ok_or_else(|| {
                        D::Error::custom(concat!("the block ", $event_type, " is missing"))
                    })?), )*
                    _ => $Fact::Unknown(row.event_type),
                };
                Ok(Self { event_id: row.event_id, $( $column: row.$column, )* fact })
            }
        }

        impl crate::record::Columns for $Event {
            const NAMES: &'static [&'static str] =
                &["event_id", "event_type", $( $wire, )* $( $event_type, )*];

            fn tell<R: serde::ser::SerializeTuple>(&self, row: &mut R) -> Result<(), R::Error> {
                row.serialize_element(&self.event_id)?;
                row.serialize_element(self.fact.event_type())?;
                $( row.serialize_element(&self.$column)?; )*
                $(
                    let block = match &self.fact {
                        $Fact::$Block(block) => Some(block),
                        _ => None,
                    };
                    row.serialize_element(&block)?;
                )*
                Ok(())
            }
        }

        impl serde::Serialize for $Event {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::record::by_name(self, stringify!($Event), serializer)
            }
        }
    };
}

pub(crate) use {published_event, published_record};
