//! Variables and instances: every declaration becomes slots or a place in memory.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ast::{Init, Name, PouKind, Section, TypeSpec, VarBlock, VarDecl};
use super::blocks::StdBlock;
use super::codegen::{Body, Gen, Runs};
use super::data_types::{TypeDef, Typed, VarTy};
use super::error::Pos;
use super::instr::Slot;
use super::program::LocatedInit;
use super::types::Ty;
use crate::memory::{AccessSize, DirectAddress};
use sim_wire::device::Area;

/// Variables by name.
pub(super) type Scope = BTreeMap<String, Var>;

/// Declarations of one file, counting those inside function blocks once per instance.
const MAX_DECLARED: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Var {
    pub ty: VarTy,
    pub place: VarPlace,
    pub section: Section,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarPlace {
    Slot(Slot),
    Memory {
        at: u32,
        size: AccessSize,
    },
    Const(u64),
    /// VAR_IN_OUT: a slot with the number of the slot where the variable is now, for a text its reference.
    Ref(Slot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Std(StdBlock),
    User(usize),
}

#[derive(Debug)]
pub(super) struct Instance {
    pub kind: BlockKind,
    pub base: Slot,
    pub members: Scope,
    /// VAR_INPUT and VAR_IN_OUT in order of declaration.
    pub inputs: Rc<[String]>,
    /// Body of a user's block.
    pub body: usize,
}

/// Where declarations go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'p> {
    /// Prefix of full names, with its dot; `None` keeps the variables out of the symbol table.
    pub prefix: Option<&'p str>,
    /// Kind of the unit; `None` for global variables.
    pub kind: Option<PouKind>,
    pub retain: bool,
    pub depth: usize,
}

// Phases of the compilation.
impl<'a> Gen<'a> {
    pub(super) fn collect_globals(&mut self) {
        let unit = self.unit;
        let owner = Owner {
            prefix: Some(""),
            kind: None,
            retain: false,
            depth: 0,
        };
        for block in &unit.globals {
            self.var_block(block, owner, &mut Vec::new());
        }
        self.globals = std::mem::take(&mut self.scope);
    }

    pub(super) fn declare_functions(&mut self) {
        for index in self.pous_of(PouKind::Function) {
            if !self.stopped {
                self.declare_pou(index, None, Runs::Called);
            }
        }
    }

    pub(super) fn pous_of(&self, kind: PouKind) -> Vec<usize> {
        let pous = self.unit.pous.iter().enumerate();
        pous.filter(|(_, pou)| pou.kind == kind)
            .map(|(index, _)| index)
            .collect()
    }

    /// Declares a function or an instance of a program: its variables and its body.
    pub(super) fn declare_pou(&mut self, index: usize, prefix: Option<&str>, runs: Runs) {
        let unit = self.unit;
        let Some(pou) = unit.pous.get(index) else {
            return;
        };
        let owner = Owner {
            prefix,
            kind: Some(pou.kind),
            retain: false,
            depth: 0,
        };
        let mut fresh = Vec::new();
        if let Some(spec) = &pou.result {
            self.result_variable(&pou.name, spec, &mut fresh);
        }
        for block in &pou.blocks {
            self.var_block(block, owner, &mut fresh);
        }
        let scope = std::mem::take(&mut self.scope);
        if pou.kind == PouKind::Function {
            self.functions.insert(index, self.bodies.len());
        }
        self.bodies.push(Body {
            pou: index,
            scope,
            fresh,
            entry: 0,
            runs,
        });
    }

    pub(super) fn declare_unused_blocks(&mut self) {
        let unit = self.unit;
        for (index, pou) in unit
            .pous
            .iter()
            .enumerate()
            .filter(|(_, pou)| pou.kind == PouKind::FunctionBlock)
        {
            let used = self
                .instances
                .iter()
                .any(|i| i.kind == BlockKind::User(index));
            if !used && !self.stopped {
                self.instantiate(index, None, false, 0, pou.name.pos);
            }
        }
    }

    /// The variable with the function's own name, which holds its result.
    fn result_variable(
        &mut self,
        name: &Name,
        spec: &'a TypeSpec,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        let ty = match self.type_def(spec, None).map(|typed| typed.def) {
            Some(TypeDef::Data(ty @ (VarTy::Scalar(_) | VarTy::Subrange(_) | VarTy::Text(_)))) => {
                ty
            }
            None => return,
            Some(_) => {
                self.error(
                    name.pos,
                    "ST033",
                    "a function returns a single value",
                    "use a FUNCTION_BLOCK with several outputs, or VAR_OUTPUT or VAR_IN_OUT",
                );
                return;
            }
        };
        let slot = self.slots(self.size_of(ty), 0);
        if self.fill(slot, ty, None).is_none() {
            return;
        }
        self.start_fresh(slot, ty, fresh);
        let var = Var {
            ty,
            place: VarPlace::Slot(slot),
            section: Section::Local,
            read_only: false,
        };
        self.scope.insert(name.text.clone(), var);
    }
}

// Variables.
impl<'a> Gen<'a> {
    pub(super) fn var_block(
        &mut self,
        block: &'a VarBlock,
        owner: Owner<'_>,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        for decl in &block.vars {
            let pos = decl.names.first().map_or(Pos::default(), |n| n.pos);
            self.pos = pos;
            if self.stopped {
                return;
            }
            if block.section == Section::External {
                self.external(decl);
                continue;
            }
            if block.section == Section::Global && owner.kind.is_some() {
                self.error(
                    pos,
                    "ST038",
                    "VAR_GLOBAL stands outside of programs",
                    "move it to the top of the file",
                );
                continue;
            }
            if block.section == Section::InOut && owner.kind == Some(PouKind::Program) {
                self.error(
                    pos,
                    "ST038",
                    "a program has no VAR_IN_OUT",
                    "nobody calls a program with variables; use VAR_EXTERNAL",
                );
                continue;
            }
            let Some(typed) = self.type_def(&decl.spec, None) else {
                // Known by name with an unknown type, so that uses do not report it again.
                for name in &decl.names {
                    self.declare(
                        name,
                        Var {
                            ty: VarTy::Scalar(Ty::Error),
                            place: VarPlace::Slot(0),
                            section: block.section,
                            read_only: false,
                        },
                    );
                }
                continue;
            };
            for name in &decl.names {
                self.variable(name, decl, typed, block, owner, fresh);
            }
        }
    }

    pub(super) fn declare(&mut self, name: &Name, var: Var) {
        if !self.count_declared(name.pos) {
            return;
        }
        if self.scope.insert(name.text.clone(), var).is_some() {
            self.error(
                name.pos,
                "ST031",
                format!("{} is declared twice", name.text),
                "rename one of them",
            );
        }
    }

    /// Counts a variable, a member or a value of an enumeration; false once there are too many.
    pub(super) fn count_declared(&mut self, pos: Pos) -> bool {
        self.declared += 1;
        if self.declared > MAX_DECLARED {
            self.limit(pos, "variables", MAX_DECLARED);
        }
        !self.stopped
    }

    fn external(&mut self, decl: &'a VarDecl) {
        for name in &decl.names {
            let Some(global) = self.globals.get(&name.text).copied() else {
                self.error(
                    name.pos,
                    "ST039",
                    format!("there is no VAR_GLOBAL {}", name.text),
                    "declare it outside of the programs of this file",
                );
                continue;
            };
            let same = match (self.type_def(&decl.spec, None).map(|t| t.def), global.ty) {
                (Some(TypeDef::StdBlock(a)), VarTy::Block(b)) => self
                    .instances
                    .get(b)
                    .is_some_and(|i| i.kind == BlockKind::Std(a)),
                (Some(TypeDef::UserBlock(a)), VarTy::Block(b)) => self
                    .instances
                    .get(b)
                    .is_some_and(|i| i.kind == BlockKind::User(a)),
                // A STRING without a length stands for one of any length.
                (Some(TypeDef::Data(VarTy::Text(_))), VarTy::Text(_)) | (None, _) => true,
                (Some(TypeDef::Data(a)), b) => self.same_type(a, b),
                _ => false,
            };
            if !same {
                self.error(
                    name.pos,
                    "ST039",
                    format!("{} has another type in VAR_GLOBAL", name.text),
                    "give both the same type",
                );
            }
            self.declare(name, global);
        }
    }

    fn variable(
        &mut self,
        name: &Name,
        decl: &'a VarDecl,
        typed: Typed<'a>,
        block: &'a VarBlock,
        owner: Owner<'_>,
        fresh: &mut Vec<(Slot, Slot, u16)>,
    ) {
        let is_fresh = block.section == Section::Temp
            || (owner.kind == Some(PouKind::Function)
                && matches!(block.section, Section::Local | Section::Output));
        let retain = owner.retain || block.retain;
        let ty = match typed.def {
            TypeDef::Data(ty) => ty,
            TypeDef::StdBlock(_) | TypeDef::UserBlock(_) => {
                if decl.at.is_some() || block.section == Section::InOut {
                    self.block_misplaced(name);
                } else {
                    self.block_variable(name, decl, typed.def, block, owner);
                }
                return;
            }
        };
        if let Some((address, pos)) = decl.at {
            self.located_variable(name, decl, ty, (address, pos), block, owner);
            return;
        }
        if block.section == Section::InOut {
            self.reference_variable(name, ty, decl);
            return;
        }
        let init = decl.init.as_ref().or(typed.init);
        let Some(var) = self.stored_variable(ty, init, block) else {
            return;
        };
        if let VarPlace::Slot(slot) = var.place {
            let count = self.size_of(ty);
            if retain && !is_fresh {
                self.retain
                    .push(usize::from(slot)..usize::from(slot) + count);
            }
            if is_fresh && !block.constant {
                self.start_fresh(slot, ty, fresh);
            }
        }
        self.symbol(owner, &name.text, var);
        self.declare(name, var);
    }

    fn block_misplaced(&mut self, name: &Name) {
        self.error(
            name.pos,
            "ST044",
            "a function block is neither located nor passed to others",
            "declare it in VAR and pass its inputs and outputs",
        );
    }

    fn reference_variable(&mut self, name: &Name, ty: VarTy, decl: &VarDecl) {
        if decl.init.is_some() {
            self.error(
                name.pos,
                "ST041",
                "a VAR_IN_OUT has no initial value",
                "it is another variable at every call",
            );
        }
        let var = Var {
            ty,
            place: VarPlace::Ref(self.slots(1, 0)),
            section: Section::InOut,
            read_only: false,
        };
        self.declare(name, var);
    }

    /// A variable with slots of its own, or a constant.
    fn stored_variable(
        &mut self,
        ty: VarTy,
        init: Option<&'a Init>,
        block: &VarBlock,
    ) -> Option<Var> {
        let constant = block.constant && matches!(ty, VarTy::Scalar(_) | VarTy::Subrange(_));
        let place = match (ty, init) {
            // Single values are computed before they get a slot.
            (VarTy::Scalar(ty), Some(Init::Value(expr))) => {
                let bits = self.constant_of(expr, ty)?;
                self.place_of(constant, bits)
            }
            (VarTy::Scalar(ty), None) => self.place_of(constant, self.default_value(ty)),
            (VarTy::Subrange(index), Some(Init::Value(expr))) => {
                let bits = self.constant_in(expr, index)?;
                self.place_of(constant, bits)
            }
            _ => {
                let slot = self.slots(self.size_of(ty), 0);
                if self.stopped {
                    return None;
                }
                self.fill(slot, ty, init)?;
                VarPlace::Slot(slot)
            }
        };
        Some(Var {
            ty,
            place,
            section: block.section,
            read_only: block.constant,
        })
    }

    fn place_of(&mut self, constant: bool, bits: u64) -> VarPlace {
        if constant {
            VarPlace::Const(bits)
        } else {
            VarPlace::Slot(self.slots(1, bits))
        }
    }

    /// Notes that a variable gets its initial value at every call.
    fn start_fresh(&mut self, slot: Slot, ty: VarTy, fresh: &mut Vec<(Slot, Slot, u16)>) {
        if self.stopped {
            return;
        }
        let count = u16::try_from(self.size_of(ty)).unwrap_or(0);
        let template = self.template(slot, count);
        fresh.push((slot, template, count));
    }

    /// Slots that keep the initial values of `slot..` for variables that start fresh at every call.
    fn template(&mut self, slot: Slot, count: u16) -> Slot {
        let from = usize::from(slot);
        if count == 1 {
            let bits = self.init.get(from).copied().unwrap_or(0);
            return self.constant_slot(bits);
        }
        let values: Vec<u64> = self
            .init
            .get(from..from + usize::from(count))
            .map(<[u64]>::to_vec)
            .unwrap_or_default();
        let template = self.slots(values.len(), 0);
        self.set_initial(template, &values);
        template
    }

    pub(super) fn set_initial(&mut self, slot: Slot, values: &[u64]) {
        let from = usize::from(slot);
        if let Some(target) = self.init.get_mut(from..from + values.len()) {
            target.copy_from_slice(values);
        }
    }

    fn located_variable(
        &mut self,
        name: &Name,
        decl: &'a VarDecl,
        ty: VarTy,
        at: (DirectAddress, Pos),
        block: &'a VarBlock,
        owner: Owner<'_>,
    ) {
        let (address, pos) = at;
        let VarTy::Scalar(ty) = ty else {
            self.error(
                pos,
                "ST042",
                "only single values can be located",
                "locate each element in a variable of its own",
            );
            return;
        };
        if !ty.fits(address.size) {
            let hint = "X holds BOOL; B BYTE, SINT, USINT; W WORD, INT, UINT; D DWORD, DINT, UDINT, REAL; L LWORD, LINT, ULINT, LREAL";
            self.error(
                pos,
                "ST042",
                format!(
                    "{} cannot be located at an address of this width",
                    ty.name()
                ),
                hint,
            );
        }
        if owner.kind == Some(PouKind::Function)
            || block.constant
            || !matches!(block.section, Section::Local | Section::Global)
        {
            self.error(
                pos,
                "ST042",
                "this section cannot be located",
                "use VAR or VAR_GLOBAL",
            );
        }
        let Some(at) = self.address(address, pos) else {
            return;
        };
        let default = decl.init.is_some() || matches!(ty, Ty::Enum(_));
        let value = match &decl.init {
            Some(Init::Value(expr)) => self.constant_of(expr, ty).unwrap_or(0),
            Some(_) => {
                self.error(
                    pos,
                    "ST041",
                    "a located variable takes a single value",
                    "give a single value",
                );
                0
            }
            None => self.default_value(ty),
        };
        let retain = owner.retain || block.retain;
        // Where several variables share an address, the first initial value counts.
        if (default || retain)
            && address.area != Area::Input
            && self.located_places.insert((at, address.size))
        {
            self.located.push(LocatedInit {
                at,
                size: address.size,
                value,
                retain,
            });
        }
        let place = VarPlace::Memory {
            at,
            size: address.size,
        };
        let var = Var {
            ty: VarTy::Scalar(ty),
            place,
            section: block.section,
            read_only: address.area == Area::Input,
        };
        self.symbol(owner, &name.text, var);
        self.declare(name, var);
    }

    /// Place of a direct address in memory: a byte, of a bit eight times the byte plus the bit.
    pub(super) fn address(&mut self, address: DirectAddress, pos: Pos) -> Option<u32> {
        let byte = self.layout.absolute(address);
        let at = match (byte, address.size) {
            (Some(byte), AccessSize::Bit) => byte
                .checked_mul(8)
                .and_then(|b| b.checked_add(u32::from(address.bit))),
            (byte, _) => byte,
        };
        if at.is_none() {
            self.error(
                pos,
                "ST043",
                "the controller has no memory at this address",
                "use a smaller address or enlarge the area in the controller's settings",
            );
        }
        at
    }
}
