//! Read Device Identification: objects of the identity, in as many responses as they need (specification, 6.21).

use super::persona::Conformity;
use crate::device::Identity;
use crate::modbus::exception::ExceptionCode;
use crate::modbus::request::ReadDeviceId;
use crate::modbus::response::{DeviceIdentification, MAX_IDENTIFICATION_BYTES, MAX_OBJECT_BYTES};

/// Bit of the conformity level that says that single objects can be asked for.
const INDIVIDUAL_ACCESS: u8 = 0x80;
/// First object id of the regular category.
const FIRST_REGULAR: u8 = 0x03;
/// First object id of the extended category.
const FIRST_EXTENDED: u8 = 0x80;

/// Answers one request.
pub(super) fn read(
    identity: &Identity,
    conformity: Option<Conformity>,
    code: ReadDeviceId,
    object_id: u8,
) -> Result<DeviceIdentification, ExceptionCode> {
    let mut all = objects(identity);
    let Conformity { level, individual } = conformity.unwrap_or_else(|| conformity_of(&all));
    all.retain(|(id, _)| *id <= last_object(level));
    let individual_bit = if individual { INDIVIDUAL_ACCESS } else { 0 };
    let mut answer = DeviceIdentification {
        code,
        conformity: level.code() | individual_bit,
        next_object_id: None,
        objects: Vec::new(),
    };
    if code == ReadDeviceId::Individual {
        if !individual {
            return Err(ExceptionCode::ILLEGAL_DATA_VALUE);
        }
        let one = all
            .iter()
            .find(|(id, _)| *id == object_id)
            .ok_or(ExceptionCode::ILLEGAL_DATA_ADDRESS)?;
        answer.objects.push((one.0, cut(one.1).to_vec()));
        return Ok(answer);
    }
    // A level above the device's own is answered with what the device has.
    let end = last_object(code);
    let asked: Vec<_> = all.into_iter().filter(|(id, _)| *id <= end).collect();
    // An unknown first object means the beginning.
    let first = asked
        .iter()
        .position(|(id, _)| *id == object_id)
        .unwrap_or(0);
    let mut room = MAX_IDENTIFICATION_BYTES;
    for (id, value) in asked.into_iter().skip(first) {
        let value = cut(value);
        match room.checked_sub(value.len() + 2) {
            Some(left) => room = left,
            None => {
                answer.next_object_id = Some(id);
                break;
            }
        }
        answer.objects.push((id, value.to_vec()));
    }
    Ok(answer)
}

/// The objects that the device offers, ascending by id. The three basic ones are mandatory.
fn objects(identity: &Identity) -> Vec<(u8, &[u8])> {
    let named = [
        &identity.vendor_name,
        &identity.product_code,
        &identity.revision,
        &identity.vendor_url,
        &identity.product_name,
        &identity.model_name,
        &identity.application_name,
    ];
    let named = (0_u8..)
        .zip(named)
        .filter(|(id, value)| *id < FIRST_REGULAR || !value.is_empty());
    let extended = identity
        .extended
        .iter()
        .filter(|(id, _)| *id >= FIRST_EXTENDED);
    named
        .map(|(id, value)| (id, value.as_bytes()))
        .chain(extended.map(|(id, value)| (*id, value.as_bytes())))
        .collect()
}

/// What a device can tell that offers all its objects, singly too.
fn conformity_of(objects: &[(u8, &[u8])]) -> Conformity {
    let level = match objects.iter().map(|(id, _)| *id).max() {
        Some(id) if id >= FIRST_EXTENDED => ReadDeviceId::Extended,
        Some(id) if id >= FIRST_REGULAR => ReadDeviceId::Regular,
        _ => ReadDeviceId::Basic,
    };
    Conformity {
        level,
        individual: true,
    }
}

/// Last object id of a category and those below it.
const fn last_object(category: ReadDeviceId) -> u8 {
    match category {
        ReadDeviceId::Basic => FIRST_REGULAR - 1,
        ReadDeviceId::Regular => FIRST_EXTENDED - 1,
        ReadDeviceId::Extended | ReadDeviceId::Individual => u8::MAX,
    }
}

/// An object is at most what one response holds.
fn cut(value: &[u8]) -> &[u8] {
    value.get(..MAX_OBJECT_BYTES).unwrap_or(value)
}
