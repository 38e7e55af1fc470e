//! What the typed events have in common, and the macro that ties a record's three names for one fact
//! together: the Rust variant, the event type and the block's column.

use serde::Serialize;
use serde::de::DeserializeOwned;

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

        impl serde::Serialize for $Event {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                const FIELDS: usize = 2 + [$( $wire ),*].len() + $Fact::EVENT_TYPES.len();
                let mut row = serializer.serialize_struct(stringify!($Event), FIELDS)?;
                row.serialize_field("event_id", &self.event_id)?;
                row.serialize_field("event_type", self.fact.event_type())?;
                $( row.serialize_field($wire, &self.$column)?; )*
                $(
                    let block = match &self.fact {
                        $Fact::$Block(block) => Some(block),
                        _ => None,
                    };
                    row.serialize_field($event_type, &block)?;
                )*
                row.end()
            }
        }
    };
}

pub(crate) use published_event;
