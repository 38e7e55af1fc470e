//! Whether a value of a writer's schema can be passed over in a time and a space that its bytes pay for.
//!
//! A reader skips the columns that its type does not have, whatever they are. With some schemas a few bytes would keep
//! it busy for ever, or take more memory than there is: a type that contains itself, or many within each other
//! (a level of the stack each); what takes no bytes (a list may have any number of it, and records that double
//! at each level as many); a fixed that is longer than any message (it is allocated before it is read).

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{DecimalSchema, FixedSchema, InnerDecimalSchema, Name, UuidSchema};

use crate::topics::MAX_MESSAGE_BYTES;

/// How many types may lie within each other, unions counted. Ours have five.
const DEEPEST: usize = 32;

/// Refuses a schema whose values cannot be passed over so, with the reason.
pub(super) fn check(schema: &Schema) -> Result<(), String> {
    Walk::default().extent(schema).map(drop)
}

/// What a value of a type takes.
#[derive(Clone, Copy)]
struct Extent {
    /// How many types lie within each other, this one included.
    levels: usize,
    /// Whether it takes no bytes.
    is_empty: bool,
}

/// The types that have a name and were walked through to their end.
#[derive(Default)]
struct Walk<'s>(HashMap<&'s Name, Extent>);

impl<'s> Walk<'s> {
    fn extent(&mut self, schema: &'s Schema) -> Result<Extent, String> {
        let (within, is_empty) = match schema {
            Schema::Ref { name } => {
                let known = self.0.get(name);
                return known.copied().ok_or_else(|| format!("`{name}` contains itself"));
            }
            Schema::Record(record) => {
                let fields = record.fields.iter().map(|field| &field.schema);
                (self.all(fields, Self::taking_bytes)?, record.fields.is_empty())
            }
            Schema::Union(union) => (self.all(union.variants(), Self::extent)?, false),
            Schema::Array(array) => (self.taking_bytes(&array.items)?.levels, false),
            // Each value has its key in front of it.
            Schema::Map(map) => (self.extent(&map.types)?.levels, false),
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed))
            | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(fixed), .. }) => {
                (0, is_empty(fixed)?)
            }
            plain => (0, matches!(plain, Schema::Null)),
        };
        let extent = Extent { levels: within + 1, is_empty };
        if extent.levels > DEEPEST {
            return Err(format!("more than {DEEPEST} types lie within each other"));
        }
        if let Some(name) = schema.name() {
            self.0.insert(name, extent);
        }
        Ok(extent)
    }

    /// The most levels of these types.
    fn all(
        &mut self,
        types: impl IntoIterator<Item = &'s Schema>,
        look: fn(&mut Self, &'s Schema) -> Result<Extent, String>,
    ) -> Result<usize, String> {
        let mut most = 0;
        for each in types {
            most = most.max(look(self, each)?.levels);
        }
        Ok(most)
    }

    /// The type of a field or an item. Nothing may be there that takes no bytes, but in a union.
    fn taking_bytes(&mut self, schema: &'s Schema) -> Result<Extent, String> {
        let extent = self.extent(schema)?;
        if extent.is_empty {
            return Err("a field or an item takes no bytes".to_owned());
        }
        Ok(extent)
    }
}

fn is_empty(fixed: &FixedSchema) -> Result<bool, String> {
    if fixed.size > MAX_MESSAGE_BYTES {
        return Err(format!("`{}` is longer than any message", fixed.name));
    }
    Ok(fixed.size == 0)
}
