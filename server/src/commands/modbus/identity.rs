//! `trippoint modbus id`.

use super::Unit;
use super::link::{Answer, Link};
use crate::cli::Context;
use crate::device::{DeviceArgs, TIMEOUT};
use crate::error::Failure;
use clap::Args;
use serde::Serialize;
use sim_wire::modbus::{ReadDeviceId, Reply, Request, Response, TCP_PORT};

/// Responses of one identification that are read at most: each must begin beyond the last one's objects.
const RESPONSES_MAX: usize = 256;

/// Ask a device what it is
///
/// Reads its identification (function 43/14) and its server id (function 17).
#[derive(Args, Debug)]
pub struct IdArgs {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    unit: Unit,
}

/// What a device told.
#[derive(Serialize)]
struct Identity {
    address: String,
    unit: u8,
    identification: Told<Identification>,
    server_id: Told<ServerId>,
}

/// What a function told, or why not.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Told<T> {
    Answer(T),
    Refusal(String),
}

#[derive(Serialize)]
struct Identification {
    conformity: u8,
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    id: u8,
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct ServerId {
    hex: String,
    text: String,
}

/// Runs the command.
pub async fn id(args: &IdArgs, context: &mut Context) -> Result<(), Failure> {
    let device = args.device.find(TCP_PORT, TIMEOUT)?;
    let mut link = Link::new(&device);
    let unit = args.unit.unit;
    let identity = Identity {
        address: device.address.to_string(),
        unit,
        identification: identification(&mut link, unit).await?,
        server_id: server_id(&mut link, unit).await?,
    };
    if let (Told::Refusal(first), Told::Refusal(second)) =
        (&identity.identification, &identity.server_id)
    {
        return Err(Failure::failed(format!(
            "unit {unit} at {} tells nothing about itself",
            device.address
        ))
        .hint(format!("function 43: {first}"))
        .hint(format!("function 17: {second}")));
    }
    if context.ui.json {
        return context.ui.json(&identity);
    }
    let text = crate::ui::table(["WHAT", "VALUE"], rows(&identity));
    context.ui.data(&text)
}

fn rows(identity: &Identity) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    match &identity.identification {
        Told::Answer(told) => rows.extend(told.objects.iter().map(|object| {
            let what = if object.name.is_empty() {
                format!("object {:#04x}", object.id)
            } else {
                object.name.to_owned()
            };
            [what, object.value.clone()]
        })),
        Told::Refusal(why) => rows.push(["identification".into(), format!("({why})")]),
    }
    rows.push(match &identity.server_id {
        Told::Answer(told) => ["server id".into(), format!("{}  {}", told.hex, told.text)],
        Told::Refusal(why) => ["server id".into(), format!("({why})")],
    });
    rows
}

async fn identification(link: &mut Link, unit: u8) -> Result<Told<Identification>, Failure> {
    let mut told = Identification {
        conformity: 0,
        objects: Vec::new(),
    };
    let mut object_id = 0;
    for _ in 0..RESPONSES_MAX {
        let request = Request::ReadDeviceIdentification {
            code: ReadDeviceId::Extended,
            object_id,
        };
        let answer = link.ask(unit, &request).await?;
        let Answer::Reply(Reply::Response(Response::DeviceIdentification(part))) = answer else {
            if told.objects.is_empty() {
                return Ok(Told::Refusal(answer.to_string()));
            }
            break;
        };
        told.conformity = part.conformity;
        told.objects
            .extend(part.objects.into_iter().map(|(id, value)| Object {
                id,
                name: object_name(id),
                value: printable(&value),
            }));
        match part.next_object_id {
            Some(next) if next > object_id => object_id = next,
            _ => break,
        }
    }
    Ok(Told::Answer(told))
}

async fn server_id(link: &mut Link, unit: u8) -> Result<Told<ServerId>, Failure> {
    let answer = link.ask(unit, &Request::ReportServerId).await?;
    let Answer::Reply(Reply::Response(Response::ReportServerId(data))) = answer else {
        return Ok(Told::Refusal(answer.to_string()));
    };
    let hex: Vec<String> = data.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Told::Answer(ServerId {
        hex: hex.join(" "),
        text: printable(&data),
    }))
}

/// Names of the objects (specification, 6.21).
const fn object_name(id: u8) -> &'static str {
    match id {
        0 => "vendor name",
        1 => "product code",
        2 => "revision",
        3 => "vendor url",
        4 => "product name",
        5 => "model name",
        6 => "user application",
        _ => "",
    }
}

/// Text of a device on a terminal: everything that does not print is a dot.
fn printable(bytes: &[u8]) -> String {
    let dot = |byte: &u8| {
        if matches!(byte, b' '..=b'~') {
            char::from(*byte)
        } else {
            '.'
        }
    };
    bytes.iter().map(dot).collect()
}
