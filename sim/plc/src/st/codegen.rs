//! Syntax tree to bytecode: the state of a compilation, its order of work and the emission of instructions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::ast::SourceUnit;
use super::blocks::StdBlock;
use super::data_types::{ArrayTy, EnumTy, StructTy, Subrange, Typed};
use super::error::{CompileError, Errors, Pos};
use super::instr::{Instr, Pc, Slot};
use super::program::{LocatedInit, Program, Symbol, TaskPlan};
use super::text;
use super::types::Ty;
use super::variables::{Instance, Scope};
use super::vm::Dim;
use super::{MAX_INSTRUCTIONS, MAX_SLOTS};
use crate::memory::{AccessSize, MemoryLayout};

/// Statements and expressions compiled for one file; function block bodies count once per instance.
const MAX_WORK: usize = 1_000_000;

/// Compiles a parsed file.
pub(super) fn generate(
    unit: &SourceUnit,
    layout: &MemoryLayout,
) -> Result<Program, Vec<CompileError>> {
    let mut generator = Gen::new(unit, layout);
    generator.run();
    generator.finish()
}

/// A body whose code is still to be made: a program, a function, or one instance of a function block.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub pou: usize,
    pub scope: Scope,
    /// Slots that get their initial values at every call, as (first, template, count).
    pub fresh: Vec<(Slot, Slot, u16)>,
    pub entry: Pc,
    pub runs: Runs,
}

/// When a body runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Runs {
    /// When other code calls it, if ever.
    #[default]
    Called,
    /// In every scan.
    Cyclic,
    /// Once after every start.
    Startup,
    /// With this task.
    Task(usize),
}

/// A value while an expression is compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Val {
    pub ty: Ty,
    pub at: At,
    /// Read from a direct address, whose bits may be taken as any type of the same width.
    pub direct: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Const(u64),
    /// A variable.
    Slot(Slot),
    /// An intermediate result that nobody else reads.
    Temp(Slot),
}

impl Val {
    pub const ERROR: Self = Self {
        ty: Ty::Error,
        at: At::Const(0),
        direct: false,
    };

    pub const fn constant(ty: Ty, bits: u64) -> Self {
        Self {
            ty,
            at: At::Const(bits),
            direct: false,
        }
    }

    pub const fn temp(ty: Ty, slot: Slot) -> Self {
        Self {
            ty,
            at: At::Temp(slot),
            direct: false,
        }
    }
}

pub(super) struct Gen<'a> {
    pub unit: &'a SourceUnit,
    pub layout: &'a MemoryLayout,
    pub errors: Errors,
    /// A limit was exceeded: nothing more is compiled.
    pub stopped: bool,
    work: usize,

    code: Vec<Instr>,
    lines: Vec<u32>,
    pub dims: Vec<Dim>,
    pub init: Vec<u64>,
    pub retain: Vec<Range<usize>>,
    pub located: Vec<LocatedInit>,
    pub located_places: BTreeSet<(u32, AccessSize)>,
    pub symbols: BTreeMap<String, Symbol>,
    /// Characters of all names in `symbols`.
    pub name_bytes: usize,
    /// Program type to instance, where a type has one.
    pub aliases: BTreeMap<String, String>,
    pub tasks: Vec<TaskPlan>,
    /// References to texts that the source quotes.
    pub texts: BTreeMap<Vec<u8>, u64>,
    constants: BTreeMap<u64, Slot>,

    pub types: BTreeMap<String, Typed<'a>>,
    pub enums: Vec<EnumTy>,
    pub arrays: Vec<ArrayTy<'a>>,
    pub structs: Vec<StructTy<'a>>,
    pub subranges: Vec<Subrange>,
    pub pous: BTreeMap<String, usize>,
    pub globals: Scope,
    pub instances: Vec<Instance>,
    pub declared: usize,
    pub bodies: Vec<Body>,
    /// Function bodies by POU.
    pub functions: BTreeMap<usize, usize>,
    /// Calls to patch: instruction and body.
    calls: Vec<(usize, usize)>,
    /// Which function calls which, and where.
    pub call_edges: BTreeMap<(usize, usize), Pos>,

    pub scope: Scope,
    pub pou: usize,
    /// End of the body, target of RETURN.
    pub returns: Vec<usize>,
    /// Open EXITs of each enclosing loop.
    pub loops: Vec<Loop>,
    pub pos: Pos,
    last_label: usize,
    temps: Vec<Slot>,
    temp_next: usize,
    pub temp_floor: usize,
    /// Room for texts in between, as `temps`.
    text_temps: Vec<Slot>,
    text_next: usize,
}

/// Jumps out of the body of a loop, still open.
#[derive(Debug, Default)]
pub(super) struct Loop {
    pub exits: Vec<usize>,
    pub continues: Vec<usize>,
}

impl<'a> Gen<'a> {
    fn new(unit: &'a SourceUnit, layout: &'a MemoryLayout) -> Self {
        Self {
            unit,
            layout,
            errors: Errors::default(),
            stopped: false,
            work: 0,
            code: Vec::new(),
            lines: Vec::new(),
            dims: Vec::new(),
            init: vec![0],
            retain: Vec::new(),
            located: Vec::new(),
            located_places: BTreeSet::new(),
            symbols: BTreeMap::new(),
            name_bytes: 0,
            aliases: BTreeMap::new(),
            tasks: Vec::new(),
            texts: BTreeMap::new(),
            constants: BTreeMap::from([(0, 0)]),
            types: BTreeMap::new(),
            enums: Vec::new(),
            arrays: Vec::new(),
            structs: Vec::new(),
            subranges: Vec::new(),
            pous: BTreeMap::new(),
            globals: Scope::new(),
            instances: Vec::new(),
            declared: 0,
            bodies: Vec::new(),
            functions: BTreeMap::new(),
            calls: Vec::new(),
            call_edges: BTreeMap::new(),
            scope: Scope::new(),
            pou: 0,
            returns: Vec::new(),
            loops: Vec::new(),
            pos: Pos::default(),
            last_label: 0,
            temps: Vec::new(),
            temp_next: 0,
            temp_floor: 0,
            text_temps: Vec::new(),
            text_next: 0,
        }
    }

    /// 1 names, 2 global variables, 3 functions, 4 programs with their instances, 5 function blocks that nobody uses
    /// (so that their errors show), 6 code of every body.
    fn run(&mut self) {
        self.collect_pous();
        self.collect_types();
        self.collect_globals();
        self.declare_functions();
        self.declare_programs();
        self.declare_unused_blocks();
        let mut next = 0;
        while next < self.bodies.len() && !self.stopped {
            self.body(next);
            next += 1;
        }
        self.compile_triggers();
        self.check_recursion();
        for (pc, body) in std::mem::take(&mut self.calls) {
            let entry = self.bodies.get(body).map_or(0, |b| b.entry);
            if let Some(instruction) = self.code.get_mut(pc) {
                instruction.set_target(entry);
            }
        }
    }

    fn finish(mut self) -> Result<Program, Vec<CompileError>> {
        if !self.errors.is_empty() {
            return Err(self.errors.into_sorted());
        }
        let (mut cyclic, mut startup) = (Vec::new(), Vec::new());
        for body in &self.bodies {
            match body.runs {
                Runs::Called => {}
                Runs::Cyclic => cyclic.push(body.entry),
                Runs::Startup => startup.push(body.entry),
                Runs::Task(index) => {
                    if let Some(task) = self.tasks.get_mut(index) {
                        task.programs.push(body.entry);
                    }
                }
            }
        }
        // Stable, so that tasks of one priority keep their order.
        self.tasks.sort_by_key(|task| task.priority);
        self.retain.sort_by_key(|range| range.start);
        let fixed = self.fixed_slots();
        let outputs = |(at, size)| self.in_outputs(at, size);
        let mut driven_outputs: Vec<_> = self
            .code
            .iter()
            .filter_map(|i| stored_at(*i))
            .filter_map(outputs)
            .collect();
        driven_outputs.sort_unstable();
        driven_outputs.dedup();
        Ok(Program {
            code: self.code,
            lines: self.lines,
            dims: self.dims,
            init: self.init,
            retain: self.retain,
            located: self.located,
            cyclic,
            startup,
            tasks: self.tasks,
            fixed,
            symbols: self.symbols,
            aliases: self.aliases,
            driven_outputs,
        })
    }

    /// Slots of numbers and texts that the code counts on.
    fn fixed_slots(&self) -> Vec<Range<usize>> {
        let numbers = self.constants.values().map(|slot| usize::from(*slot));
        let texts = self.texts.values().map(|reference| {
            let (first, capacity) = text::parts(*reference);
            first..first + 1 + capacity.div_ceil(8)
        });
        numbers.map(|slot| slot..slot + 1).chain(texts).collect()
    }

    /// Place inside the output area of an element of memory, where it lies there.
    fn in_outputs(&self, at: u32, size: AccessSize) -> Option<(u32, AccessSize)> {
        let unit = if size == AccessSize::Bit { 8 } else { 1 };
        let offset = at.checked_sub(self.layout.input_bytes.saturating_mul(unit))?;
        (offset / unit < self.layout.output_bytes).then_some((offset, size))
    }

    fn collect_pous(&mut self) {
        for (i, pou) in self.unit.pous.iter().enumerate() {
            let name = &pou.name;
            if StdBlock::named(&name.text).is_some_and(|block| !block.is_library())
                || Ty::named(&name.text).is_some()
                || super::functions::is_reserved(&name.text)
            {
                self.error(
                    name.pos,
                    "ST030",
                    format!("{} is the name of a part of the language", name.text),
                    "choose another name",
                );
            }
            if self.pous.insert(name.text.clone(), i).is_some() {
                self.error(
                    name.pos,
                    "ST031",
                    format!("{} is declared twice", name.text),
                    "rename one of them",
                );
            }
        }
    }

    fn body(&mut self, index: usize) {
        let Some(body) = self.bodies.get_mut(index) else {
            return;
        };
        body.entry = Pc::try_from(self.code.len()).unwrap_or(0);
        let (pou_index, fresh) = (body.pou, std::mem::take(&mut body.fresh));
        self.scope = std::mem::take(&mut body.scope);
        self.pou = pou_index;
        let Some(pou) = self.unit.pous.get(pou_index) else {
            return;
        };
        self.begin_body(pou.name.pos);
        for (d, a, n) in fresh {
            self.emit(if n == 1 {
                Instr::Mov { d, a }
            } else {
                Instr::Copy { d, a, n }
            });
        }
        self.statements(&pou.body);
        for jump in std::mem::take(&mut self.returns) {
            self.patch(jump);
        }
        self.emit(Instr::Ret);
        // Callers compiled later still look up parameters here.
        let scope = std::mem::take(&mut self.scope);
        if let Some(body) = self.bodies.get_mut(index) {
            body.scope = scope;
        }
    }

    /// Starts code that shares no intermediate results with what is before it.
    pub fn begin_body(&mut self, pos: Pos) {
        self.pos = pos;
        self.last_label = self.code.len();
        self.temps = Vec::new();
        (self.temp_next, self.temp_floor) = (0, 0);
        (self.text_temps, self.text_next) = (Vec::new(), 0);
        self.returns = Vec::new();
    }

    /// A function that calls itself, directly or through others, has no fixed slots.
    fn check_recursion(&mut self) {
        // Remove functions that call nothing until none is left to remove; what remains is on a cycle or leads to one.
        let mut edges = std::mem::take(&mut self.call_edges);
        loop {
            let before = edges.len();
            let callers: BTreeSet<usize> = edges.keys().map(|(from, _)| *from).collect();
            edges.retain(|(_, to), _| callers.contains(to));
            if edges.len() == before {
                break;
            }
        }
        if let Some(((_, to), pos)) = edges.into_iter().next() {
            let name = self
                .unit
                .pous
                .get(to)
                .map_or("", |pou| &pou.name.text)
                .to_owned();
            self.error(
                pos,
                "ST032",
                format!("{name} calls itself"),
                "IEC 61131-3 allows no recursion; use a loop",
            );
        }
    }
}

fn stored_at(instruction: Instr) -> Option<(u32, AccessSize)> {
    match instruction {
        Instr::StoreBit { at, .. } => Some((at, AccessSize::Bit)),
        Instr::Store8 { at, .. } => Some((at, AccessSize::Byte)),
        Instr::Store16 { at, .. } => Some((at, AccessSize::Word)),
        Instr::Store32 { at, .. } => Some((at, AccessSize::Dword)),
        Instr::Store64 { at, .. } => Some((at, AccessSize::Lword)),
        _ => None,
    }
}

// Errors and limits.
impl Gen<'_> {
    pub fn error(
        &mut self,
        pos: Pos,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.errors
            .push(CompileError::new(pos, code, message, hint));
        if self.errors.full() {
            self.stopped = true;
        }
    }

    /// Reports that a limit is exceeded and stops the compilation.
    pub fn limit(&mut self, pos: Pos, what: &str, most: usize) {
        if !self.stopped {
            self.error(
                pos,
                "ST040",
                format!("more than {most} {what}"),
                "make the program smaller",
            );
        }
        self.stopped = true;
    }

    /// Counts a piece of work; false once the compilation has stopped.
    pub fn step(&mut self) -> bool {
        self.work += 1;
        if self.work > MAX_WORK {
            self.limit(self.pos, "statements and expressions", MAX_WORK);
        }
        !self.stopped
    }
}

// Slots.
impl Gen<'_> {
    /// Takes `count` new slots, all with the same initial value.
    pub fn slots(&mut self, count: usize, init: u64) -> Slot {
        let first = self.init.len();
        if count > MAX_SLOTS || first + count > MAX_SLOTS {
            self.limit(self.pos, "values", MAX_SLOTS);
            return 0;
        }
        self.init.resize(first + count, init);
        Slot::try_from(first).unwrap_or(0)
    }

    /// The slot that always holds `bits`.
    pub fn constant_slot(&mut self, bits: u64) -> Slot {
        if let Some(slot) = self.constants.get(&bits) {
            return *slot;
        }
        let slot = self.slots(1, bits);
        self.constants.insert(bits, slot);
        slot
    }

    /// A slot for an intermediate result, free again after the statement.
    pub fn temp(&mut self) -> Slot {
        if let Some(slot) = self.temps.get(self.temp_next) {
            self.temp_next += 1;
            return *slot;
        }
        let slot = self.slots(1, 0);
        self.temps.push(slot);
        self.temp_next += 1;
        slot
    }

    /// Consecutive slots for operands that are indexed at run time.
    pub fn temp_run(&mut self, count: usize) -> Slot {
        self.slots(count, 0)
    }

    pub fn free_temps(&mut self) {
        self.temp_next = self.temp_floor;
        self.text_next = 0;
    }

    /// Reference to room for the longest text, free again after the statement.
    pub fn text_temp(&mut self) -> u64 {
        if self.text_next == self.text_temps.len() {
            let slot = self.slots(text::slots_of(text::MAX_CHARS), 0);
            self.text_temps.push(slot);
        }
        let slot = self.text_temps.get(self.text_next).copied().unwrap_or(0);
        self.text_next += 1;
        text::reference(slot, text::MAX_CHARS)
    }

    /// Keeps the temporaries taken so far until the floor is lowered again.
    pub fn hold_temps(&mut self) -> usize {
        std::mem::replace(&mut self.temp_floor, self.temp_next)
    }

    /// The slot that holds a value, loading constants.
    pub fn slot_of(&mut self, value: Val) -> Slot {
        match value.at {
            At::Const(bits) => self.constant_slot(bits),
            At::Slot(slot) | At::Temp(slot) => slot,
        }
    }
}

// Instructions.
impl Gen<'_> {
    pub fn emit(&mut self, instruction: Instr) -> usize {
        let pc = self.code.len();
        if pc >= MAX_INSTRUCTIONS {
            self.limit(self.pos, "instructions", MAX_INSTRUCTIONS);
            return 0;
        }
        self.code.push(instruction);
        self.lines.push(self.pos.line);
        pc
    }

    /// Emits an instruction whose destination `make` receives and gives the value it leaves there.
    pub fn emit_temp(&mut self, ty: Ty, make: impl FnOnce(Slot) -> Instr) -> Val {
        let d = self.temp();
        self.emit(make(d));
        Val::temp(ty, d)
    }

    pub fn emit_call(&mut self, body: usize) {
        let pc = self.emit(Instr::Call { to: 0 });
        self.calls.push((pc, body));
        // What comes back is not the result of the last instruction.
        self.last_label = self.code.len();
    }

    pub fn here(&mut self) -> Pc {
        self.last_label = self.code.len();
        Pc::try_from(self.code.len()).unwrap_or(0)
    }

    /// Makes the jump at `pc` land here.
    pub fn patch(&mut self, pc: usize) {
        let target = self.here();
        if let Some(instruction) = self.code.get_mut(pc) {
            instruction.set_target(target);
        }
    }

    pub fn jump_to(&mut self, target: Pc) {
        self.emit(Instr::Jump { to: target });
    }

    /// Code that was emitted where only constants may stand is taken back.
    pub fn discard_code_from(&mut self, length: usize) {
        self.code.truncate(length);
        self.lines.truncate(length);
        self.calls.retain(|(pc, _)| *pc < length);
    }

    pub fn code_len(&self) -> usize {
        self.code.len()
    }

    /// Makes the last instruction write to `target` instead of `temp`, if it is the one that made `temp`.
    pub fn redirect(&mut self, temp: Slot, target: Slot) -> bool {
        if self.last_label == self.code.len() {
            return false;
        }
        match self.code.last_mut().and_then(Instr::destination_mut) {
            Some(d) if *d == temp => {
                *d = target;
                true
            }
            _ => false,
        }
    }

    /// Emits a jump that is taken where `condition` is FALSE; the caller patches it.
    pub fn jump_unless(&mut self, condition: Val) -> usize {
        if let (At::Temp(temp), true) = (condition.at, self.last_label != self.code.len())
            && let Some(last) = self.code.last_mut()
            && let Some(fused) = last.as_jump_unless()
            && last.destination_mut().is_some_and(|d| *d == temp)
        {
            *last = fused;
            return self.code.len() - 1;
        }
        let a = self.slot_of(condition);
        self.emit(Instr::JumpNot { a, to: 0 })
    }
}
