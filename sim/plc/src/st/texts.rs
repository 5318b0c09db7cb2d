//! Text literals and the standard functions of texts.

use super::MAX_ARGUMENTS;
use super::ast::{Arg, Name};
use super::codegen::{Gen, Val};
use super::instr::{Instr, Slot, TextFn};
use super::text;
use super::types::Ty;

/// Parameters of a function of texts: their names and whether each is a text.
type Parameters = &'static [(&'static str, bool)];

fn text_function(name: &str) -> Option<(TextFn, Parameters)> {
    Some(match name {
        "LEN" => (TextFn::Len, &[("IN", true)]),
        "LEFT" => (TextFn::Left, &[("IN", true), ("L", false)]),
        "RIGHT" => (TextFn::Right, &[("IN", true), ("L", false)]),
        "MID" => (TextFn::Mid, &[("IN", true), ("L", false), ("P", false)]),
        "DELETE" => (TextFn::Delete, &[("IN", true), ("L", false), ("P", false)]),
        "INSERT" => (
            TextFn::Insert,
            &[("IN1", true), ("IN2", true), ("P", false)],
        ),
        "REPLACE" => (
            TextFn::Replace,
            &[("IN1", true), ("IN2", true), ("L", false), ("P", false)],
        ),
        "FIND" => (TextFn::Find, &[("IN1", true), ("IN2", true)]),
        "CONCAT" => (TextFn::Concat, &[]),
        _ => return None,
    })
}

impl Gen<'_> {
    /// A text of the source, kept once.
    pub(super) fn text_literal(&mut self, bytes: &[u8]) -> Val {
        if let Some(reference) = self.texts.get(bytes) {
            return Val::constant(Ty::Text, *reference);
        }
        let capacity = u8::try_from(bytes.len()).unwrap_or(text::MAX_CHARS).max(1);
        let image = text::image(capacity, bytes);
        let slot = self.slots(image.len(), 0);
        if self.stopped {
            return Val::ERROR;
        }
        self.set_initial(slot, &image);
        let reference = text::reference(slot, capacity);
        self.texts.insert(bytes.to_vec(), reference);
        Val::constant(Ty::Text, reference)
    }

    /// Copies a text that will change before it is used.
    pub(super) fn keep_text(&mut self, value: Val) -> Val {
        let out = self.text_temp();
        let (d, a) = (self.constant_slot(out), self.slot_of(value));
        let f = TextFn::Copy;
        self.emit(Instr::Text { f, d, a, b: a });
        Val::constant(Ty::Text, out)
    }

    /// Compiles a standard function of texts; `None` where the name is none.
    pub(super) fn text_function(&mut self, name: &Name, args: &[Arg]) -> Option<Val> {
        let (f, parameters) = text_function(&name.text)?;
        if f == TextFn::Concat {
            return Some(self.concat(name, args));
        }
        let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).collect();
        let Some(values) = self.exact_operands(name, args, &names) else {
            return Some(Val::ERROR);
        };
        let mut slots = Vec::new();
        for (value, (_, is_text)) in values.iter().zip(parameters) {
            let ty = if *is_text { Ty::Text } else { Ty::Lint };
            let value = self.coerce(*value, ty, name.pos);
            if value.ty == Ty::Error {
                return Some(Val::ERROR);
            }
            slots.push(self.slot_of(value));
        }
        let (a, rest) = slots.split_first()?;
        Some(self.emit_text(f, *a, rest))
    }

    fn concat(&mut self, name: &Name, args: &[Arg]) -> Val {
        let names: Vec<String> = (1..=args.len().clamp(2, MAX_ARGUMENTS))
            .map(|i| format!("IN{i}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(values) = self.exact_operands(name, args, &names) else {
            return Val::ERROR;
        };
        let mut values = values.into_iter();
        let mut left = values.next().unwrap_or(Val::ERROR);
        left = self.coerce(left, Ty::Text, name.pos);
        for right in values {
            let right = self.coerce(right, Ty::Text, name.pos);
            if left.ty == Ty::Error || right.ty == Ty::Error {
                return Val::ERROR;
            }
            let (a, b) = (self.slot_of(left), self.slot_of(right));
            left = self.emit_text(TextFn::Concat, a, &[b]);
        }
        left
    }

    /// Emits a function of text `a` and further operands, which lie behind each other where there are several.
    fn emit_text(&mut self, f: TextFn, a: Slot, rest: &[Slot]) -> Val {
        let b = match rest {
            [] => a,
            [single] => *single,
            several => {
                let run = self.temp_run(several.len());
                for (d, from) in (run..).zip(several) {
                    self.emit(Instr::Mov { d, a: *from });
                }
                run
            }
        };
        if matches!(f, TextFn::Len | TextFn::Find) {
            return self.emit_temp(Ty::Int, |d| Instr::Text { f, d, a, b });
        }
        let out = self.text_temp();
        let d = self.constant_slot(out);
        self.emit(Instr::Text { f, d, a, b });
        Val::constant(Ty::Text, out)
    }
}
