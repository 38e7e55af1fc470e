//! Bringing decoded columns into the shape of the table: by name, at every level.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;

/// The array as the target type. Fields the source lacks are null; fields the target lacks are
/// left out; a value is never changed, except for the unit of a time.
///
/// # Errors
/// When a column cannot be what the target says.
pub fn conform(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), target) {
        (found, wanted) if found == wanted => Ok(Arc::clone(array)),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            conform_struct(array.as_struct(), fields)
        }
        (DataType::List(_), DataType::List(element)) => {
            let list: &ListArray = array.as_list();
            let values = conform(list.values(), element.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls)?))
        }
        _ => {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, target, &strict)
        }
    }
}

fn conform_struct(source: &StructArray, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let columns = fields.iter().map(|field| match source.column_by_name(field.name()) {
        Some(column) => conform(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), source.len())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let nulls = source.nulls().cloned();
    let length = source.len();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, length)?))
}
